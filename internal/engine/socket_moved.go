// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

// An open socket keeps the addresses that it was opened with, whatever its
// definition says meanwhile, until it is closed.

// moved tells whether an open socket has other addresses than these.
func moved(n *node, now []unit.Listen) bool {
	// No address was noted by a program older than this one.
	return n.socket != nil && n.socket.State.held() && len(n.socket.Bound) > 0 && !sameListens(n.socket.Bound, now)
}

// sameListens compares addresses; their order only numbers descriptors.
func sameListens(a, b []unit.Listen) bool {
	same := func(x, y unit.Listen) bool { return x.Kind == y.Kind && x.Address == y.Address }
	if slices.EqualFunc(a, b, same) {
		return true
	}
	order := func(x, y unit.Listen) int {
		return cmp.Or(cmp.Compare(x.Kind, y.Kind), strings.Compare(x.Address, y.Address))
	}
	return slices.EqualFunc(slices.SortedFunc(slices.Values(a), order), slices.SortedFunc(slices.Values(b), order), same)
}

// tellMoved warns of a new definition that an open socket cannot follow. The
// socket with Distribute= speaks for its members.
func (e *Engine) tellMoved(n *node) {
	d := n.def.Socket
	if d == nil || n.view.Load != unit.Loaded || d.MemberOf != "" || !moved(n, d.Listens) {
		return
	}
	var at []string
	for _, l := range n.socket.Bound {
		at = append(at, l.Address)
	}
	more := ""
	if d.Distribute > 0 {
		more = ", and gets no more sockets before that"
	}
	e.record(RecordWarning, n, "cannot change its addresses while it listens, going on at %s until it is restarted%s; "+
		"fix: stop what it activates, and restart %s", strings.Join(at, ", "), more, n.def.Name)
}

// elsewhere is an open member that keeps n, another one, from being opened: they
// would listen at different addresses.
func (e *Engine) elsewhere(n *node) *node {
	d := n.def.Socket
	if d == nil || d.MemberOf == "" {
		return nil
	}
	of := e.node(d.MemberOf)
	if of == nil {
		return nil
	}
	for m := range e.each(of, pullsStart) {
		if m == n || m.socket == nil || !m.socket.State.held() || m.def.Socket == nil || m.def.Socket.MemberOf != d.MemberOf {
			continue
		}
		if moved(m, d.Listens) {
			return m
		}
		return nil // they all are at the same addresses
	}
	return nil
}
