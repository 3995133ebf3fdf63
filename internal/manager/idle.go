// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/linux/poll"
	"github.com/rouse-init/rouse/internal/linux/sockdiag"
	"github.com/rouse-init/rouse/internal/unit"
)

// looker asks the kernel about connections.
type looker struct {
	diag      *sockdiag.Diag
	destroyed *sockdiag.Destroyed
	changed   bool                // the set of ports is out of date
	ports     map[uint16][]string // socket units that may sleep, by port; a group's one is for all its members
	// stamps are those of the last look at UDP sockets, by inode of the socket.
	stamps map[uint64]sockdiag.Stamp
}

// openLooker subscribes to the ends of connections, where that may be had.
func (m *Manager) openLooker() error {
	m.diag.diag, m.diag.changed = sockdiag.Open(), true
	w, err := sockdiag.WatchDestroyed()
	if err != nil {
		return nil //nolint:nilerr // the engine looks by timer then, and status says so
	}
	m.diag.destroyed = w
	return m.loop.Add(w.FD(), poll.In, func(uint32) { m.connectionsEnded() })
}

// refreshPorts tells the kernel which ports matter.
func (m *Manager) refreshPorts() {
	if !m.diag.changed || m.diag.destroyed == nil {
		return
	}
	m.diag.changed = false
	m.diag.ports = make(map[uint16][]string)
	var ports []uint16
	for name, s := range m.sockets {
		if !m.maySleep(name) {
			continue
		}
		if of := m.memberOf(name); of != "" {
			name = of // the port does not tell of which member one has ended
		}
		for _, l := range s.listeners {
			if k, ok := sockdiag.KeyOf(l.FD); ok && k.Port != 0 && !slices.Contains(m.diag.ports[k.Port], name) {
				m.diag.ports[k.Port] = append(m.diag.ports[k.Port], name)
				ports = append(ports, k.Port)
			}
		}
	}
	slices.Sort(ports)
	if err := m.diag.destroyed.SetPorts(slices.Compact(ports)); err != nil {
		m.say("%v", err)
	}
}

