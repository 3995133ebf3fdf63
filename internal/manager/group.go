// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/linux/sockdiag"
	"github.com/rouse-init/rouse/internal/linux/socket"
	"github.com/rouse-init/rouse/internal/unit"
)

// group are the open members of a socket with Distribute=, in the order in
// which the kernel numbers their listeners at each address (see socket.Steer). A
// listener that its service shuts down moves to the end unseen; then connections
// may be offered to one that leaves, which refuses them, and their clients come
// again after a second.
type group struct {
	Name    string
	Members []string
}

// memberOf is the socket with Distribute= that a unit is a member of, "" for none.
func (m *Manager) memberOf(name string) string {
	if u := m.engine.Def(name); u != nil && u.Socket != nil {
		return u.Socket.MemberOf
	}
	return ""
}

// groupOf is memberOf for a unit that may be forgotten already, as it is closed.
func (m *Manager) groupOf(name string) string {
	p := unit.Split(name)
	p.At, p.Instance = false, ""
	if of := p.String(); slices.Contains(m.groups[of], name) {
		return of
	}
	return ""
}

// noteMember keeps the order of a group: the kernel appends a listener, and puts
// the last one in the place of one that is closed.
func (m *Manager) noteMember(name string, open bool) {
	of := m.groupOf(name)
	if open {
		if of == "" && m.memberOf(name) != "" {
			of = m.memberOf(name)
			m.groups[of] = append(m.groups[of], name)
		}
		return
	}
	if of == "" {
		return
	}
	list := m.groups[of]
	last := len(list) - 1
	list[slices.Index(list, name)] = list[last]
	if m.groups[of] = list[:last]; last == 0 {
		delete(m.groups, of)
		delete(m.chosenOf, of)
	}
}

// leaveGroup performs LeaveGroup: who asks from now on is sent to others, and
// what is left of the kernel's choice is refused.
func (m *Manager) leaveGroup(name string) {
	if of := m.memberOf(name); slices.Contains(m.chosenOf[of], name) {
		m.steer(of) // without all that leave by now
	}
	s := m.socket(name)
	s.leaving, s.opening = "", nil
	if u := m.engine.Def(name); u != nil && u.Socket != nil {
		s.leaving = u.Socket.Service
	}
	m.refilter(name)
}

// joinGroup performs JoinGroup.
func (m *Manager) joinGroup(name string) {
	m.socket(name).leaving = ""
	m.refilter(name)
	m.steer(m.memberOf(name))
}

// closeMember takes the listeners of a member that leaves out of their groups
// at once: the kernel would do so when the guardian has closed its copies, and
// give them connections until then. Datagram sockets cannot be taken out; they are
// not chosen for as long as that may last.
func (m *Manager) closeMember(name string, s *openSocket) {
	v, known := m.engine.Unit(s.leaving)
	down := !known || v.Active == engine.Inactive || v.Active == engine.Failed
	for _, l := range s.listeners {
		if down && l.Accepts() { // else it was stopped by somebody, and the service has the listener, too
			m.must(unix.Shutdown(l.FD, unix.SHUT_RD))
		}
	}
	p := unit.Split(name)
	p.At, p.Instance = false, ""
	m.later(time.Second, func() { m.steer(p.String()) })
}

// refilter attaches the filter that the unit's definition asks for.
func (m *Manager) refilter(name string) {
	u, s := m.engine.Def(name), m.socket(name)
	if u == nil || u.Socket == nil || s.held {
		return // the end of holding does it
	}
	for _, l := range s.listeners {
		if err := socket.ReleaseSocket(l.FD, u.Socket); err != nil {
			m.say("%s: %v", name, err)
		}
	}
}

