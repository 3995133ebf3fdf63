// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/guardian/wire"
	"github.com/rouse-init/rouse/internal/unit"
)

// servedConn is a process that serves a connection whose end is to be logged
// (log_on_success of xinetd.conf(5)). A manager that takes the place of one that
// died knows none of them.
type servedConn struct {
	socket string
	words  []string
	since  engine.Time
}

// accessOf is the access control of a socket unit, nil for none.
func (m *Manager) accessOf(name string) *unit.Access {
	if u := m.engine.Def(name); u != nil && u.Socket != nil {
		return u.Socket.Access
	}
	return nil
}

// greet sends a client that is about to be served the banner of those who are.
func (m *Manager) greet(n uint64) {
	c, ok := m.conns[n]
	if !ok || c.greeted {
		return
	}
	c.greeted = true
	m.conns[n] = c
	if a := m.accessOf(c.socket); a != nil {
		sendFile(c.fd, a.BannerSuccess)
	}
}

// serving logs that a process has the connection, as far as that is wanted.
func (m *Manager) serving(n uint64, pid int32) {
	c, ok := m.conns[n]
	a := m.accessOf(c.socket)
	if !ok || a == nil {
		return
	}
	host, number := slices.Contains(a.LogOnSuccess, "HOST"), slices.Contains(a.LogOnSuccess, "PID")
	switch {
	case host && number:
		m.say("%s: serving %s by process %d", c.socket, c.addr, pid)
	case host:
		m.say("%s: serving %s", c.socket, c.addr)
	case number:
		m.say("%s: serving a client by process %d", c.socket, pid)
	}
	if slices.Contains(a.LogOnSuccess, "EXIT") || slices.Contains(a.LogOnSuccess, "DURATION") {
		m.serves[pid] = servedConn{socket: c.socket, words: a.LogOnSuccess, since: m.now()}
	}
}

// servedEnd logs the end of such a process.
func (m *Manager) servedEnd(msg *wire.Msg) {
	s, ok := m.serves[msg.Exit.Pid]
	if !ok {
		return
	}
	delete(m.serves, msg.Exit.Pid)
	who := "a process"
	if slices.Contains(s.words, "PID") {
		who = fmt.Sprintf("process %d", msg.Exit.Pid)
	}
	var how []string
	if slices.Contains(s.words, "EXIT") {
		word := "status"
		if msg.Exit.Code != exitedCode {
			word = "signal"
		}
		how = append(how, fmt.Sprintf("%s %d", word, msg.Exit.Status))
	}
	if slices.Contains(s.words, "DURATION") {
		how = append(how, "after "+time.Duration(m.now()-s.since).Round(time.Millisecond).String())
	}
	m.say("%s: %s has ended: %s", s.socket, who, strings.Join(how, ", "))
}

// exitedCode is CLD_EXITED of waitid(2).
const exitedCode = 1