func (m *Manager) connectionsEnded() {
	seen := make(map[string]bool)
	ended := func(port uint16, peer netip.AddrPort) {
		for _, name := range m.diag.ports[port] {
			if m.groups[name] != nil {
				name = m.chosen(name, peer, port)
			}
			seen[name] = true
		}
	}
	err := m.diag.destroyed.Read(func(port uint16, peer netip.AddrPort) {
		if port != 0 {
			ended(port, peer)
			return
		}
		for _, names := range m.diag.ports {
			for _, name := range names {
				for _, member := range m.groups[name] {
					seen[member] = true
				}
				seen[name] = m.groups[name] == nil
			}
		}
	})
	delete(seen, "")
	maps.DeleteFunc(seen, func(_ string, yes bool) bool { return !yes })
	if err != nil {
		m.say("%v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		m.feed(engine.ConnectionClosed{Socket: name})
	}
}

// count performs CountConnections: one dump for all sockets of the order.
func (m *Manager) count(f engine.CountConnections) {
	var keys []sockdiag.Key
	var owner []int
	silence := false
	for i, name := range f.Sockets {
		if m.memberOf(name) != "" {
			continue
		}
		silence = silence || m.freezes(name)
		for _, l := range m.socket(name).listeners {
			if k, ok := sockdiag.KeyOf(l.FD); ok {
				keys = append(keys, k)
				owner = append(owner, i)
			}
		}
	}
	out := engine.Connections{Token: f.Token, Counts: make([]engine.Count, len(f.Sockets), len(f.Sockets)+len(f.Services))}
	for i, name := range f.Sockets {
		out.Counts[i] = engine.Count{Socket: name, Silence: engine.Time(sockdiag.Never), CPU: m.cpuOf(m.serviceOf(name))}
	}
	stats, err := m.diag.diag.Count(keys, silence)
	if err == nil {
		err = m.countMembers(f, &out)
	}
	if err != nil {
		// What cannot be counted is taken for busy: no service sleeps by mistake.
		m.sayOnce("count", "cannot count connections: %v; services stay awake", err)
		for i := range out.Counts {
			out.Counts[i].Open, out.Counts[i].Silence = 1, 0
		}
	}
	for i := range stats {
		add(&out.Counts[owner[i]], stats[i])
	}
	m.countDatagrams(out.Counts)
	for _, name := range f.Services {
		out.Counts = append(out.Counts, m.countService(name))
	}
	m.feed(out)
}

// add adds what one listener has to what its socket unit has.
func add(c *engine.Count, st sockdiag.Stat) {
	c.Open += st.Open
	c.Queued += st.Queued
	c.Silence = min(c.Silence, engine.Time(st.Silence))
	if a := engine.Time(st.Asked); a > 0 && (c.Asked == 0 || a < c.Asked) {
		c.Asked = a
	}
}

// serviceOf is the service behind a socket unit, nil for none.
func (m *Manager) serviceOf(socket string) *unit.Unit {
	u := m.engine.Def(socket)
	if u == nil || u.Socket == nil {
		return nil
	}
	return m.engine.Def(u.Socket.Service)
}

// maySleep tells whether the service behind a socket unit sleeps by itself.
func (m *Manager) maySleep(socket string) bool {
	u, s := m.engine.Def(socket), m.serviceOf(socket)
	return u != nil && u.Socket != nil && (u.Socket.IdleSec != unit.Infinity && u.Socket.IdleSec > 0 || s != nil && s.Service.Sleeps())
}

// freezes tells whether it does so by X-IdleAction=freeze, for which silence
// is enough.
func (m *Manager) freezes(socket string) bool {
	u, s := m.engine.Def(socket), m.serviceOf(socket)
	return u != nil && u.Socket != nil && u.Socket.IdleAction == unit.IdleFreeze ||
		s != nil && s.Service != nil && (s.Service.IdleAction == unit.IdleFreeze || s.Service.IdleWhenUnneeded)
}

// cpuOf is the processor time that a service has used, -1 where that is not known.
func (m *Manager) cpuOf(service *unit.Unit) engine.Time {
	if service == nil || m.cg == nil {
		return -1
	}
	d, err := m.cg.CPUUsage(m.cgroupOf(service))
	if err != nil {
		return -1
	}
	return engine.Time(d)
}

// connWatch are the connections of frozen services, borrowed from them so
// that their data can be waited for.
type connWatch struct {
	wanted map[string]bool
	taken  map[string][]sockdiag.Taken
}

func (w *connWatch) want(sockets []string, on bool) {
	if w.wanted == nil {
		w.wanted = make(map[string]bool)
		w.taken = make(map[string][]sockdiag.Taken)
	}
	for _, s := range sockets {
		if on {
			w.wanted[s] = true
		} else {
			delete(w.wanted, s)
		}
	}
}

// watchConnections performs WatchConnections.
func (m *Manager) watchConnections(names []string) {
	for _, name := range names {
		m.takeConnections(name)
	}
}

func (m *Manager) takeConnections(name string) {
	u := m.engine.Def(name)
	if u != nil && u.Service != nil {
		m.takeBusConnections(u)
	}
	if u == nil || u.Socket == nil {
		return
	}
	service := m.engine.Def(u.Socket.Service)
	var keys []sockdiag.Key
	for _, l := range m.socket(name).listeners {
		if k, ok := sockdiag.KeyOf(l.FD); ok {
			keys = append(keys, k)
		}
	}
	conns, err := m.diag.diag.Connections(keys)
	if err != nil || len(conns) == 0 || service == nil {
		return
	}
	taken, err := sockdiag.Take(conns, m.pidsOf(service))
	if err != nil {
		m.sayOnce("take", "%s: cannot watch its connections while it is frozen: %v; it is thawed for new ones only", name, err)
	}
	m.watched.taken[name] = append(m.watched.taken[name], taken...)
	for _, t := range taken {
		if err := m.loop.Add(t.FD, poll.In|poll.RdHup, func(uint32) { m.connectionSpoke(name) }); err != nil {
			m.say("%s: %v", name, err)
		}
	}
}

func (m *Manager) connectionSpoke(name string) {
	if !m.watched.wanted[name] {
		return
	}
	m.releaseConnections(name)
	m.feed(engine.Readable{Unit: name})
}

// unwatchConnections performs UnwatchConnections.
func (m *Manager) unwatchConnections(names []string) {
	for _, name := range names {
		m.releaseConnections(name)
	}
}

// releaseConnections closes our copies: they would keep connections open
// that the service closes.
func (m *Manager) releaseConnections(name string) {
	for _, t := range m.watched.taken[name] {
		m.loop.Remove(t.FD)
		unix.Close(t.FD)
	}
	delete(m.watched.taken, name)
}

// cannotHold tells whether a stop of this socket's service may lose a
// connection: unix listeners have no filter for new ones.
func cannotHold(address string) bool {
	return strings.HasPrefix(address, "/") || strings.HasPrefix(address, "@")
}
