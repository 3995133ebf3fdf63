// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// sleep begins the way to sleep.
func (e *Engine) sleep(n *node) {
	if e.tooYoung(n) {
		return
	}
	e.freeze(n)
	n.service.Idle.Phase = idleFreezing
}

// freeze orders Freeze and stops the service's clocks.
func (e *Engine) freeze(n *node) {
	x := n.service.Idle
	e.unlook(n)
	e.disarm(n, TimerTier, &x.Depth.Timer)
	x.Stuck = false
	e.dropJudge(n)
	e.pauseClocks(n)
	t := e.order(n.def.Name)
	x.Gen, x.Ice = t.Gen, true
	n.view.Freezer = "freezing"
	e.emit(Freeze{Token: t})
}

// unfreeze lets a frozen service go on, whatever froze it, before a signal or
// a command of the manager needs it to run.
func (e *Engine) unfreeze(n *node) {
	s := n.service
	x := s.Idle
	if x == nil || !x.Ice {
		return
	}
	asleep := x.asleep()
	e.dropTicket(n)
	x.Ice, x.Held, s.Waking = false, false, false
	e.thawNeeds(n)
	e.regroupNeeds(n)
	t := e.order(n.def.Name)
	x.Gen = t.Gen
	e.emit(Thaw{Token: t})
	if asleep {
		e.unwatch(n)
	}
	n.view.Freezer = "thawing"
	n.view.IdleSince = 0
	e.rise(n)
	x.Phase = idleThawing
	if !s.State.up() {
		x.Phase = idleStopping // what is held stays held until it is dead
		return
	}
	x.Depth.Down = false
	e.reseat(n)
	e.release(n)
	e.resumeClocks(n)
}

// thawPause is the time between two tries to thaw what could not be thawed.
const thawPause = Time(time.Second)

// thawAgain tries once more.
func (e *Engine) thawAgain(n *node) {
	x := n.service.Idle
	e.disarm(n, TimerTier, &x.Depth.Timer)
	t := e.order(n.def.Name)
	x.Gen = t.Gen
	e.emit(Thaw{Token: t})
}

// release lets held connections in.
func (e *Engine) release(n *node) {
	if x := n.service.Idle; x.Hold {
		x.Hold = false
		e.emit(ReleaseConnections{Sockets: x.Sockets})
	}
}

// unwatch ends the watch over the connections and sockets of a sleeper.
func (e *Engine) unwatch(n *node) {
	x := n.service.Idle
	e.unwatchConnections(n)
	for _, name := range x.Sockets {
		if m := e.node(name); m != nil && m.socket != nil {
			e.disarmSocket(m)
		}
	}
}

// frozen: nothing of the service runs. Now a look tells the truth.
func (e *Engine) frozen(n *node, in Frozen) {
	x := n.service.Idle
	if x == nil || x.Phase != idleFreezing || in.Token.Gen != x.Gen {
		e.late++
		return
	}
	n.view.MemoryBefore, n.view.CPUBefore = in.Memory, in.CPU
	if x.Held {
		e.heldFrozen(n)
		return
	}
	x.Phase = idleLooking
	e.count(n)
}

// heldFrozen: frozen by a person.
func (e *Engine) heldFrozen(n *node) {
	x := n.service.Idle
	e.release(n)
	e.rise(n)
	x.Phase, x.Depth.Stopping, x.Depth.Down = idleFrozen, false, true
	e.reseat(n)
	n.view.IdleSince = 0
	n.view.Freezer = "frozen"
	n.view.Cause, n.view.HeldSince = "frozen on request", e.now
	e.answer(n, nil)
	e.changed(n)
	e.regroupNeeds(n)
	e.needsThawed() // nobody waits for what a person froze
}

// answer replies to AskedFreeze or AskedThaw.
func (e *Engine) answer(n *node, no *Refusal) {
	if x := n.service.Idle; x.Asked {
		x.Asked = false
		e.emit(Reply{ID: x.Ask, Err: no})
	}
}

// counted decides what becomes of a frozen service.
func (e *Engine) counted(n *node, c Count) {
	x := n.service.Idle
	n.view.OpenBefore = c.Open
	if x.Depth.Stopping {
		e.sleeperCounted(n, c)
		return
	}
	if x.Action == unit.IdleFreeze {
		if c.Queued > 0 || c.Traffic || c.Open > 0 && c.Silence < x.silence() || x.owes(c) {
			e.unfreeze(n)
			return
		}
		e.fallAsleep(n)
		return
	}
	if c.Open > 0 || c.Queued > 0 || c.Traffic {
		e.unfreeze(n)
		return
	}
	e.stopIdle(n, x.why("no connection"))
}

