// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/linux/poll"
	"github.com/rouse-init/rouse/internal/linux/socket"
	"github.com/rouse-init/rouse/internal/unit"
)

// openSocket is a socket unit as it is in the kernel.
type openSocket struct {
	listeners []socket.Listener
	armed     bool // it ought to be watched
	watching  bool // it is
	held      bool // new connections are kept out (HoldConnections)
	accepted  uint64
	leaving   string // the service of a member while LeaveGroup is in force
	// opening are, for each listener of a member that leaves, the peers of
	// connections that may still come to it.
	opening map[int][]netip.AddrPort
}

// socket returns the books of a socket unit.
func (m *Manager) socket(name string) *openSocket {
	s := m.sockets[name]
	if s == nil {
		s = &openSocket{}
		m.sockets[name] = s
	}
	return s
}

// socketKey is where the guardian keeps one listener.
func socketKey(name string, index int) string { return "socket:" + strconv.Itoa(index) + ":" + name }

// openSocket performs OpenSocket: what the guardian holds already is taken,
// the rest opened. A listener is stored before anybody can connect to it
// without us.
func (m *Manager) openSocket(f engine.OpenSocket) {
	name := f.Token.Unit
	u := m.engine.Def(name)
	if u == nil || u.Socket == nil {
		m.feed(engine.SocketFailed{Token: f.Token, Msg: "the unit is gone"})
		return
	}
	if err := m.openListeners(u); err != nil {
		var d diag.Diagnostic
		if errors.As(err, &d) {
			d.Unit = name
			m.nameHolder(u, &d)
			err = d
		}
		m.closeSocket(name)
		m.feed(engine.SocketFailed{Token: f.Token, Msg: err.Error()})
		return
	}
	if u.Socket.MemberOf != "" {
		m.steer(u.Socket.MemberOf)
	}
	m.feed(engine.SocketOpened{Token: f.Token})
}

func (m *Manager) openListeners(u *unit.Unit) error {
	if u.Socket.Distribute > 0 {
		return nil // its members do
	}
	owner, err := m.socketOwner(u.Socket)
	if err != nil {
		return err
	}
	s := m.socket(u.Name)
	m.matchStored(u, s)
	var notes diag.List
	for i := range u.Socket.Listens {
		if slices.ContainsFunc(s.listeners, func(l socket.Listener) bool { return l.Index == i }) {
			continue
		}
		l, err := m.openLine(u.Socket, i, owner, &notes)
		if err != nil {
			return err
		}
		s.listeners = append(s.listeners, l)
		if err := m.guard.Store(socketKey(u.Name, i), l.FD); err != nil {
			return err
		}
	}
	slices.SortFunc(s.listeners, func(a, b socket.Listener) int { return a.Index - b.Index })
	socket.Link(u.Socket, &notes)
	for _, d := range notes {
		d.Unit = u.Name
		m.say("%s", d)
	}
	return nil
}

// dropPatience is how long a listener waits for its address that this manager
// has just given up: the guardian has a copy, and closes it when it has its turn on
// a processor.
const dropPatience = 100 * time.Millisecond

// openLine is socket.OpenLine, which waits for the guardian where that has been
// told to close something and may not have come to it.
func (m *Manager) openLine(s *unit.Socket, i int, owner socket.Owner, notes *diag.List) (socket.Listener, error) {
	for {
		var said diag.List
		l, err := socket.OpenLine(s, i, owner, &said)
		if !inUse(err) || time.Since(m.dropped) > dropPatience {
			*notes = append(*notes, said...)
			return l, err
		}
		time.Sleep(dropPatience / 200)
	}
}

// matchStored sorts listeners that were held over a restart or a reload by
// the lines that they still stand for, and closes the others.
func (m *Manager) matchStored(u *unit.Unit, s *openSocket) {
	var keep []socket.Listener
	taken := make(map[int]bool)
	for _, old := range s.listeners {
		l, ok := socket.MatchLine(old.FD, u.Socket, old.Index)
		if !ok {
			l, ok = socket.Match(old.FD, u.Socket)
		}
		if !ok || taken[l.Index] {
			m.dropListener(u.Name, old)
			continue
		}
		if l.Index != old.Index {
			m.must(m.guard.Drop(socketKey(u.Name, old.Index)))
			m.must(m.guard.Store(socketKey(u.Name, l.Index), l.FD))
		}
		taken[l.Index] = true
		keep = append(keep, l)
	}
	s.listeners = keep
}

func (m *Manager) dropListener(name string, l socket.Listener) {
	m.loop.Remove(l.FD)
	unix.Close(l.FD)
	m.must(m.guard.Drop(socketKey(name, l.Index)))
	m.dropped = time.Now()
}

// must reports what cannot go wrong while the guardian lives.
func (m *Manager) must(err error) {
	if err != nil {
		m.say("%v", err)
	}
}

