// SPDX-License-Identifier: Apache-2.0

package bus

import "github.com/rouse-init/rouse/internal/bus/wire"

// Outlet is a way to callers that have no connection of their own: a message
// bus (bus/attach). Its methods are called on the goroutine of the loop.
type Outlet interface {
	// Wants tells whether anybody there may want a signal.
	Wants(path, iface, member string) bool
	// Send takes a message without serial and sender, and its descriptors.
	// A signal without Destination is for everybody.
	Send(m *wire.Message, fds []int)
	// Listening is false where Wants is false for everything.
	Listening() bool
	// PassesFDs tells whether Send can pass descriptors.
	PassesFDs() bool
}

// Attach has signals sent to an outlet, too.
func (s *Server) Attach(o Outlet) { s.outlets = append(s.outlets, o) }

// Remote is one caller behind an outlet. It is no client: it is not counted
// and gets no signals of its own.
type Remote struct{ conn conn }

// NewRemote makes the caller with this name, of whom the bus says who it is.
func (s *Server) NewRemote(o Outlet, name string, uid uint32, pid int32) *Remote {
	r := &Remote{conn{srv: s, fd: -1, uid: uid, pid: pid, name: name, via: o, strict: true}}
	r.conn.trusted = uid == 0 || uid == s.cfg.UID
	r.conn.auth.done, r.conn.auth.fds = true, o.PassesFDs()
	return r
}

// Call answers a call of the remote, now or later, through its outlet. It
// takes the descriptors. Args and Body of m are read before it returns.
func (r *Remote) Call(m *wire.Message, fds []int) {
	if m.Interface == ifaceBus {
		// The real bus answers this itself; what comes here is a mistake.
		call := &Call{conn: &r.conn, serial: m.Serial, quiet: m.Flags&wire.NoReply != 0}
		r.conn.calls++
		closeAll(fds)
		call.Fail(ErrUnknownIface, "object %s has no interface %s", m.Path, m.Interface)
		return
	}
	r.conn.dispatch(m, fds)
}

// Calls is how many calls are not answered yet.
func (r *Remote) Calls() int { return r.conn.calls }

// Close says that the remote has gone. Answers to it are dropped from now on.
func (r *Remote) Close() {
	r.conn.via = nil
	r.conn.left()
}

// sendVia sends to a remote.
func (c *conn) sendVia(m *wire.Message, fds []int) {
	out := *m
	out.Destination, out.NFDs = c.name, uint32(len(fds))
	c.via.Send(&out, fds)
}

// Audience tells whether there is anybody who might want a signal.
func (s *Server) Audience() bool {
	if len(s.conns) > 0 {
		return true
	}
	for _, o := range s.outlets {
		if o.Listening() {
			return true
		}
	}
	return false
}

// wantedOutside tells whether an outlet wants a signal.
func (s *Server) wantedOutside(path, iface, member string) bool {
	for _, o := range s.outlets {
		if o.Wants(path, iface, member) {
			return true
		}
	}
	return false
}

// emitOutside sends a signal to the outlets that want it.
func (s *Server) emitOutside(m *wire.Message) {
	for _, o := range s.outlets {
		if o.Wants(m.Path, m.Interface, m.Member) {
			out := *m
			out.Destination = "" // that of the last client
			o.Send(&out, nil)
		}
	}
}