// steer has the kernel choose among those members that do not leave, for each
// address, in a way that tells who was chosen: nothing else does, when a
// connection has ended.
func (m *Manager) steer(of string) {
	var stay []int
	var names []string
	line := make(map[int]int) // a descriptor for each Listen*= line
	for i, name := range m.groups[of] {
		if u := m.engine.Def(name); u != nil && u.Socket != nil && !u.Socket.Leaving {
			stay, names = append(stay, i), append(names, name)
		}
		for _, l := range m.socket(name).listeners {
			line[l.Index] = l.FD
		}
	}
	m.chosenOf[of] = names
	if len(stay) == 0 {
		delete(m.chosenOf, of)
		return
	}
	for _, fd := range line {
		if err := socket.Steer(fd, stay); err != nil {
			m.sayOnce("steer", "%s: %v; clients may have to connect twice while it gets fewer sockets", of, err)
		}
	}
}

// chosen is the member that a peer's connection came to, unless there were
// others at that time; "" when there are none.
func (m *Manager) chosen(of string, peer netip.AddrPort, port uint16) string {
	names := m.chosenOf[of]
	if len(names) == 0 {
		return ""
	}
	return names[socket.Rank(peer, port, len(names))]
}

// countMembers performs CountConnections for the members among the sockets.
func (m *Manager) countMembers(f engine.CountConnections, out *engine.Connections) error {
	var list []sockdiag.Shared
	var owner []int // index in f.Sockets, -1 for those that were not asked for
	var fds []int
	done := make(map[string]bool)
	index := make(map[string]int, len(f.Sockets))
	silence, exact := false, false
	for i, name := range f.Sockets {
		index[name] = i
		// A process that stands still is about to be stopped, or left so.
		if u := m.engine.Def(name); u != nil && u.Socket != nil && u.Socket.MemberOf != "" {
			v, ok := m.engine.Unit(u.Socket.Service)
			exact = exact || ok && v.Freezer != "running"
		}
	}
	for _, name := range f.Sockets {
		of := m.memberOf(name)
		if of == "" || done[of] {
			continue
		}
		done[of] = true
		for _, member := range m.groups[of] {
			i, asked := index[member]
			u := m.engine.Def(member)
			if u == nil || u.Socket == nil || !asked && !exact {
				continue
			}
			if asked {
				silence = silence || m.freezes(member)
			} else {
				i = -1
			}
			for _, l := range m.socket(member).listeners {
				if k, ok := sockdiag.KeyOf(l.FD); ok {
					list = append(list, sockdiag.Shared{Key: k, Inode: uint32(inode(l.FD)), Asked: i >= 0, Pids: m.pidsBehind(u)})
					owner, fds = append(owner, i), append(fds, l.FD)
				}
			}
		}
	}
	if len(list) == 0 {
		return nil
	}
	stats, err := m.diag.diag.CountShared(list, silence, exact)
	if err != nil {
		return err
	}
	for i := range stats {
		if owner[i] < 0 {
			continue
		}
		c, st := &out.Counts[owner[i]], &stats[i]
		c.Open += m.stillOpening(c.Socket, fds[i], st.Opening)
		add(c, st.Stat)
	}
	return nil
}

// pidsBehind are the processes of a socket's service, looked up once.
func (m *Manager) pidsBehind(u *unit.Unit) func() []int {
	var pids []int
	known := false
	return func() []int {
		if service := m.engine.Def(u.Socket.Service); !known && service != nil {
			pids, known = m.pidsOf(service), true
		}
		return pids
	}
}

// stillOpening counts the connections that may still come to a listener that
// leaves: those of its address that were on their way when it was first looked at
// after it had left, and still are. Nothing that is younger can be its own.
func (m *Manager) stillOpening(name string, fd int, opening []netip.AddrPort) uint32 {
	u, s := m.engine.Def(name), m.socket(name)
	if u == nil || u.Socket == nil || !u.Socket.Leaving {
		return 0
	}
	if s.opening == nil {
		s.opening = make(map[int][]netip.AddrPort)
	}
	left, seen := s.opening[fd]
	if seen {
		now := make(map[netip.AddrPort]bool, len(opening))
		for _, p := range opening {
			now[p] = true
		}
		left = slices.DeleteFunc(left, func(p netip.AddrPort) bool { return !now[p] })
	} else {
		left = opening
	}
	s.opening[fd] = left
	return uint32(len(left))
}
