// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"math"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// shallRestart decides by Restart= and its kin, in the order of
// systemd.service(5).
func (e *Engine) shallRestart(n *node) bool {
	s, d := n.service, n.serviceDef()
	switch {
	case s.ForbidRestart, s.IdleStop, e.stopping():
		return false
	case s.More != nil && s.More.Conn != 0:
		return false // its connection is gone
	case d.Job != nil:
		return s.Respawning
	case exitIn(d.RestartPrevent, &n.view):
		return false
	case exitIn(d.RestartForce, &n.view):
		return d.Type != unit.TypeOneshot || s.Result != resSuccess
	}
	return restartsOn(d.Restart, s.Result)
}

// restartsOn is the table of systemd.service(5), Restart=.
func restartsOn(p unit.RestartPolicy, r result) bool {
	switch p {
	case unit.RestartNo:
		return false
	case unit.RestartAlways:
		return r != resCondition
	case unit.RestartOnSuccess:
		return r == resSuccess
	case unit.RestartOnFailure:
		return r != resSuccess && r != resCondition
	case unit.RestartOnAbnormal:
		return r != resSuccess && r != resExitCode && r != resCondition
	case unit.RestartOnWatchdog:
		return r == resWatchdog
	case unit.RestartOnAbort:
		return r == resSignal || r == resCoreDump
	}
	return false
}

// exitIn tells whether the main process ended by a code or signal of the set.
func exitIn(set *unit.ExitSet, v *View) bool {
	if set == nil {
		return false
	}
	switch v.MainCode {
	case codeExited:
		return contains(set.Codes, v.MainStatus)
	case codeKilled, codeDumped:
		return contains(set.Signals, v.MainStatus)
	}
	return false
}

// restartDelay is the time before the i-th restart in a row: RestartSec=,
// rising to RestartMaxDelaySec= in RestartSteps= steps by equal factors.
func restartDelay(d *unit.Service, i uint32) time.Duration {
	first, last := d.RestartSec, d.RestartMaxDelay
	switch {
	case i <= 1 || d.RestartSteps == 0 || first <= 0 || endless(last) || first >= last:
		return max(first, 0)
	case i > d.RestartSteps:
		return last
	}
	by := math.Pow(float64(last)/float64(first), float64(i-1)/float64(d.RestartSteps))
	return time.Duration(float64(first) * by).Truncate(time.Microsecond)
}

// enterRestart: the delay is over. The start is a job like any other, one that
// restarts what depends on the unit.
func (e *Engine) enterRestart(n *node) {
	s := n.service
	if s.State != svcAutoRestart {
		e.bug(n, "restart timer")
		return
	}
	if n.job != nil && n.job.Type == Stop {
		return // the stop ends the matter
	}
	if s.Throttled {
		e.endThrottle(n)
		return
	}
	cause := "Restart= after result " + s.Result.String()
	if s.Respawning {
		cause = n.view.Cause
	}
	mode := unit.ModeRestartDependencies
	if e.discreet(n) {
		mode = unit.ModeReplace
	}
	_, no := e.enqueue(n, Start, mode, cause)
	if no != nil {
		n.view.Failure = joinFailure("cannot restart: "+no.Msg, n.view.Failure)
		e.enterDead(n, resResources, false)
		return
	}
	n.view.NRestarts++
	s.FlushRestarts = false
	e.setService(n, svcAutoRestartQueued)
	if n.job != nil && n.job.Running {
		// Whoever asked for the start still waits for it (RestartMode=direct):
		// the same job starts it again.
		n.job.Running = false
		e.queueRun(n)
	}
}
