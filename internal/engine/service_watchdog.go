// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// extend is EXTEND_TIMEOUT_USEC= of sd_notify(3): no running limit of the
// unit ends before that time.
func (e *Engine) extend(n *node, us uint64) {
	s := n.service
	by := Time(min(us, uint64(unit.Infinity)/4000)) * 1000
	at := e.now + by
	if s.Timer.Gen != 0 && s.Timer.At < at && s.State != svcAutoRestart {
		e.arm(n, TimerState, &s.Timer, at)
	}
	if s.More == nil {
		return
	}
	if s.More.Runtime.Gen != 0 && s.More.Runtime.At < at {
		e.arm(n, TimerRuntime, &s.More.Runtime, at)
	}
	if s.More.Watchdog.Gen != 0 && s.More.WatchdogDue < at {
		s.More.WatchdogDue = at
	}
}

// watchdogEvery is the watchdog's time that holds now, 0 for none.
func (n *node) watchdogEvery() Time {
	if m := n.service.More; m != nil && m.WatchdogEvery != 0 {
		return m.WatchdogEvery
	}
	if d := n.serviceDef().Watchdog; !endless(d) {
		return Time(d)
	}
	return 0
}

// petWatchdog moves the watchdog's end, as WATCHDOG=1 does.
func (e *Engine) petWatchdog(n *node) {
	if w := n.watchdogEvery(); w != 0 {
		n.service.more().WatchdogDue = e.now + w
	}
}

// armWatchdog starts the watchdog, unless it runs.
func (e *Engine) armWatchdog(n *node) {
	if n.watchdogEvery() == 0 {
		return
	}
	if m := n.service.more(); m.Watchdog.Gen == 0 {
		e.arm(n, TimerWatchdog, &m.Watchdog, m.WatchdogDue)
	}
}

// watchdogDue: either a WATCHDOG=1 has come since, or the service hangs.
func (e *Engine) watchdogDue(n *node) {
	m := n.service.More
	if m.WatchdogDue > e.now {
		e.arm(n, TimerWatchdog, &m.Watchdog, m.WatchdogDue)
		return
	}
	e.because(n, "it did not send WATCHDOG=1 within "+time.Duration(n.watchdogEvery()).String()+" (WatchdogSec=)")
	e.enterSignal(n, svcStopWatchdog, resWatchdog)
}
