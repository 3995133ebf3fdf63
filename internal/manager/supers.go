// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/linux/socket"
	"github.com/rouse-init/rouse/internal/unit"
)

// superSockets are the sockets of inetd.conf and xinetd.conf that are switched
// on, as the loader has them: what it read last may still be on its way to the
// engine. Those that cannot be used, or were never asked for, are nil.
func (m *Manager) superSockets() map[string]*unit.Unit {
	out := map[string]*unit.Unit{}
	for _, name := range m.loader.SuperSockets() {
		out[name] = nil
		if u, ok := m.loader.Unit(name); ok && u.Load == unit.Loaded {
			out[name] = u
		}
	}
	return out
}

// followSupers does what inetd(8) does at SIGHUP beyond reading its file
// again: new services are listened for, those that are gone or switched off
// no longer, and a socket with another address is opened there. Whoever is
// being served stays so.
func (m *Manager) followSupers(before map[string]*unit.Unit) {
	for _, name := range m.loader.SuperSockets() {
		if m.engine.Def(name) == nil {
			units, list := m.loader.Load(name)
			m.report(list)
			m.loaded(units, nil)
		}
	}
	after := m.superSockets()
	stopped := false
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if before[name] != nil && after[name] == nil {
			m.ask(engine.Stop, name, unit.ModeReplace, false, nil)
			stopped = true
		}
	}
	if !stopped {
		m.startSupers(before, after)
		return
	}
	// The guardian has the closed sockets a moment longer, and a new one may
	// want the address of one of them.
	m.later(closing, func() { m.startSupers(before, after) })
}

// closing is long enough for the guardian to let go of a socket.
const closing = 200 * time.Millisecond

func (m *Manager) startSupers(before, after map[string]*unit.Unit) {
	for _, name := range slices.Sorted(maps.Keys(after)) {
		old, now := before[name], after[name]
		switch {
		case now == nil: // what is wrong with it was told when it was read
		case old == nil:
			m.ask(engine.Start, name, unit.ModeReplace, false, m.told(name))
		case old.Socket != nil && now.Socket != nil && !sameSocket(old.Socket, now.Socket):
			m.ask(engine.Restart, name, unit.ModeReplace, false, m.told(name))
		}
	}
}

// told says why a unit cannot be started.
func (m *Manager) told(name string) func(engine.Reply) {
	return func(r engine.Reply) {
		if r.Err != nil {
			m.say("%s: cannot start: %s", name, r.Err.Msg)
		}
	}
}

// followAccess has who may send to open sockets follow their units at a reload, also
// while a service has them.
func (m *Manager) followAccess(units []*unit.Unit) {
	for _, u := range units {
		s, old := m.sockets[u.Name], m.engine.Def(u.Name)
		if s == nil || s.held || s.leaving != "" || u.Load != unit.Loaded || u.Socket == nil || u.Socket.Accept || u.Socket.Leaving ||
			old == nil || old.Socket == nil || old.Socket.Accept || reflect.DeepEqual(old.Socket.Access, u.Socket.Access) {
			continue
		}
		for _, l := range s.listeners {
			if err := socket.Refilter(l.FD, u.Socket); err != nil {
				m.say("%s: %v", u.Name, err)
			}
		}
	}
}

// sameSocket tells whether a socket that is open can stay so.
func sameSocket(a, b *unit.Socket) bool {
	return a.Accept == b.Accept && a.BindIPv6Only == b.BindIPv6Only &&
		slices.EqualFunc(a.Listens, b.Listens, func(x, y unit.Listen) bool { return x.Kind == y.Kind && x.Address == y.Address })
}
