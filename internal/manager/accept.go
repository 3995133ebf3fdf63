// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/linux/socket"
	"github.com/rouse-init/rouse/internal/unit"
)

// conn is an accepted connection on its way to its service. The guardian
// has it too, from before we use it until the service has it.
type conn struct {
	fd               int
	key              string // with the guardian
	name, addr, port string
	socket           string // its unit
	greeted          bool   // what is sent to those who are served was
}

// connKey names connection n of a socket unit.
func connKey(n uint64, socket string) string {
	return "conn\x1f" + strconv.FormatUint(n, 10) + "\x1f" + socket
}

// acceptMax is how many connections one event may bring, so that one busy
// socket does not keep the others waiting.
const acceptMax = 8

// accept takes connections from an Accept=yes listener.
func (m *Manager) accept(name string, listener int) {
	u, s := m.engine.Def(name), m.sockets[name]
	if u == nil || u.Socket == nil || s == nil || !s.watching {
		return
	}
	for range acceptMax {
		n := m.saved.NextConn + 1
		key := connKey(n, name)
		fd, peer, err := socket.Accept(listener, func(conn int) { m.must(m.guard.Store(key, conn)) })
		if err != nil {
			if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.ECONNABORTED) && !errors.Is(err, unix.EINTR) {
				m.say("%s: cannot accept: %v", name, err)
			}
			return
		}
		m.admit(u, s, conn{fd: fd, key: key}, n, peer)
		// Its effects may disarm the socket.
		if m.sockets[name] != s || !s.watching {
			return
		}
	}
}

// admit gives connection n, which the guardian has under its key, to the
// engine.
func (m *Manager) admit(u *unit.Unit, s *openSocket, c conn, n uint64, peer socket.Peer) {
	m.saved.NextConn = n
	if !m.letIn(u, c.fd, peer) {
		m.refuse(c)
		return
	}
	c.name, c.addr, c.port, c.socket = connName(u), peer.Addr, peer.Port, u.Name
	m.conns[n] = c
	template, instance := u.Socket.Service, peer.Instance(s.accepted)
	s.accepted++
	units, diags := m.loader.Instance(template, instance)
	for _, d := range diags {
		m.say("%s", d)
	}
	if len(units) > 1 {
		m.feed(engine.Loaded{Units: units[1:]})
	}
	m.feed(engine.Accepted{Socket: u.Name, Conn: n, Source: peer.Source, Unit: units[0]})
}

// connName is what LISTEN_FDNAMES calls a connection.
func connName(u *unit.Unit) string {
	if n := u.Socket.FDName; n != "" && n != u.Name {
		return n
	}
	return "connection"
}

// served lets go of a connection that its service has now.
func (m *Manager) served(n uint64) {
	if c, ok := m.conns[n]; ok {
		delete(m.conns, n)
		unix.Close(c.fd)
		m.must(m.guard.DropSoon(c.key))
	}
}

// dropConnection performs DropConnection.
func (m *Manager) dropConnection(f engine.DropConnection) {
	if c, ok := m.conns[f.Conn]; ok {
		delete(m.conns, f.Conn)
		if a := m.accessOf(c.socket); f.Refused && a != nil && a.BannerFail != "" {
			sendFile(c.fd, a.BannerFail)
			m.refuse(c)
			return
		}
		socket.Reset(c.fd)
		m.must(m.guard.DropSoon(c.key))
	}
}

// keptConn is a connection that the guardian kept over our death.
type keptConn struct {
	conn
	n      uint64
	socket *unit.Unit // nil: its socket unit is gone
}

// readmit sorts what the guardian kept: connections that the engine waits
// with stay, those that it never heard of are given to it, in the order in
// which they came, and the rest have been served.
func (m *Manager) readmit(in *inheritance) {
	var kept []keptConn
	for key, fds := range in.stored {
		if strings.HasPrefix(key, "conn\x1f") && len(fds) > 0 {
			kept = append(kept, m.keptConn(key, fds[0]))
		}
	}
	slices.SortFunc(kept, func(a, b keptConn) int { return cmp.Compare(a.n, b.n) })
	for _, c := range kept {
		switch {
		case c.socket != nil && c.n > m.saved.NextConn:
			m.admit(c.socket, m.socket(c.socket.Name), c.conn, c.n, socket.PeerOf(c.fd))
		case c.socket != nil && m.awaited[c.n]:
			peer := socket.PeerOf(c.fd)
			c.name, c.addr, c.port, c.conn.socket = connName(c.socket), peer.Addr, peer.Port, c.socket.Name
			m.conns[c.n] = c.conn
		default:
			unix.Close(c.fd)
			m.must(m.guard.Drop(c.key))
		}
	}
}

// keptConn reads what connKey wrote.
func (m *Manager) keptConn(key string, fd int) keptConn {
	c := keptConn{conn: conn{fd: fd, key: key}}
	f := append(strings.SplitN(key, "\x1f", 3), "", "")
	n, err := strconv.ParseUint(f[1], 10, 64)
	if u := m.engine.Def(f[2]); err == nil && u != nil && u.Socket != nil {
		c.n, c.socket = n, u
	}
	return c
}
