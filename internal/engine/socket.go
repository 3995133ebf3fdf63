// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

// socketState is where a socket unit is in its life; the names are systemd's.
type socketState uint8

const (
	sckDead socketState = iota
	sckStartPre
	sckOpening // "start-chown" of systemd: the sockets are being made
	sckStartPost
	sckListening
	sckRunning
	sckStopPre
	sckStopPreSigterm
	sckStopPreSigkill
	sckStopPost
	sckFinalSigterm
	sckFinalSigkill
	sckFailed
)

func (s socketState) starting() bool { return s >= sckStartPre && s <= sckStartPost }
func (s socketState) up() bool       { return s == sckListening || s == sckRunning }
func (s socketState) stopping() bool { return s >= sckStopPre && s <= sckFinalSigkill }

// open states are those in which the descriptors exist; in held ones they do,
// or are about to.
func (s socketState) open() bool { return s >= sckStartPost && s <= sckStopPreSigkill }
func (s socketState) held() bool { return s >= sckOpening && s <= sckStopPreSigkill }

func (s socketState) String() string {
	switch s {
	case sckDead:
		return "dead"
	case sckStartPre:
		return "start-pre"
	case sckOpening:
		return "start-chown"
	case sckStartPost:
		return "start-post"
	case sckListening:
		return "listening"
	case sckRunning:
		return "running"
	case sckStopPre:
		return "stop-pre"
	case sckStopPreSigterm:
		return "stop-pre-sigterm"
	case sckStopPreSigkill:
		return "stop-pre-sigkill"
	case sckStopPost:
		return "stop-post"
	case sckFinalSigterm:
		return "final-sigterm"
	case sckFinalSigkill:
		return "final-sigkill"
	case sckFailed:
		return "failed"
	}
	return "unknown"
}

func (s socketState) active() ActiveState {
	switch {
	case s.starting():
		return Activating
	case s.up():
		return Active
	case s.stopping():
		return Deactivating
	case s == sckFailed:
		return Failed
	}
	return Inactive
}

// socket is the part of a node that only socket units have; nil until the
// first start, and plain data like service.
type socket struct {
	State  socketState
	Result result
	Armed  bool
	// Backoff counts pauses by TriggerLimitBurst= that came close together.
	Backoff uint8

	Leaving    bool   // LeaveGroup is in force
	Leave      uint64 // the CountConnections of a leaving socket that is waited for
	LeaveTimer timer  // TimerLeave

	Control proc
	Lost    lost          // orders that were given up
	Order   uint64        // the OpenSocket that is waited for
	Bound   []unit.Listen // what that was for, or had
	Timer   timer         // TimerState
	Pause   timer         // TimerPoll: not armed before it fires
	LastHit Time          // of the trigger limit

	Unasked bool     // the last start was asked for by the manager, and nothing wants it
	Unbound *unbound // while it waits to bind again

	Starts, Trigger, Poll rate
	Sources               []source // by address; only with MaxConnectionsPerSource=
}

// source counts the connections of one peer.
type source struct {
	Addr  string
	Count uint32
}

// sourceOf returns the counter of a peer, made at need.
func (s *socket) sourceOf(addr string) *source {
	i, ok := slices.BinarySearchFunc(s.Sources, addr, func(a source, b string) int { return strings.Compare(a.Addr, b) })
	if !ok {
		s.Sources = slices.Insert(s.Sources, i, source{Addr: addr})
	}
	return &s.Sources[i]
}

// drop counts one connection less, and forgets a peer that has none.
func (s *socket) drop(addr string) {
	if c := s.sourceOf(addr); c.Count > 1 {
		c.Count--
		return
	}
	s.Sources = slices.DeleteFunc(s.Sources, func(c source) bool { return c.Addr == addr })
}

// socketDef is like serviceDef.
func (n *node) socketDef() *unit.Socket {
	if n.def.Socket != nil {
		return n.def.Socket
	}
	return &unit.Socket{Kill: unit.Kill{SendSIGKILL: true}}
}

// serviceOf is the service that an Accept=no socket starts; nil if there is
// none.
func (e *Engine) serviceOf(n *node) *node {
	for m := range e.each(n, of(Triggers)) {
		if m.def.Kind == unit.KindService {
			return m
		}
	}
	return e.node(n.socketDef().Service)
}

// wokenBy is the service that an open Accept=no socket wakes: by a new
// definition it may be another one than before.
func (e *Engine) wokenBy(n *node) *node {
	if n.socket == nil || !n.socket.State.up() || n.socketDef().Accept {
		return nil
	}
	return e.serviceOf(n)
}

// listens tells whether the node is a socket unit whose descriptors exist and
// go to the service as they are (Accept=no, and not by its members).
func (n *node) listens() bool {
	return n.socket != nil && n.socket.State.open() && !n.socketDef().Accept && n.socketDef().Distribute == 0
}

// socketsOf lists the open sockets that the service gets: Sockets= in its
// order, then those that name it by Service=.
func (e *Engine) socketsOf(n *node) []string {
	var names []string
	for _, name := range n.serviceDef().Sockets {
		if m := e.node(name); m != nil && m.listens() && !bridged(m, n) && !slices.Contains(names, m.def.Name) {
			names = append(names, m.def.Name)
		}
	}
	for m := range e.each(n, of(TriggeredBy)) {
		if m.listens() && !slices.Contains(names, m.def.Name) {
			names = append(names, m.def.Name)
		}
	}
	return names
}

// Sockets lists the open sockets that a service gets when it starts, in the
// order in which it gets them.
func (e *Engine) Sockets(service string) []string {
	n := e.node(service)
	if n == nil || n.def.Service == nil {
		return nil
	}
	return e.socketsOf(n)
}

// setSocket enters a state.
func (e *Engine) setSocket(n *node, st socketState) {
	s := n.socket
	was := s.State
	s.State = st
	if !s.Control.alive() {
		e.disarm(n, TimerState, &s.Timer)
	}
	if was.up() && !st.up() {
		e.disarmSocket(n)
		e.disarm(n, TimerPoll, &s.Pause)
		e.disarm(n, TimerLeave, &s.LeaveTimer)
		s.Leaving, s.Leave = false, 0
		if svc := e.serviceOf(n); svc != nil && svc.service != nil && svc.service.Knocker == n.def.Name {
			e.leaveQueue(svc)
		}
	}
	if was.held() && !st.held() {
		e.emit(CloseSocket{Unit: n.def.Name})
		e.idleSocketGone(n)
	}
	n.view.Result = s.Result.String()
	e.enter(n, st.active(), st.String())
}

// armSocket watches for knocks, unless it does or must not yet.
func (e *Engine) armSocket(n *node) {
	s := n.socket
	if s.Armed || s.Pause.Gen != 0 || !s.State.up() {
		return
	}
	s.Armed = true
	e.emit(ArmSocket{Unit: n.def.Name})
}

func (e *Engine) disarmSocket(n *node) {
	if n.socket.Armed {
		n.socket.Armed = false
		e.emit(DisarmSocket{Unit: n.def.Name})
	}
}
