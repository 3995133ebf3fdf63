// SPDX-License-Identifier: Apache-2.0

package engine

import "github.com/rouse-init/rouse/internal/unit"

// ThrottleInterval of launchd.plist(5): a service is not started again before so
// long after its last start, whatever asks for it. A start that comes earlier
// waits in the state auto-restart, its job too; clients wait in the queues of
// the sockets, which are not watched meanwhile. A start that a person asks for
// does not wait, nor one that wakes a service from its sleep.

// throttled has a start wait; false: it may go on.
func (e *Engine) throttled(n *node, wakes bool) bool {
	s := n.service
	if e.now >= s.NotBefore || wakes || e.down {
		return false
	}
	if s.State == svcAutoRestart {
		return true
	}
	e.arm(n, TimerRestart, &s.Timer, s.NotBefore)
	s.Throttled = true
	e.setService(n, svcAutoRestart)
	return true
}

// throttleRun begins the time in which the run that begins is the only one.
func (e *Engine) throttleRun(n *node) {
	s, d := n.service, n.serviceDef()
	s.Throttled, s.NotBefore = false, 0
	if d.Throttle > 0 && d.Throttle != unit.Infinity {
		s.NotBefore = e.now + Time(d.Throttle)
	}
}

// unthrottle lets the next start begin at once, and one that waits.
func (e *Engine) unthrottle(n *node) {
	s := n.service
	if s == nil {
		return
	}
	s.NotBefore = 0
	if s.Throttled && n.job != nil && n.job.Type == Start {
		n.job.Running = false
		e.queueRun(n)
	}
}

// endThrottle: the start that waited may begin.
func (e *Engine) endThrottle(n *node) {
	s := n.service
	s.Throttled = false
	if n.job == nil {
		if _, no := e.enqueue(n, Start, unit.ModeReplace, n.view.Cause); no != nil {
			n.view.Failure = joinFailure("cannot start: "+no.Msg, n.view.Failure)
			e.enterDead(n, resResources, false)
			return
		}
	}
	e.setService(n, svcAutoRestartQueued)
	if n.job != nil && n.job.Type == Start {
		n.job.Running = false
		e.queueRun(n)
	}
}
