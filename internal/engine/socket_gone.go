// SPDX-License-Identifier: Apache-2.0

package engine

import "github.com/rouse-init/rouse/internal/unit"

// keepOpen is the definition that n gets: an open socket whose definition has
// vanished keeps the old one until it is closed, which tells what is open.
func keepOpen(n *node, u *unit.Unit) *unit.Unit {
	if u.Load == unit.NotFound && n.def.Socket != nil && n.socket != nil && n.socket.State.held() {
		return n.def
	}
	return u
}

// undefined tells why a socket that is open must be closed, "" if it need not:
// with its definition, as systemd does at a reload, or where the line of a
// super-server that makes both its units has become unreadable. Whoever came
// would be accepted in vain.
func undefined(n *node) string {
	if n.socket == nil || !n.socket.State.up() {
		return ""
	}
	switch f := n.def.Format; {
	case n.view.Load == unit.NotFound:
		return "nothing defines it any longer"
	case n.view.Load == unit.BadSetting && (f == unit.FormatInetd || f == unit.FormatXinetd):
		return "its definition cannot be read any longer"
	}
	return ""
}
