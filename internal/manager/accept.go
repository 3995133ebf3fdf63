// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"errors"
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
		m.must(m.guard.Drop(c.key))
	}
}

// dropConnection performs DropConnection.
func (m *Manager) dropConnection(n uint64) {
	if c, ok := m.conns[n]; ok {
		delete(m.conns, n)
		socket.Reset(c.fd)
		m.must(m.guard.Drop(c.key))
	}
}

// readmit sorts the connections that the guardian kept over our death: those
// that the engine waits with are kept, those that it never heard of are
// given to it, the rest have been served.
func (m *Manager) readmit(key string, fd int) {
	f := strings.Split(key, "\x1f")
	n := uint64(0)
	if len(f) > 2 {
		n, _ = strconv.ParseUint(f[1], 10, 64)
	}
	var u *unit.Unit
	if len(f) > 2 {
		u = m.engine.Def(f[2])
	}
	if n == 0 || u == nil || u.Socket == nil || n <= m.saved.NextConn && !m.awaited[n] {
		unix.Close(fd)
		m.must(m.guard.Drop(key))
		return
	}
	f = append(f, "", "", "", "")
	if n <= m.saved.NextConn {
		m.conns[n] = conn{fd: fd, key: key, name: connName(u), addr: f[3], port: f[4]}
		return
	}
	m.must(m.guard.Drop(key))
	m.admit(u, m.socket(u.Name), fd, socket.Peer{Addr: f[3], Port: f[4], Source: f[5], Suffix: f[6]})
}
