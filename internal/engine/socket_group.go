// SPDX-License-Identifier: Apache-2.0

package engine

import "github.com/rouse-init/rouse/internal/unit"

// A socket with Distribute= opens nothing itself: it requires its members, which
// are sockets of one address each with a service of its own.

// keepGroup is the definition that n gets. An open socket cannot become several,
// nor several one, without being closed: it goes on as it is.
func (e *Engine) keepGroup(n *node, u *unit.Unit) *unit.Unit {
	old := n.def
	if u == old || n.socket == nil || !n.socket.State.held() || shares(old) == shares(u) {
		return u
	}
	if old.Socket.MemberOf == "" {
		e.record(RecordWarning, n, "cannot change between one socket and several (Distribute=) while it listens, going on as before; "+
			"fix: stop %s, reload, and start it again", old.Name)
	}
	return old
}

// shares tells the sockets with Distribute= and their members.
func shares(u *unit.Unit) bool {
	return u.Socket != nil && (u.Socket.Distribute > 0 || u.Socket.MemberOf != "")
}

// recheckGroup follows Distribute= of a socket that is up.
func (e *Engine) recheckGroup(n *node) {
	if !n.socket.State.up() || n.socketDef().Distribute == 0 {
		return
	}
	for m := range e.each(n, pullsStart) {
		if d := m.def.Socket; d != nil && d.MemberOf == n.def.Name && dead(m.view.Active) && m.job == nil {
			e.autoJob(m, Start, unit.ModeFail, "Distribute= of "+n.def.Name)
		}
	}
}
