// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// A socket with Distribute= opens nothing itself: it requires its members, which
// are sockets of one address each with a service of its own.

// keepGroup is the definition that n gets. An open socket cannot become several,
// nor several one, without being closed: it goes on as it is.
func (e *Engine) keepGroup(n *node, u *unit.Unit) *unit.Unit {
	old := n.def
	if u == old || n.socket == nil || !n.socket.State.held() || shares(old) == shares(u) {
		return u
	}
	if old.Socket.MemberOf == "" {
		e.record(RecordWarning, n, "cannot change between one socket and several (Distribute=) while it listens, going on as before; "+
			"fix: stop %s, reload, and start it again", old.Name)
	}
	return old
}

// keptMember tells whether a unit that nothing defines any more is an open member
// of a socket that still is there: that goes on as it is, and so does this.
func (e *Engine) keptMember(n *node, gone []string) bool {
	return n.socket != nil && n.socket.State.held() && n.def.Socket != nil && n.def.Socket.MemberOf != "" &&
		!slices.Contains(gone, n.def.Socket.MemberOf)
}

// shares tells the sockets with Distribute= and their members.
func shares(u *unit.Unit) bool {
	return u.Socket != nil && (u.Socket.Distribute > 0 || u.Socket.MemberOf != "")
}

// recheckGroup follows Distribute= of a socket that is up.
func (e *Engine) recheckGroup(n *node) {
	e.followGroup(n)
	if n.socketDef().Distribute == 0 {
		return
	}
	for m := range e.each(n, pullsStart) {
		if d := m.def.Socket; d != nil && d.MemberOf == n.def.Name && dead(m.view.Active) && m.job == nil && e.elsewhere(m) == nil {
			e.autoJob(m, Start, unit.ModeFail, "Distribute= of "+n.def.Name)
		}
	}
}

// leaveIdle is X-IdleSec= of a service whose socket leaves: nobody comes any
// more, so that there is nothing to wait for but a second look.
const leaveIdle = Time(100 * time.Millisecond)

// The pauses between looks at a socket that leaves while its service is down.
const (
	leavePause  = Time(100 * time.Millisecond) // something is on its way to the queue
	leaveQueued = Time(time.Second)            // a knock is due
)

// followGroup has a member leave those of its address, or come back, as its
// definition says.
func (e *Engine) followGroup(n *node) {
	s, d := n.socket, n.socketDef()
	switch {
	case d.Leaving && !s.Leaving:
		s.Leaving = true
		e.emit(LeaveGroup{Unit: n.def.Name})
		n.view.Cause = "takes no new connections: Distribute= of " + d.MemberOf + " is lower now"
		e.record(RecordInfo, n, "%s", n.view.Cause)
		e.trace(n)
		e.changed(n)
		e.leaveLook(n)
	case !d.Leaving && s.Leaving:
		s.Leaving, s.Leave = false, 0
		e.disarm(n, TimerLeave, &s.LeaveTimer)
		e.emit(JoinGroup{Unit: n.def.Name})
		n.view.Cause = "takes new connections again: Distribute= of " + d.MemberOf
		e.trace(n)
		e.changed(n)
		if svc := e.serviceOf(n); svc != nil {
			e.idleAnew(svc)
		}
	case s.Leaving && s.State == sckListening && s.Leave == 0:
		e.leaveLook(n)
	}
}

// leaveLook finds out whether all that came to a leaving socket is served: a
// service that runs is put to sleep by its idleness, and then, or if it does not,
// the queue tells.
func (e *Engine) leaveLook(n *node) {
	s := n.socket
	e.disarm(n, TimerLeave, &s.LeaveTimer)
	svc := e.serviceOf(n)
	if svc != nil && (svc.job != nil || svc.service != nil && !svc.service.State.down()) {
		s.Leave = 0
		e.idleAnew(svc)
		return
	}
	e.work.leaving = append(e.work.leaving, n.id)
}

// lookAtLeaving orders one look at all that leaveLook has chosen in this Step.
func (e *Engine) lookAtLeaving() {
	var t Token
	var sockets []string
	for _, id := range e.work.leaving {
		n := e.nodes[id]
		if n == nil || n.socket == nil || !n.socket.Leaving || n.socket.State != sckListening || t.Gen != 0 && n.socket.Leave == t.Gen {
			continue
		}
		if t.Gen == 0 {
			t = e.order(n.def.Name)
		}
		n.socket.Leave = t.Gen
		sockets = append(sockets, n.def.Name)
	}
	e.work.leaving = e.work.leaving[:0]
	if t.Gen != 0 {
		e.emit(CountConnections{Token: t, Sockets: sockets})
	}
}

// leaveCounted closes a leaving socket that nobody waits in; false: this is not
// the count that it waits for.
func (e *Engine) leaveCounted(c *Count, gen uint64) bool {
	n := e.node(c.Socket)
	if n == nil || n.socket == nil || n.socket.Leave == 0 || n.socket.Leave != gen {
		return false
	}
	s := n.socket
	s.Leave = 0
	if s.State != sckListening {
		return true // its service runs: it is looked at again when that ends
	}
	switch {
	case c.Open == 0 && c.Queued == 0 && n.job == nil:
		e.autoJob(n, Stop, unit.ModeReplace, "all that came to it is served (Distribute= of "+n.socketDef().MemberOf+")")
	case c.Queued > 0:
		e.arm(n, TimerLeave, &s.LeaveTimer, e.now+leaveQueued)
	default:
		e.arm(n, TimerLeave, &s.LeaveTimer, e.now+leavePause)
	}
	return true
}

// lastOfAll tells whether a socket of the service leaves: what it does now it does
// for the last time, and alone.
func (e *Engine) lastOfAll(n *node) bool {
	for m := range e.each(n, triggeredBy) {
		if m.def.Socket != nil && m.def.Socket.Leaving {
			return true
		}
	}
	return false
}

// idleAnew gathers the idle policy of a service again, which a socket that
// leaves or comes back has changed.
func (e *Engine) idleAnew(n *node) {
	s := n.service
	if s == nil {
		return
	}
	x := s.Idle
	if x == nil {
		e.idleEnter(n)
		return
	}
	if x.asleep() {
		e.unfreeze(n)
	}
	x.take(e.idlePolicy(n))
	if x.Phase == idleAwake {
		e.judgeAnew(n)
	}
}
