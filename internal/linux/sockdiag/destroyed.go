// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// The multicast groups of destroyed TCP sockets (<linux/sock_diag.h>), as a
// mask: 1 for IPv4, 3 for IPv6.
const destroyGroups = 1<<0 | 1<<2

// Destroyed announces TCP connections that have ended, 0.3 ms after the
// service closed them. There is nothing like it for unix sockets.
type Destroyed struct{ fd int }

// WatchDestroyed subscribes. It often works without CAP_NET_ADMIN, so it is
// just tried; the error says why not, and connections are then looked at by
// timer.
func WatchDestroyed() (*Destroyed, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, fmt.Errorf("cannot watch for closed connections: %w", err)
	}
	w := &Destroyed{fd: fd}
	// The filter comes first, so that nothing foreign slips in.
	err = w.SetPorts(nil)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: destroyGroups})
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("cannot watch for closed connections: %w", err)
	}
	return w, nil
}

// FD is to be watched for reading.
func (w *Destroyed) FD() int { return w.fd }

// SetPorts says which local ports matter; the kernel drops the rest.
func (w *Destroyed) SetPorts(ports []uint16) error {
	ports = slices.Clone(ports)
	slices.Sort(ports)
	f := socketFilter(slices.Compact(ports))
	prog := unix.SockFprog{Len: uint16(len(f)), Filter: &f[0]}
	if err := unix.SetsockoptSockFprog(w.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &prog); err != nil {
		return fmt.Errorf("cannot filter closed connections: %w", err)
	}
	return nil
}

// Read calls fn with the local port and the peer of each connection that ended,
// until there is nothing more. After an overflow it calls fn with port 0: any
// may have.
func (w *Destroyed) Read(fn func(port uint16, peer netip.AddrPort)) error {
	var buf [4096]byte
	for {
		n, err := read(w.fd, buf[:])
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ENOBUFS):
			fn(0, netip.AddrPort{})
			continue
		case err != nil:
			return fmt.Errorf("cannot read closed connections: %w", err)
		}
		if n < unix.SizeofNlMsghdr {
			continue
		}
		if m, ok := parseInet(buf[unix.SizeofNlMsghdr:n]); ok {
			fn(m.port, m.peer)
		}
	}
}

// Close ends the subscription.
func (w *Destroyed) Close() { unix.Close(w.fd) }
