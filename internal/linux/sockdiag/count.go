// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// portKey leads from a port to a key.
type portKey struct {
	port  uint16
	index int32
}

// Count looks at all listeners with one dump for each family that is among
// them. With silence it also finds out for how long nothing was said, which
// makes a dump a quarter dearer.
func (d *Diag) Count(keys []Key, silence bool) ([]Stat, error) {
	stats := make([]Stat, len(keys))
	for i := range stats {
		if silence {
			stats[i].Silence = Never
		}
	}
	d.index(keys)
	err := d.eachInet(keys, silence, func(m inetMsg) {
		i := d.find(keys, m.local, m.port)
		if i < 0 || !m.isOpen() {
			return
		}
		st := &stats[i]
		st.Open++
		if m.isQueued() {
			st.Queued++
		}
		st.hear(m.talk)
	})
	if err != nil {
		return nil, err
	}
	err = d.eachUnix(keys, func(m unixMsg) {
		i := findUnix(keys, m)
		if i < 0 {
			return
		}
		switch {
		case m.state == tcpListen:
			stats[i].Open += m.waiting
			stats[i].Queued += m.waiting
		case m.inode != 0:
			stats[i].Open++
		}
		if stats[i].Open > 0 {
			stats[i].Silence = 0
		}
	})
	return stats, err
}

// eachInet calls fn with the connections of a dump for each family that is
// among the keys; sieved by port, but not exactly.
func (d *Diag) eachInet(keys []Key, silence bool, fn func(inetMsg)) error {
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		ports := portsOf(keys, family == unix.AF_INET)
		if len(ports) == 0 {
			continue
		}
		if d.fd < 0 {
			if err := readProcTCP(family, connected, fn); err != nil {
				return err
			}
			continue
		}
		var ext uint8
		if silence {
			ext = 1 << (extInfo - 1)
		}
		var one uint16
		if len(ports) == 1 {
			one = ports[0]
		}
		if err := d.dumpInetExt(family, unix.IPPROTO_TCP, ext, connected, one, program(ports), fn); err != nil {
			return err
		}
	}
	return nil
}

func (d *Diag) index(keys []Key) {
	d.order = d.order[:0]
	for i := range keys {
		if keys[i].Port != 0 {
			d.order = append(d.order, portKey{keys[i].Port, int32(i)})
		}
	}
	slices.SortFunc(d.order, func(a, b portKey) int { return int(a.port) - int(b.port) })
}

// find is the key that a local address belongs to, -1 for none: the exact
// one before one that covers it.
func (d *Diag) find(keys []Key, local netip.Addr, port uint16) int {
	i, ok := slices.BinarySearchFunc(d.order, port, func(p portKey, port uint16) int { return int(p.port) - int(port) })
	found := -1
	for ; ok && i < len(d.order) && d.order[i].port == port; i++ {
		k := &keys[d.order[i].index]
		if k.Addr == local {
			return int(d.order[i].index)
		}
		if k.covers(local) {
			found = int(d.order[i].index)
		}
	}
	return found
}

// covers tells whether a socket with that local address can have come from
// the listener. A dual-stack listener makes IPv6 sockets with mapped
// addresses of its IPv4 connections.
func (k *Key) covers(local netip.Addr) bool {
	if !k.Addr.IsUnspecified() || k.Addr.Is4() != local.Is4() {
		return false
	}
	return !k.V6Only || !local.Is4In6()
}