// stopIdle stops a frozen service that a look has found without connections.
// One that does not die at once of SIGKILL would accept new ones while it stops:
// they are held back first, and looked for again.
func (e *Engine) stopIdle(n *node, cause string) {
	x, k := n.service.Idle, &n.serviceDef().Kill
	atOnce := k.Signal == sigKILL && k.Mode == unit.KillControlGroup && firstOf(n.serviceDef().Commands, unit.PhaseStop) < 0
	if x.Phase == idleLooking && !atOnce && len(x.Sockets) > 0 {
		x.Phase, x.Hold = idleHolding, true
		e.emit(HoldConnections{Sockets: x.Sockets})
		e.count(n)
		return
	}
	n.service.IdleStop = true
	n.view.Cause = cause
	e.enterStopping(n, resSuccess)
}

// fallAsleep leaves the service frozen until somebody knocks or sends.
func (e *Engine) fallAsleep(n *node) {
	x := n.service.Idle
	x.Phase, x.Gen = idleFrozen, 0
	n.view.Freezer = "frozen"
	n.view.Cause = x.why("silent")
	n.view.Sleeps++
	n.view.IdleSince = e.now
	e.sink(n)
	e.watchSleeper(n)
}

// watchSleeper lets a knock or a byte wake it.
func (e *Engine) watchSleeper(n *node) {
	x := n.service.Idle
	for _, name := range x.Sockets {
		if m := e.node(name); m != nil && m.socket != nil {
			e.armSocket(m)
		}
	}
	e.watchConnections(n)
	e.changed(n)
	e.regroupNeeds(n)
}

// wake thaws a sleeper, after what it needs.
func (e *Engine) wake(n, sock *node) { e.wakeFor(n, sock.def.Name+" was knocked on") }

// wakeFor is wake for any cause: a start of what is up already wakes it, too.
func (e *Engine) wakeFor(n *node, cause string) {
	if n.service == nil || !n.service.Idle.asleep() || n.service.Waking {
		return // it is awake, or on its way
	}
	e.wokenNow(n)
	n.service.Idle.Depth.Down = false // it takes its seat, also while it waits for what it needs
	e.reseat(n)
	if !e.awaitNeeds(n) {
		e.unfreeze(n)
	}
	n.view.Wakes++
	n.view.Cause = cause
	e.changed(n)
}

// thawed: it runs again.
func (e *Engine) thawed(n *node, gen uint64) {
	s := n.service
	x := s.Idle
	if x == nil || gen != x.Gen || x.Phase != idleThawing && x.Phase != idleStopping {
		e.late++
		return
	}
	x.Gen, x.CPUAt, x.Stuck = 0, 0, false
	n.view.Freezer = "running"
	e.answer(n, nil)
	e.changed(n)
	if x.Phase == idleStopping {
		return
	}
	x.Phase = idleAwake
	defer e.needsThawed()
	if x.Sec == 0 && !x.Group {
		s.Idle = nil
		return
	}
	e.idleEnter(n)
}

// freezeFailed answers Freeze or Thaw.
func (e *Engine) freezeFailed(n *node, in FreezeFailed) {
	x := n.service.Idle
	if x == nil || in.Token.Gen != x.Gen || x.Phase == idleLooking || x.Phase == idleHolding {
		e.late++
		return
	}
	if !x.Stuck {
		e.record(RecordWarning, n, "%s", in.Msg)
	}
	if x.Phase != idleFreezing {
		e.answer(n, &Refusal{Code: "FreezeFailed", Msg: in.Msg})
		if !in.Still {
			e.thawed(n, x.Gen)
			return
		}
		x.Gen, x.Stuck = 0, true
		n.view.Cause = in.Msg
		e.arm(n, TimerTier, &x.Depth.Timer, e.now+thawPause)
		e.changed(n)
		return
	}
	x.Gen, x.Ice, x.Held, x.Phase = 0, false, false, idleAwake
	x.Used, x.Evicted = e.now, ""
	n.view.Freezer = "running"
	e.resumeClocks(n)
	e.answer(n, &Refusal{Code: "FreezeFailed", Msg: in.Msg})
	e.needsThawed()
	if x.Sec == 0 && !x.Group {
		n.service.Idle = nil
		return
	}
	x.Since, x.Empty = e.now, false
	e.planLook(n, e.now+max(x.Sec, maxPause)) // not at once again: the cause will last
	if x.Group {
		e.groupFailed(n)
	}
}
