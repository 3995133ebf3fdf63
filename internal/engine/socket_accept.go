// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

// accepted starts an instance for a connection of an Accept=yes socket.
func (e *Engine) accepted(n *node, in *Accepted) {
	s, d, v := n.socket, n.socketDef(), &n.view
	if s == nil || !s.State.up() || e.stopping() || n.job != nil && n.job.Type == Stop {
		e.emit(DropConnection{Conn: in.Conn})
		return
	}
	v.NAccepted++
	v.Activity = e.now
	e.changed(n)
	if d.MaxConnections > 0 && v.NConnections >= d.MaxConnections {
		e.refuse(n, in, "too many connections ("+itoa(int64(v.NConnections))+", MaxConnections=)")
		return
	}
	if d.MaxPerSource > 0 {
		if c := s.sourceOf(in.Source); c.Count >= d.MaxPerSource {
			e.refuse(n, in, "too many connections from "+in.Source+" ("+itoa(int64(c.Count))+", MaxConnectionsPerSource=)")
			return
		}
	}
	e.acceptLimits(n)
	if in.Unit == nil || e.runs(in.Unit.Name) {
		e.refuse(n, in, "the instance cannot be made")
		return
	}
	m := e.adopt(in.Unit)
	m.service = &service{More: &serviceMore{Socket: n.def.Name, Conn: in.Conn}}
	if d.MaxPerSource > 0 {
		// Cloned, so that it does not keep the input alive.
		m.service.More.Source = strings.Clone(in.Source)
		s.sourceOf(m.service.More.Source).Count++
	}
	v.NConnections++
	if e.mayWake(m, n) {
		e.startInstance(m, n)
	} else {
		e.disarmSocket(n) // what comes after it waits in the queue of the kernel
	}
}

// startInstance starts the service of a connection. Its socket may be gone.
func (e *Engine) startInstance(m, sock *node) {
	if _, no := e.enqueue(m, Start, unit.ModeReplace, "a connection to "+m.service.More.Socket); no != nil {
		e.record(RecordWarning, sock, "cannot start %s: %s", m.def.Name, no.Msg)
		if sock != nil {
			sock.view.NRefused++
		}
		e.dropUnused(m)
		e.work.push(reaction{do: recheck, node: m.id})
		if no.Code == "NoSuchUnit" {
			e.closeGone(sock)
		}
	}
}

// runs tells whether a service of that name is there and not down.
func (e *Engine) runs(name string) bool {
	m := e.node(name)
	return m != nil && m.service != nil && !m.service.State.down()
}

// refuse turns a connection away.
func (e *Engine) refuse(n *node, in *Accepted, why string) {
	n.view.NRefused++
	e.record(RecordWarning, n, "connection refused: %s", why)
	e.emit(DropConnection{Conn: in.Conn, Refused: true})
}

// acceptLimits pauses a socket that is knocked on too often. The connection
// that is too much is served: it has been accepted.
func (e *Engine) acceptLimits(n *node) {
	if n.socket.Pause.Gen == 0 && !e.withinLimits(n) {
		e.disarmSocket(n)
	}
}

// dropUnused gives back the connection of an instance that has ended, or that
// never used it.
func (e *Engine) dropUnused(n *node) {
	m := n.service.More
	if m == nil || m.Conn == 0 {
		return
	}
	if !m.ConnUsed {
		e.emit(DropConnection{Conn: m.Conn})
	}
	m.Conn = 0
	sock := e.node(m.Socket)
	if sock == nil || sock.socket == nil {
		return
	}
	if sock.view.NConnections > 0 {
		sock.view.NConnections--
	}
	if m.Source != "" {
		sock.socket.drop(m.Source)
	}
	e.changed(sock)
}
