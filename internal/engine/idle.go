// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// idlePhase is how far a service is on its way to sleep. A service sleeps only
// after it was frozen and looked at again, so that no connection can slip in
// between the last look and the end.
type idlePhase uint8

const (
	idleAwake    idlePhase = iota
	idleFreezing           // Freeze is ordered
	idleLooking            // frozen; CountConnections is ordered
	idleHolding            // frozen, new connections held; looking again
	idleFrozen             // asleep, or frozen by a person
	idleThawing            // Thaw is ordered
	idleStopping           // being stopped; Thaw is ordered or done
)

// idle is what a service has that is watched for idleness, or that was frozen
// by a person; nil for all others.
type idle struct {
	Phase  idlePhase
	Action unit.IdleAction
	Held   bool // frozen by a person, until the person thaws it
	Ice    bool // Freeze was ordered after the last Thaw
	Hold   bool // HoldConnections is in force
	Empty  bool // the last look saw no connection
	Polled bool // some connections end without ConnectionClosed
	Leave  bool // one of its sockets leaves those of its address
	Stuck  bool // the last Thaw has failed, another one is to follow
	Judged bool // X-IdleCommand= has said that it is idle, not yet acted upon

	Asked bool   // a Reply to Ask is due
	Ask   uint64 // ID of AskedFreeze or AskedThaw

	Group  bool // it sleeps and wakes with those that need it (idle_group.go)
	Pinned bool // thawed by a person: awake until the group wakes the next time

	Sec     Time     // X-IdleSec=, the shortest of its sockets; 0: never, in a group at once
	Sockets []string // all its open sockets
	Bound   []string // those of who it is bound with, which are looked at, too
	Gen     uint64   // of the Freeze, Thaw or CountConnections that is waited for
	Stay    stays    // what the last look has found
	Open    uint32   // connections, then
	Since   Time     // no connection was seen since
	Heard   Time     // the last look after which a datagram had been read
	Retry   Time     // it is not frozen before
	Next    Time     // the next look, 0: none is due
	Timer   timer    // TimerIdle, kept by one service for all (see idle_look.go)
	CPU     Time     // used up to CPUAt
	CPUAt   Time
	Depth   depth

	Used    Time   // when a look saw it used last
	QuietAt Time   // of the last look, if that saw no use
	Evicted string // the slice in which it makes room by this sleep
}

// asleep tells whether a knock or a byte shall wake it.
func (x *idle) asleep() bool { return x != nil && x.Phase == idleFrozen && !x.Held }

// minLook is the shortest time between two looks.
func (e *Engine) minLook() Time {
	if e.cfg.MinIdleLook > 0 {
		return e.cfg.MinIdleLook
	}
	return Time(5 * time.Millisecond)
}

// idleEnter begins to watch a service that has come to run, if one of its
// sockets says so.
func (e *Engine) idleEnter(n *node) {
	s := n.service
	if s.State != svcRunning {
		return
	}
	if s.Idle == nil {
		x := e.idlePolicy(n)
		if x == nil {
			return
		}
		s.Idle = x
	}
	if e.regroup(n); s.Idle == nil || s.Idle.Group {
		return
	}
	if x := s.Idle; x.Sec != 0 && x.Next == 0 && x.Phase == idleAwake {
		x.Since, x.Empty = e.now, false
		e.planLook(n, e.firstLook(x))
	}
}

// idleEnd: it is dead, so new connections may come in, and wait.
func (e *Engine) idleEnd(n *node) {
	x := n.service.Idle
	if x == nil {
		return
	}
	e.unlook(n)
	e.rise(n)
	e.release(n)
	e.answer(n, &Refusal{Code: "UnitInactive", Msg: "Unit " + n.def.Name + " is not active."})
	n.view.Freezer = "running"
	n.service.Idle, n.service.Waking = nil, false
	e.rearmLooks()
	e.needsThawed()
}

// idleInhibit: X_ROUSE_BUSY= has changed.
func (e *Engine) idleInhibit(n *node) {
	e.inhibitBound(n)
	x := n.service.Idle
	if x != nil && x.Group {
		e.work.push(reaction{do: regroup, node: n.id})
	}
	if x == nil || x.Sec == 0 && !x.Group {
		return
	}
	x.Since, x.Empty = e.now, false
	switch x.Phase {
	case idleAwake:
		if !n.view.Inhibited && n.service.State == svcRunning && !x.Group {
			e.planLook(n, e.now+e.lookAfter(x))
		}
	case idleFreezing, idleLooking, idleHolding, idleFrozen:
		if n.view.Inhibited && !x.Held {
			e.unfreeze(n)
		}
	case idleThawing, idleStopping:
	}
}

// idleSocketGone: a socket is closed, so its service is not woken by it.
func (e *Engine) idleSocketGone(sock *node) {
	n := e.serviceOf(sock)
	if n == nil || n.service == nil || n.service.Idle == nil {
		return
	}
	x := n.service.Idle
	i := slices.Index(x.Sockets, sock.def.Name)
	if i < 0 {
		return
	}
	if x.Ice && !x.Held {
		e.unfreeze(n)
	}
	x.Sockets = slices.Delete(slices.Clone(x.Sockets), i, i+1)
	if len(x.Sockets) > 0 {
		return
	}
	e.unlook(n)
	x.Sec, x.Polled = 0, true
	if d := n.serviceDef(); !endless(d.IdleSec) {
		x.Sec = Time(d.IdleSec)
	}
	switch {
	case x.Phase != idleAwake:
	case x.Sec != 0 || x.Group:
		e.idleEnter(n)
	default:
		n.service.Idle = nil
		e.rearmLooks()
	}
}