func (m *Manager) socketOwner(s *unit.Socket) (socket.Owner, error) {
	o := socket.NoOwner
	if s.User != "" {
		u, err := userNamed(s.User)
		if err != nil {
			return o, diag.Diagnostic{Pos: s.Pos, Severity: diag.Error, Msg: fmt.Sprintf("cannot give the socket to %q: %v", s.User, err)}
		}
		o.UID, o.GID = u.Uid, u.Gid
	}
	if s.Group != "" {
		gid, err := groupNamed(s.Group)
		if err != nil {
			return o, diag.Diagnostic{Pos: s.Pos, Severity: diag.Error, Msg: fmt.Sprintf("cannot give the socket to group %q: %v", s.Group, err)}
		}
		o.GID = int(gid)
	}
	return o, nil
}

// closeSocket performs CloseSocket.
func (m *Manager) closeSocket(name string) {
	s := m.sockets[name]
	if s == nil {
		return
	}
	// Before they are closed: the descriptors tell which nodes are theirs.
	if u := m.engine.Def(name); u != nil && u.Socket != nil {
		for _, d := range socket.Remove(u.Socket, s.listeners) {
			m.say("%s", d)
		}
	}
	if s.leaving != "" {
		m.closeMember(name, s)
	}
	for _, l := range s.listeners {
		m.forgetStamp(l.FD)
		m.dropListener(name, l)
	}
	delete(m.sockets, name)
	m.diag.changed = true
}

// arm performs ArmSocket.
func (m *Manager) arm(name string) {
	u, s := m.engine.Def(name), m.socket(name)
	if u == nil || u.Socket == nil {
		return
	}
	s.armed = true
	// The one who sleeps goes on with the socket as it is.
	if v, ok := m.engine.Unit(u.Socket.Service); !ok || v.Freezer != "frozen" {
		for i := range s.listeners {
			m.repair(u, s, i)
		}
	}
	for _, l := range s.listeners {
		fn := func(uint32) { m.knocked(name) }
		if u.Socket.Accept && l.Accepts() {
			fn = func(uint32) { m.accept(name, l.FD) }
			m.keep()
		}
		events := uint32(poll.In)
		if u.Socket.Writable {
			events |= poll.Out
		}
		m.loop.Remove(l.FD)
		if err := m.loop.Add(l.FD, events, fn); err != nil {
			m.say("%s: %v", name, err)
		}
	}
	s.watching = true
}

// repair undoes what the service did to the description that it shared; what
// cannot be mended is opened anew.
func (m *Manager) repair(u *unit.Unit, s *openSocket, i int) {
	l := s.listeners[i]
	err := socket.RepairSocket(l.FD, u.Socket)
	if err == nil {
		return
	}
	if !errors.Is(err, socket.ErrDead) {
		m.say("%s: %v", u.Name, err)
		return
	}
	owner, err := m.socketOwner(u.Socket)
	if err != nil {
		m.say("%s: %v", u.Name, err)
		return
	}
	m.dropListener(u.Name, l)
	var notes diag.List
	fresh, err := m.openLine(u.Socket, l.Index, owner, &notes)
	if err != nil {
		m.say("%s: the service shut its socket down and %v", u.Name, err)
		s.listeners[i].FD = -1
		return
	}
	s.listeners[i] = fresh
	m.must(m.guard.Store(socketKey(u.Name, fresh.Index), fresh.FD))
}

// disarm performs DisarmSocket.
func (m *Manager) disarm(name string) {
	s := m.socket(name)
	s.armed, s.watching = false, false
	for _, l := range s.listeners {
		m.loop.Remove(l.FD)
	}
}

// knocked is an event on an Accept=no socket.
func (m *Manager) knocked(name string) {
	if s := m.sockets[name]; s == nil || !s.watching {
		return
	}
	m.disarm(name)
	m.feed(engine.Readable{Unit: name})
}

// flush performs FlushSocket.
func (m *Manager) flush(name string) {
	for _, l := range m.socket(name).listeners {
		if err := socket.Flush(l.FD); err != nil {
			m.say("%s: %v", name, err)
		}
	}
}

// hold performs HoldConnections and ReleaseConnections.
func (m *Manager) hold(names []string, on bool) {
	for _, name := range names {
		s := m.socket(name)
		s.held = on
		for _, l := range s.listeners {
			if !l.Accepts() || cannotHold(l.Address) {
				continue // status says that a unix listener cannot be held back
			}
			fn := socket.ReleaseNew
			if u := m.engine.Def(name); u != nil && u.Socket != nil {
				fn = func(fd int) error { return socket.ReleaseSocket(fd, u.Socket) }
			}
			if on {
				fn = socket.HoldNew
			}
			if err := fn(l.FD); err != nil {
				m.say("%s: %v", name, err)
			}
		}
	}
}
