// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// rate counts events in a window that begins with the first of them, as the
// *LimitIntervalSec= and *LimitBurst= settings mean it.
type rate struct {
	Begin Time
	Count uint32
	Open  bool // Begin counts
}

// below counts one more event and tells whether it is within the burst. No
// interval or no burst means no limit.
func (r *rate) below(now Time, interval time.Duration, burst uint32) bool {
	if interval <= 0 || burst == 0 {
		return true
	}
	if !r.Open || now-r.Begin >= Time(interval) {
		*r = rate{Begin: now, Open: true}
	}
	if r.Count < burst {
		r.Count++
		return true
	}
	return false
}

// end is when the window ends, so that events are let in again.
func (r *rate) end(interval time.Duration) Time {
	if interval == unit.Infinity {
		interval = 365 * 24 * time.Hour
	}
	return r.Begin + Time(interval)
}

// mayStart counts a start against StartLimitBurst= (systemd.unit(5)). A knock
// at a service that sleeps does not count: sleeping is no failure, however
// often it happens.
func (e *Engine) mayStart(n *node, starts *rate, free bool) bool {
	d := n.def
	if free || starts.below(e.now, d.StartLimitInterval, d.StartLimitBurst) {
		return true
	}
	msg := "started too often (StartLimitBurst=" + itoa(int64(d.StartLimitBurst)) +
		" in StartLimitIntervalSec=" + d.StartLimitInterval.String() + ")"
	n.view.Failure = joinFailure(msg, n.view.Failure)
	n.view.Cause = msg
	e.record(RecordWarning, n, "%s; `reset-failed` allows it again", msg)
	if d.StartLimitAction != unit.ActionNone {
		e.emit(RunAction{Action: d.StartLimitAction, Exit: -1, Arg: d.RebootArgument, Unit: d.Name, Why: msg})
	}
	return false
}

// joinFailure keeps the cause of the failures behind a limit in sight, once.
func joinFailure(msg, last string) string {
	if last == "" {
		return msg
	}
	if strings.HasPrefix(last, msg) {
		return last
	}
	return msg + "; last failure: " + last
}
