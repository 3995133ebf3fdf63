// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"net/netip"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// KeyOf reads the key of a bound socket, which it borrows; false for kinds
// of sockets that have no connections that could be counted.
func KeyOf(fd int) (Key, bool) {
	typ, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil || (typ != unix.SOCK_STREAM && typ != unix.SOCK_SEQPACKET) {
		return Key{}, false
	}
	k := Key{Type: uint8(typ)}
	if name, ok := UnixName(fd, false); ok {
		k.Path = name
		return k, name != ""
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return Key{}, false
	}
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		k.Addr, k.Port = netip.AddrFrom4(a.Addr), uint16(a.Port)
	case *unix.SockaddrInet6:
		k.Addr, k.Port = netip.AddrFrom16(a.Addr), uint16(a.Port)
		n, err := unix.GetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
		k.V6Only = err == nil && n == 1
	default:
		return Key{}, false
	}
	return k, k.Port != 0
}

// ListenerOf is the index of the listener that a connection, which it borrows,
// was accepted from, -1 for none of them.
func ListenerOf(conn int, listeners []Key) int {
	k, ok := KeyOf(conn)
	if !ok {
		return -1
	}
	if k.Path != "" {
		return slices.IndexFunc(listeners, func(l Key) bool { return l.Path == k.Path && l.Type == k.Type })
	}
	var d Diag
	d.index(listeners)
	return d.find(listeners, k.Addr, k.Port)
}

// UnixName is the whole name of a unix socket, or of its peer: "" for an
// unnamed one, "@" and then any bytes, NULs as well, for an abstract one.
// False: not a unix socket. (The portable functions cut names at a NUL and
// take an unnamed socket for "@".)
func UnixName(fd int, peer bool) (string, bool) {
	var sa unix.RawSockaddrUnix
	size := uint32(unsafe.Sizeof(sa))
	nr := uintptr(unix.SYS_GETSOCKNAME)
	if peer {
		nr = unix.SYS_GETPEERNAME
	}
	_, _, errno := unix.Syscall(nr, uintptr(fd), uintptr(unsafe.Pointer(&sa)), uintptr(unsafe.Pointer(&size)))
	if errno != 0 || sa.Family != unix.AF_UNIX {
		return "", false
	}
	const head = 2 // sun_family
	n := int(min(size, uint32(unsafe.Sizeof(sa)))) - head
	if n <= 0 {
		return "", true
	}
	name := unsafe.Slice((*byte)(unsafe.Pointer(&sa.Path[0])), n)
	if name[0] == 0 {
		return "@" + string(name[1:]), true
	}
	for i, c := range name {
		if c == 0 {
			name = name[:i]
			break
		}
	}
	return string(name), true
}
