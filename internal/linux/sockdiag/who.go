// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// WhoListens says in words who has the address that k asks for, such as
// "nginx (pid 812) listens on 0.0.0.0:80"; "" when nobody is found. It walks
// /proc, so it is for failures only.
func WhoListens(k Key) string {
	d := Open()
	defer d.Close()
	var inode uint32
	var where string
	if k.Path != "" {
		look := func(m unixMsg) {
			if (m.state == tcpListen || m.typ == unix.SOCK_DGRAM) && nameIs(m.name, k.Path) {
				inode, where = m.inode, k.Path
			}
		}
		if d.fd < 0 {
			_ = readProcUnix(look) // nothing found says as much
		} else {
			_ = d.dumpUnix(^uint32(0), showName, 0, look)
		}
	} else {
		look := func(m inetMsg) {
			if m.port == k.Port && overlap(k.Addr, m.local) {
				inode, where = m.inode, netip.AddrPortFrom(m.local, m.port).String()
			}
		}
		for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
			d.listeners(family, k, look)
		}
	}
	if where == "" {
		return ""
	}
	if who := processWith(inode); who != "" {
		return who + " listens on " + where
	}
	return "somebody who cannot be seen from here listens on " + where
}

// listeners of a family; what cannot be asked is not found.
func (d *Diag) listeners(family uint8, k Key, fn func(inetMsg)) {
	proto, states := uint8(unix.IPPROTO_TCP), uint32(1<<tcpListen)
	if k.Type == unix.SOCK_DGRAM {
		proto, states = unix.IPPROTO_UDP, 1<<tcpClose|1<<tcpEstablished
	}
	switch {
	case d.fd >= 0:
		_ = d.dumpInet(family, proto, states, 0, nil, fn)
	case proto == unix.IPPROTO_TCP:
		_ = readProcTCP(family, states, fn)
	}
}

// overlap tells whether two local addresses exclude each other on one port;
// whether an IPv6 wildcard excludes IPv4 is taken for granted.
func overlap(a, b netip.Addr) bool {
	a, b = a.Unmap(), b.Unmap()
	return a == b || a.IsUnspecified() || b.IsUnspecified()
}

// processWith finds the process that has the socket, as "name (pid 1)".
func processWith(inode uint32) string {
	if inode == 0 {
		return ""
	}
	procs, err := os.ReadDir("/proc")
	if err != nil {
		return ""
	}
	for _, p := range procs {
		pid, err := strconv.Atoi(p.Name())
		if err != nil {
			continue
		}
		has := false
		_ = sockets(pid, func(i uint32) bool { // who may not be looked at is not found
			has = i == inode
			return !has
		})
		if !has {
			continue
		}
		comm, err := os.ReadFile("/proc/" + p.Name() + "/comm")
		if err != nil {
			return ""
		}
		return fmt.Sprintf("%s (pid %d)", strings.TrimSpace(string(comm)), pid)
	}
	return ""
}
