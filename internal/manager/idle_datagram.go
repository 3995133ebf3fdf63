// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/linux/sockdiag"
)

// countDatagrams adds what is known of sockets that accept nothing: whether
// something waits in them, whether anything was read from them since the last
// look, and how many UDP sockets their services have connected to one peer.
func (m *Manager) countDatagrams(counts []engine.Count) {
	var peers []sockdiag.Peer
	asked := false
	for i := range counts {
		c := &counts[i]
		ports := make(map[uint16]bool)
		for _, l := range m.socket(c.Socket).listeners {
			if l.Accepts() {
				continue
			}
			if sockdiag.Waits(l.FD) {
				c.Queued++
			}
			if port, ok := m.readSince(l.FD); port != 0 {
				ports[port] = true
				c.Traffic = c.Traffic || ok
			}
		}
		if len(ports) == 0 {
			continue
		}
		if !asked {
			asked = true
			var err error
			if peers, err = m.diag.diag.Peers(); err != nil {
				m.sayOnce("peers", "%v; services with a UDP socket for each peer may sleep while they talk", err)
			}
		}
		if n := m.countPeers(c.Socket, ports, peers); n > 0 {
			c.Open, c.Silence = c.Open+n, 0
		}
	}
}

// readSince tells whether a datagram was read from a UDP socket since it was
// asked the last time, and its port; 0 for sockets of other kinds.
func (m *Manager) readSince(fd int) (uint16, bool) {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return 0, false
	}
	var port int
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		port = a.Port
	case *unix.SockaddrInet6:
		port = a.Port
	default:
		return 0, false
	}
	now, ok := sockdiag.LastRead(fd)
	if !ok {
		return uint16(port), false
	}
	ino := inode(fd)
	last, known := m.diag.stamps[ino]
	if m.diag.stamps == nil {
		m.diag.stamps = make(map[uint64]sockdiag.Stamp)
	}
	m.diag.stamps[ino] = now
	return uint16(port), !known || now != last // before the first look nothing was stamped
}

// countPeers counts the UDP sockets that belong to one peer: those at a port of
// the socket unit, and those of the service at any other.
func (m *Manager) countPeers(name string, ports map[uint16]bool, peers []sockdiag.Peer) (n uint32) {
	others := false
	for _, p := range peers {
		if ports[p.Port] {
			n++
		} else {
			others = true
		}
	}
	service := m.serviceOf(name)
	if n > 0 || !others || service == nil {
		return n
	}
	mine := sockdiag.Inodes(m.pidsOf(service))
	for _, p := range peers {
		if mine[p.Inode] {
			n++
		}
	}
	return n
}

// forgetStamp is called before the socket is closed.
func (m *Manager) forgetStamp(fd int) { delete(m.diag.stamps, inode(fd)) }
