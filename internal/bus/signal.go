// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"errors"
	"slices"

	"github.com/rouse-init/rouse/internal/bus/wire"
)

// topic is a kind of signals: those of objects at or below root.
type topic struct{ root, iface, member string }

// interestChanged says that some client may want other signals than before.
func (s *Server) interestChanged() { clear(s.wanted) }

// Wanted tells whether anybody would get a signal of this member, so that
// nobody need build it.
func (s *Server) Wanted(path, iface, member string) bool {
	for c := range s.conns {
		if c.wants(path, iface, member) {
			return true
		}
	}
	return s.wantedOutside(path, iface, member)
}

// WantedBelow tells whether anybody would get a signal of this member from
// some object at or below root. What the clients want is remembered, for each of
// the few roots that it is asked for, until one comes, goes or changes its
// mind: it costs next to nothing, however often it is asked.
func (s *Server) WantedBelow(root, iface, member string) bool {
	t := topic{root, iface, member}
	yes, known := s.wanted[t]
	if !known {
		for c := range s.conns {
			yes = yes || c.wantsBelow(t)
		}
		s.wanted[t] = yes
	}
	return yes || s.wantedOutside(root, iface, member)
}

// Emit queues a signal for all who want it. The values of sig are written by
// body.
func (s *Server) Emit(path, iface, member, sig string, body func(*wire.Encoder)) {
	if !s.Wanted(path, iface, member) {
		return
	}
	m, ok := s.signal(path, iface, member, sig, body)
	if !ok {
		return
	}
	for c := range s.conns {
		if c.wants(path, iface, member) {
			c.send(&m, nil)
		}
	}
	s.emitOutside(&m)
}

func (s *Server) signal(path, iface, member, sig string, body func(*wire.Encoder)) (wire.Message, bool) {
	var e wire.Encoder
	if body != nil && !s.guard(&member, func() { body(&e) }) {
		return wire.Message{}, false
	}
	return wire.Message{Type: wire.Signal, Flags: wire.NoReply, Path: path, Interface: iface, Member: member, Signature: sig, Body: e.Data()}, true
}

// Subscribe has the client get the signals of an object that are sent by
// EmitSubscribed. Who is reached by a message bus cannot have them.
func (c *Call) Subscribe(path, iface, member string) error {
	if c.conn.via != nil {
		return errors.New("this is told on the manager's own socket only, not through a message bus")
	}
	t := topic{path, iface, member}
	if !slices.Contains(c.conn.topics, t) {
		c.conn.topics = append(c.conn.topics, t)
		c.conn.srv.interestChanged()
	}
	return nil
}

// Subscribed tells whether there is anyone to get a signal of EmitSubscribed.
func (s *Server) Subscribed(path, iface, member string) bool {
	t := topic{path, iface, member}
	for c := range s.conns {
		if slices.Contains(c.topics, t) {
			return true
		}
	}
	return false
}

// EmitSubscribed is Emit for those only who have asked by a method that calls
// Subscribe, whatever their match rules are.
func (s *Server) EmitSubscribed(path, iface, member, sig string, body func(*wire.Encoder)) {
	if !s.Subscribed(path, iface, member) {
		return
	}
	m, ok := s.signal(path, iface, member, sig, body)
	if !ok {
		return
	}
	t := topic{path, iface, member}
	for c := range s.conns {
		if slices.Contains(c.topics, t) {
			c.send(&m, nil)
		}
	}
}

// wants tells whether the client gets a signal. Those that talk to a plain
// private socket get all of them, as systemctl expects, until their first call
// has shown which of the services behind the socket they talk to.
func (c *conn) wants(path, iface, member string) bool {
	if !c.auth.done || c.fd < 0 {
		return false
	}
	if !c.strict {
		return c.speaks == nil || within(path, c.speaks.Root)
	}
	for i := range c.rules {
		if c.rules[i].matches(wire.Signal, path, iface, member) {
			return true
		}
	}
	return false
}

// wantsBelow is wants for any object at or below the root of t.
func (c *conn) wantsBelow(t topic) bool {
	if !c.auth.done || c.fd < 0 {
		return false
	}
	if !c.strict {
		return c.speaks == nil || within(t.root, c.speaks.Root)
	}
	for i := range c.rules {
		if c.rules[i].reaches(t.root, t.iface, t.member) {
			return true
		}
	}
	return false
}
