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
	"github.com/rouse-init/rouse/internal/guardian/wire"
	"github.com/rouse-init/rouse/internal/linux/socket"
	"github.com/rouse-init/rouse/internal/unit"
)

// conn is an accepted connection on its way to its service. The guardian
// has it too, from before we use it until the service has it.
type conn struct {
	fd               int
	key              string // with the guardian
	name, addr, port string
}

// connKey says all that a later manager needs to serve the connection.
func connKey(n uint64, socket string, p socket.Peer) string {
	key := strings.Join([]string{"conn", strconv.FormatUint(n, 10), socket, p.Addr, p.Port, p.Source, p.Suffix}, "\x1f")
	return key[:min(len(key), wire.MaxKey)]
}

// acceptMax is how many connections one event may bring, so that one busy
// socket does not keep the others waiting.
const acceptMax = 8

// accept takes connections from an Accept=yes listener.
func (m *Manager) accept(name string, listener int) {
	u, s := m.engine.Def(name), m.sockets[name]
	if u == nil || s == nil || !s.watching {
		return
	}
	for range acceptMax {
		fd, peer, err := socket.Accept(listener)
		if err != nil {
			if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.ECONNABORTED) && !errors.Is(err, unix.EINTR) {
				m.say("%s: cannot accept: %v", name, err)
			}
			return
		}
		m.admit(u, s, fd, peer)
		// Its effects may disarm the socket.
		if m.sockets[name] != s || !s.watching {
			return
		}
	}
}

// admit gives a connection to the engine.
func (m *Manager) admit(u *unit.Unit, s *openSocket, fd int, peer socket.Peer) {
	m.saved.NextConn++
	n := m.saved.NextConn
	key := connKey(n, u.Name, peer)
	m.must(m.guard.Store(key, fd))
	m.conns[n] = conn{fd: fd, key: key, name: connName(u), addr: peer.Addr, port: peer.Port}
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
func (m *Manager) dropConnection(n uint64) {
	if c, ok := m.conns[n]; ok {
		delete(m.conns, n)
		socket.Reset(c.fd)
		m.must(m.guard.DropSoon(c.key))
	}
}

// keptConn is a connection that the guardian kept over our death.
type keptConn struct {
	n      uint64
	key    string
	fd     int
	socket *unit.Unit // nil: its socket unit is gone
	peer   socket.Peer
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
	known := m.saved.NextConn // numbers change from here on
	for _, c := range kept {
		switch {
		case c.socket != nil && c.n > known:
			m.must(m.guard.Drop(c.key))
			m.admit(c.socket, m.socket(c.socket.Name), c.fd, c.peer)
		case c.socket != nil && m.awaited[c.n]:
			m.conns[c.n] = conn{fd: c.fd, key: c.key, name: connName(c.socket), addr: c.peer.Addr, port: c.peer.Port}
		default:
			unix.Close(c.fd)
			m.must(m.guard.Drop(c.key))
		}
	}
}

// keptConn reads what connKey wrote.
func (m *Manager) keptConn(key string, fd int) keptConn {
	c := keptConn{key: key, fd: fd}
	f := append(strings.Split(key, "\x1f"), "", "", "", "", "", "")
	n, err := strconv.ParseUint(f[1], 10, 64)
	if u := m.engine.Def(f[2]); err == nil && u != nil && u.Socket != nil {
		c.n, c.socket = n, u
	}
	c.peer = socket.Peer{Addr: f[3], Port: f[4], Source: f[5], Suffix: f[6]}
	return c
}
