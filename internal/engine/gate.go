// SPDX-License-Identifier: Apache-2.0

package engine

import "github.com/rouse-init/rouse/internal/unit"

// gate enters one of the two gates of a life, which no other unit sees unless
// it has to wait there.
func (e *Engine) gate(n *node, st serviceState) {
	if !n.service.State.busy() {
		e.busy++
	}
	n.service.State, n.service.Gate = st, 0
}

// enterStarting is the gate before the first command: the start waits until
// all that reacts to the event has done so (starting(7)).
func (e *Engine) enterStarting(n *node) {
	e.gate(n, svcStarting)
	if e.announce(n, evStarting, true) {
		e.setService(n, svcStarting)
		return
	}
	e.beginStart(n)
}

// enterStopping is the gate before the first command of the stop.
func (e *Engine) enterStopping(n *node, f result) {
	n.service.fail(f)
	e.throughStopping(n, svcStop)
}

// throughStopping waits at the gate, where anybody reacts to stopping(7), and
// goes on with the state next.
func (e *Engine) throughStopping(n *node, next serviceState) {
	s := n.service
	s.StopAfter = false
	e.endExpect(n)
	e.gate(n, svcStopping)
	if e.announce(n, evStopping, true) {
		s.GateNext = next
		e.disarm(n, TimerState, &s.Timer)
		e.setService(n, svcStopping)
		if !s.IdleStop {
			e.unfreeze(n) // who reacts may need it once more
		}
		return
	}
	e.passStopping(n, next)
}

// passStopping begins the stop.
func (e *Engine) passStopping(n *node, next serviceState) {
	if next != svcStop {
		if next == svcStopPost {
			e.enterStopPost(n, resSuccess)
		} else {
			e.enterSignal(n, next, resSuccess)
		}
		return
	}
	if i := firstOf(n.serviceDef().Commands, unit.PhaseStop); i >= 0 {
		e.forgetIdleWait(n)
		e.runControl(n, i, svcStop, n.serviceDef().TimeoutStop)
		return
	}
	e.enterSignal(n, svcStopSigterm, resSuccess)
}

// openGate lets n go on: the event that it waited for has completed.
func (e *Engine) openGate(n *node, event uint64) {
	s := n.service
	if s == nil || s.Gate != event {
		return // it went on without
	}
	s.Gate = 0
	switch s.State {
	case svcStarting:
		e.beginStart(n)
	case svcStopping:
		e.passStopping(n, s.GateNext)
	default:
		e.bug(n, "an open gate")
	}
}
