// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"

	"github.com/rouse-init/rouse/internal/unit"
)

// A service and the bridges in front of it are bound to each other (BindsTo=
// both ways): they live and sleep together, whichever of their sockets has the
// policy.

// boundWith lists the services that n is bound with both ways, and those that
// they are bound with; nil for nearly all.
func (e *Engine) boundWith(n *node) []*node {
	if n.rels&boundTo == 0 || n.rels&boundBy == 0 {
		return nil
	}
	group := []*node{n}
	for i := 0; i < len(group); i++ {
		for m := range e.each(group[i], boundTo) {
			if m.def.Service != nil && !slices.Contains(group, m) && e.related(m, boundTo, group[i]) {
				group = append(group, m)
			}
		}
	}
	return group[1:]
}

// boundSockets are the sockets of who n is bound with: their connections keep
// n awake, too.
func (e *Engine) boundSockets(n *node) (names []string) {
	for _, m := range e.boundWith(n) {
		names = append(names, e.socketsOf(m)...)
	}
	return names
}

// looked are all sockets whose connections count.
func (x *idle) looked() []string {
	if len(x.Bound) == 0 {
		return x.Sockets
	}
	return slices.Concat(x.Sockets, x.Bound)
}

// wakeBound counts the wakes of those that are woken with n.
func (e *Engine) wakeBound(n *node) {
	for _, m := range e.boundWith(n) {
		if s := m.service; s != nil && s.State.down() && s.Slept {
			m.view.Wakes++
		}
	}
}

// sleptBound tells whether n is about to stop because who it is bound to falls
// asleep: then it sleeps, too, and how it ends is no failure.
func (e *Engine) sleptBound(n *node) bool {
	for _, m := range e.boundWith(n) {
		if s := m.service; s != nil && (s.IdleStop || s.Slept && s.State == svcDead) {
			return true
		}
	}
	return false
}

// discreet tells whether a service that starts again directly (RestartMode=)
// keeps it to itself: who is bound with it goes on. A bridge has nothing that
// the service behind it would miss.
func (e *Engine) discreet(n *node) bool {
	return n.def.Service != nil && n.serviceDef().RestartMode == unit.RestartDirect && len(e.boundWith(n)) > 0
}

// limited is n, or who it is bound with, if that was started too often.
func (e *Engine) limited(n *node) *node {
	hit := func(m *node) bool { return m.service != nil && m.service.LimitHit }
	if hit(n) {
		return n
	}
	for _, m := range e.boundWith(n) {
		if hit(m) {
			return m
		}
	}
	return nil
}

// inhibited tells whether n, or who it is bound with, says X_ROUSE_BUSY=1: the
// stop of one would stop the other.
func (e *Engine) inhibited(n *node) bool {
	return n.view.Inhibited || slices.ContainsFunc(e.boundWith(n), func(m *node) bool { return m.view.Inhibited })
}

// inhibitBound keeps those awake that n, which is busy, is bound with, and that
// are on their way to sleep.
func (e *Engine) inhibitBound(n *node) {
	for _, m := range e.boundWith(n) {
		if goes(m) && m.service.State.up() && n.view.Inhibited {
			e.unfreeze(m)
		}
	}
}

// behind is the service behind a bridge, whose seats a knock at the bridge needs;
// n itself if it is no bridge.
func (e *Engine) behind(n *node) *node {
	if unit.BridgedBy(n.def.Name) != "" {
		for _, m := range e.boundWith(n) {
			if unit.BridgedBy(m.def.Name) == "" {
				return m
			}
		}
	}
	return n
}

// bridged tells whether the socket is for a bridge in front of n, so that n
// does not get it, whatever its Sockets= says.
func bridged(sock, n *node) bool {
	d := sock.socketDef()
	return d.Handover == unit.HandoverBridge && d.Service != n.def.Name
}

// unbridged tells of a bridge that runs and that its socket has no use for any
// more. It keeps its definition, and with it what it is bound to, until it has
// stopped.
func (e *Engine) unbridged(u *unit.Unit) bool {
	if u.Load != unit.NotFound || unit.BridgedBy(u.Name) == "" {
		return false
	}
	n := e.node(u.Name)
	return n != nil && n.def.Load == unit.Loaded && n.service != nil && !n.service.State.down()
}
