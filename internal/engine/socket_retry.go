// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// An address that cannot be had fails the start of its socket, as systemd does;
// but a socket that ought to listen, and not only because a person has just
// asked for it, tries again. It stays failed meanwhile, so that its handlers run
// once, and one with commands is left alone: they would have to run each time. So
// is one with Distribute=, whose members listen together or not at all.

const (
	firstRetry = Time(time.Second)
	lastRetry  = Time(60 * time.Second)
)

// unbound is what a socket has whose address could not be had.
type unbound struct {
	Msg   string // why
	Tries uint8
	Timer timer // TimerRestart
}

// persists tells whether the socket is to be bound whenever that can be.
func (e *Engine) persists(n *node) bool {
	d := n.socketDef()
	return !e.stopping() && n.view.Load == unit.Loaded && len(d.Commands) == 0 && d.Distribute == 0 && d.MemberOf == "" &&
		(n.socket.Unasked || e.needed(n))
}

// retrySocket plans the next attempt after one that failed because of msg.
func (e *Engine) retrySocket(n *node, msg string) {
	s := n.socket
	if s.Unbound == nil {
		s.Unbound = &unbound{}
	}
	u := s.Unbound
	delay := min(firstRetry<<min(u.Tries, 6), lastRetry)
	u.Tries = min(u.Tries+1, 6)
	if u.Msg != "" && u.Msg != msg {
		e.record(RecordWarning, n, "still cannot listen: %s", msg)
	}
	u.Msg = msg
	n.view.Failure = "waits to bind again in " + time.Duration(delay).String() + ": " + msg
	e.arm(n, TimerRestart, &u.Timer, e.now+delay)
	e.changed(n)
}

// retryTime: the address may be free by now.
func (e *Engine) retryTime(n *node) {
	s := n.socket
	s.Unbound.Timer = timer{}
	switch without := e.without(n); {
	case s.State != sckFailed || n.job != nil:
	case !e.persists(n):
		e.endRetry(n)
	case without != "":
		e.retrySocket(n, without)
	default:
		e.bind(n)
	}
}

// without says that the service of a socket that does not listen runs; "" if it
// does not. It cannot be given a socket any more.
func (e *Engine) without(n *node) string {
	svc := e.serviceOf(n)
	if n.socketDef().Accept || svc == nil || svc.service == nil || svc.service.State.down() {
		return ""
	}
	return svc.def.Name + " runs without its socket"
}

// endRetry gives up: the socket is stopped, started or reset.
func (e *Engine) endRetry(n *node) {
	s := n.socket
	if s == nil || s.Unbound == nil {
		return
	}
	e.disarm(n, TimerRestart, &s.Unbound.Timer)
	n.view.Failure = s.Unbound.Msg
	s.Unbound = nil
	if s.Order != 0 && s.State == sckFailed {
		s.Order = 0
		e.emit(CloseSocket{Unit: n.def.Name})
	}
	e.changed(n)
}

// boundAtLast: a failed socket has its address. It is given back if the service
// has started meanwhile.
func (e *Engine) boundAtLast(n *node) {
	s := n.socket
	if without := e.without(n); without != "" {
		e.emit(CloseSocket{Unit: n.def.Name})
		e.retrySocket(n, without)
		return
	}
	s.Unbound, s.Result = nil, resSuccess
	n.view.Failure, n.view.Cause = "", "its address has become free"
	e.record(RecordInfo, n, "listens at last: its address has become free")
	e.gen++
	n.view.Run = e.gen
	e.enterListening(n)
}
