// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"net/netip"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/linux/sockdiag"
	"github.com/rouse-init/rouse/internal/unit"
)

// Match tells for which line of s a stored descriptor still stands, after a
// reload or a restart of the manager: same kind and address, and the node of
// the file system, if there is one, is still its own. The others are to be
// closed, and lines without a match opened by OpenLine. It borrows fd.
func Match(fd int, s *unit.Socket) (Listener, bool) {
	for i := range s.Listens {
		if l, ok := MatchLine(fd, s, i); ok {
			return l, true
		}
	}
	return Listener{}, false
}

// MatchLine is Match for one line: to be tried first with the line that the
// descriptor was opened for, as several lines may be equal (ReusePort=).
func MatchLine(fd int, s *unit.Socket, index int) (Listener, bool) {
	if index < 0 || index >= len(s.Listens) {
		return Listener{}, false
	}
	l := s.Listens[index]
	address, ok := matchLine(fd, s, l)
	return Listener{FD: fd, Index: index, Kind: l.Kind, Address: address}, ok
}

func matchLine(fd int, s *unit.Socket, l unit.Listen) (string, bool) {
	switch l.Kind {
	case unit.ListenFIFO, unit.ListenSpecial:
		return l.Address, sameFile(fd, l.Address)
	case unit.ListenMessageQueue:
		name, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
		return l.Address, err == nil && name == l.Address && isQueue(fd)
	case unit.ListenUSBFunction:
		return "", false
	case unit.ListenStream, unit.ListenDatagram, unit.ListenSeqpacket, unit.ListenNetlink:
	}
	a, err := Parse(l.Kind, l.Address)
	if err != nil {
		return "", false
	}
	typ, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil || typ != a.Type {
		return "", false
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return "", false
	}
	return matchAddress(fd, s, a, sa)
}

func matchAddress(fd int, s *unit.Socket, a Address, bound unix.Sockaddr) (string, bool) {
	switch b := bound.(type) {
	case *unix.SockaddrInet4:
		if a.PortOnly {
			a.Family, a.IP = unix.AF_INET, netip.IPv4Unspecified()
		}
		ok := a.Family == unix.AF_INET && b.Addr == a.IP.As4() && b.Port == int(a.Port)
		return a.String(), ok && sameProtocol(fd, s, a)
	case *unix.SockaddrInet6:
		if a.Family != unix.AF_INET6 || b.Addr != a.IP.As16() || b.Port != int(a.Port) {
			return "", false
		}
		if only, ok := v6Only(s); ok {
			n, err := unix.GetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
			if err != nil || (n == 1) != only {
				return "", false
			}
		}
		return a.String(), sameProtocol(fd, s, a)
	case *unix.SockaddrUnix:
		if name, ok := sockdiag.UnixName(fd, false); !ok || a.Family != unix.AF_UNIX || name != a.Path {
			return "", false
		}
		return a.Path, a.Path[0] == '@' || sockdiag.OwnsNode(fd, a.Path)
	case *unix.SockaddrVM:
		return a.String(), a.Family == unix.AF_VSOCK && b.CID == a.CID && b.Port == a.Port
	case *unix.SockaddrNetlink:
		proto, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL)
		return a.String(), err == nil && a.Family == unix.AF_NETLINK && proto == a.Netlink && b.Groups == a.Groups
	}
	return "", false
}

// sameProtocol compares SocketProtocol=; 0 stands for the usual one.
func sameProtocol(fd int, s *unit.Socket, a Address) bool {
	op := opening{s: s}
	want, err := op.protocol(a)
	if err != nil {
		return false
	}
	if want == 0 {
		want = unix.IPPROTO_TCP
		if a.Type == unix.SOCK_DGRAM {
			want = unix.IPPROTO_UDP
		}
	}
	got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL)
	return err == nil && got == want
}

func sameFile(fd int, path string) bool {
	var a, b unix.Stat_t
	return unix.Fstat(fd, &a) == nil && unix.Lstat(path, &b) == nil && a.Dev == b.Dev && a.Ino == b.Ino && a.Rdev == b.Rdev
}
