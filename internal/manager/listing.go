// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"errors"
	"maps"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus/systemd1"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/linux/sockdiag"
	"github.com/rouse-init/rouse/internal/unit"
)

// listing is the last answer to a client that asked for all sockets. Anybody
// may ask, and a dump takes the longer the more connections the host has: an
// answer is given again until the manager has done ten times as long without.
type listing struct {
	at, cost engine.Time
	held     []systemd1.Held
}

// Sockets implements systemd1.Backend.
func (m *Manager) Sockets() []systemd1.Held {
	now := m.now()
	if m.listing.held != nil && now-m.listing.at < 10*m.listing.cost {
		return m.listing.held
	}
	held, fds := m.heldSockets()
	m.countHeld(held, fds, now)
	m.listing = listing{at: now, cost: m.now() - now, held: held}
	return held
}

// heldSockets lists what is held, with the descriptors, which are borrowed.
func (m *Manager) heldSockets() (held []systemd1.Held, fds []int) {
	for _, name := range slices.Sorted(maps.Keys(m.sockets)) {
		v, ok := m.engine.Unit(name)
		if !ok || v.Unit.Socket == nil {
			continue
		}
		s, at := m.sockets[name], v.Activity
		if w, ok := m.engine.Unit(v.Unit.Socket.Service); ok {
			at = max(at, w.Activity)
		}
		for _, l := range s.listeners {
			if l.Index >= len(v.Unit.Socket.Listens) {
				continue
			}
			line := v.Unit.Socket.Listens[l.Index]
			held = append(held, systemd1.Held{
				Unit: name, Listen: systemd1.Listen{Kind: listenKinds[line.Kind], Address: l.Address}, Pos: line.Pos, Watched: s.watching, Activity: at,
			})
			fds = append(fds, l.FD)
		}
	}
	if m.sources == nil {
		return held, fds
	}
	for _, l := range m.sources.Listening() {
		held = append(held, systemd1.Held{
			Unit: l.Unit, Listen: systemd1.Listen{Kind: listenKinds[l.Listen.Kind], Address: l.Listen.Address},
			Pos: l.Listen.Pos, Watched: l.Armed, Activity: engine.Time(l.Knocked),
		})
		fds = append(fds, l.FD)
	}
	return held, fds
}

// countHeld finds out what waits in the sockets and what is connected: by one
// dump for those that have connections, one more for members of Distribute=,
// and one poll(2) for the others.
func (m *Manager) countHeld(held []systemd1.Held, fds []int, now engine.Time) {
	var keys []sockdiag.Key
	var shared []sockdiag.Shared
	var polled []unix.PollFd
	var counted, members, others []int // indexes in held
	for i, fd := range fds {
		k, ok := sockdiag.KeyOf(fd)
		switch {
		case ok && m.memberOf(held[i].Unit) != "":
			shared = append(shared, sockdiag.Shared{Key: k, Inode: uint32(inode(fd)), Asked: true, Pids: m.pidsBehind(m.engine.Def(held[i].Unit))})
			members = append(members, i)
		case ok:
			keys, counted = append(keys, k), append(counted, i)
		case fd >= 0:
			polled, others = append(polled, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}), append(others, i)
		}
	}
	stats, err := m.diag.diag.Count(keys, true)
	for i := range stats {
		noteHeld(&held[counted[i]], &stats[i], keys[i], now)
	}
	if err == nil && len(shared) > 0 {
		var stats []sockdiag.SharedStat
		stats, err = m.diag.diag.CountShared(shared, true, false)
		for i := range stats {
			noteHeld(&held[members[i]], &stats[i].Stat, shared[i].Key, now)
		}
	}
	if err != nil {
		m.sayOnce("list", "cannot count connections: %v", err)
	}
	m.pollHeld(held, others, polled)
}

func noteHeld(h *systemd1.Held, st *sockdiag.Stat, k sockdiag.Key, now engine.Time) {
	open := st.Open - min(st.Open, st.Queued)
	h.Pending, h.Open = &st.Queued, &open
	// Unix sockets do not tell when they were last used: their silence is 0.
	if st.Open > 0 && st.Silence > 0 && k.Path == "" {
		h.Activity = max(h.Activity, now-min(engine.Time(st.Silence), now))
	}
}

// pollHeld looks whether anything waits in sockets without connections.
func (m *Manager) pollHeld(held []systemd1.Held, index []int, polled []unix.PollFd) {
	if len(polled) == 0 {
		return
	}
	err := error(unix.EINTR)
	for errors.Is(err, unix.EINTR) {
		_, err = unix.Poll(polled, 0)
	}
	if err != nil {
		m.sayOnce("list", "cannot look at sockets: %v", err)
		return
	}
	for i, p := range polled {
		var waits uint32
		if p.Revents&unix.POLLIN != 0 {
			waits = 1
		}
		held[index[i]].Pending = &waits
	}
}

var listenKinds = [...]string{
	unit.ListenStream: "Stream", unit.ListenDatagram: "Datagram", unit.ListenSeqpacket: "SequentialPacket", unit.ListenFIFO: "FIFO",
	unit.ListenSpecial: "Special", unit.ListenNetlink: "Netlink", unit.ListenMessageQueue: "MessageQueue", unit.ListenUSBFunction: "USBFunction",
}
