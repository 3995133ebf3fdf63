// SPDX-License-Identifier: Apache-2.0

package engine

import "github.com/rouse-init/rouse/internal/unit"

// closedWhenGone tells whether a socket ends with its definition. A socket unit of
// systemd goes on without its file, as with systemd: a package may be on its way
// from one version to the next.
func closedWhenGone(n *node) bool { return n.socket != nil && n.def.Format != unit.FormatSystemd }

// keepOpen is the definition that n gets: an open socket whose definition has
// vanished keeps the old one until it is closed, which tells what is open and
// whom a client wakes.
func keepOpen(n *node, u *unit.Unit) *unit.Unit {
	if u.Load == unit.NotFound && n.def.Socket != nil && n.socket != nil && n.socket.State.held() {
		return n.def
	}
	return u
}

// undefined tells why a socket that is open must be closed, "" if it need not: with
// the line or file that makes both its units, or where a super-server's line has
// become unreadable. Whoever came would be accepted in vain.
func undefined(n *node) string {
	if n.socket == nil || !n.socket.State.up() {
		return ""
	}
	switch f := n.def.Format; {
	case n.view.Load == unit.NotFound && closedWhenGone(n):
		return "nothing defines it any longer"
	case n.view.Load == unit.BadSetting && (f == unit.FormatInetd || f == unit.FormatXinetd):
		return "its definition cannot be read any longer"
	}
	return ""
}

// closeGone closes a socket that nothing defines any longer and whose service is
// gone, too: the next client is refused.
func (e *Engine) closeGone(n *node) {
	if n != nil && n.view.Load == unit.NotFound && n.socket != nil && n.socket.State.up() {
		e.autoJob(n, Stop, unit.ModeReplace, "neither it nor its service is defined any longer")
	}
}
