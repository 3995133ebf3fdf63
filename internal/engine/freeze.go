// SPDX-License-Identifier: Apache-2.0

package engine

import "github.com/rouse-init/rouse/internal/unit"

// pauseClocks stops the service's own clocks while it cannot run.
func (e *Engine) pauseClocks(n *node) {
	m := n.service.More
	if m == nil {
		return
	}
	if m.Runtime.Gen != 0 {
		left := max(m.Runtime.At-e.now, 1)
		e.disarm(n, TimerRuntime, &m.Runtime)
		m.Runtime.At = -left
	}
	if m.Watchdog.Gen != 0 {
		left := max(m.WatchdogDue-e.now, 1)
		e.disarm(n, TimerWatchdog, &m.Watchdog)
		m.Watchdog.At = -left
	}
}

// resumeClocks gives them what they had left.
func (e *Engine) resumeClocks(n *node) {
	m := n.service.More
	if m == nil {
		return
	}
	if m.Runtime.At < 0 {
		e.arm(n, TimerRuntime, &m.Runtime, e.now-m.Runtime.At)
	}
	if m.Watchdog.At < 0 {
		m.WatchdogDue = e.now - m.Watchdog.At
		e.arm(n, TimerWatchdog, &m.Watchdog, m.WatchdogDue)
	}
}

// askedFreeze is `freeze` by a person: it holds until thaw, or until the unit
// is stopped.
func (e *Engine) askedFreeze(n *node, in AskedFreeze) {
	no := func(code, msg string) { e.emit(Reply{ID: in.ID, Err: &Refusal{Code: code, Msg: msg}}) }
	name := n.def.Name
	switch {
	case n.def.Kind != unit.KindService:
		no("NotSupported", "Unit "+name+" cannot be frozen: only services can.")
		return
	case n.service == nil || n.service.State != svcRunning && n.service.State != svcExited:
		no("UnitInactive", "Unit "+name+" is not active.")
		return
	case n.job != nil:
		no("UnitBusy", "Unit "+name+" has a pending job.")
		return
	}
	s := n.service
	if s.Idle == nil {
		s.Idle = &idle{}
	}
	x := s.Idle
	if x.Asked && x.Held {
		no("UnitBusy", "Unit "+name+" is being frozen.")
		return
	}
	e.answer(n, &Refusal{Code: "FreezeCancelled", Msg: "Unit " + name + " is frozen again."})
	x.Held, x.Asked, x.Ask = true, true, in.ID
	switch x.Phase {
	case idleAwake, idleThawing:
		e.freeze(n)
		x.Phase = idleFreezing
	case idleFreezing:
	case idleLooking, idleHolding:
		x.Gen = 0
		e.heldFrozen(n)
	case idleFrozen:
		if n.view.IdleSince != 0 { // asleep: nobody may wake it now
			e.unwatch(n)
		}
		e.heldFrozen(n)
	case idleStopping:
		e.bug(n, "freeze")
	}
}

// askedThaw is `thaw` by a person.
func (e *Engine) askedThaw(n *node, in AskedThaw) {
	var x *idle
	if n.service != nil {
		x = n.service.Idle
	}
	switch {
	case n.def.Kind != unit.KindService:
		e.emit(Reply{ID: in.ID, Err: &Refusal{Code: "NotSupported", Msg: "Unit " + n.def.Name + " cannot be thawed: only services can."}})
	case n.service == nil || n.service.State != svcRunning && n.service.State != svcExited:
		e.emit(Reply{ID: in.ID, Err: &Refusal{Code: "UnitInactive", Msg: "Unit " + n.def.Name + " is not active."}})
	case x != nil && x.Stuck && x.Phase == idleThawing:
		e.thawAgain(n)
		x.Asked, x.Ask = true, in.ID
		n.view.Cause = "thawed on request"
	case x == nil || !x.Ice:
		e.emit(Reply{ID: in.ID})
	default:
		e.answer(n, &Refusal{Code: "FreezeCancelled", Msg: "Unit " + n.def.Name + " is thawed again."})
		e.unfreeze(n)
		x.Pinned = x.Group
		x.Asked, x.Ask = true, in.ID
		n.view.Cause = "thawed on request"
		e.changed(n)
	}
}
