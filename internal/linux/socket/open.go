// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/linux/sockdiag"
	"github.com/rouse-init/rouse/internal/unit"
)

const openFlags = unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK

// openSocket makes, sets up, binds and listens. Options are set before
// bind: buffers count from the first connection on, and nobody can connect
// to a socket that is half set up.
func (op *opening) openSocket(a Address) (int, string, error) {
	fd, a, err := op.create(a)
	if err != nil {
		return -1, "", err
	}
	if err := op.setUp(fd, a); err != nil {
		unix.Close(fd)
		return -1, "", err
	}
	return fd, a.String(), nil
}

func (op *opening) create(a Address) (int, Address, error) {
	proto, err := op.protocol(a)
	if err != nil {
		return -1, a, err
	}
	fd, err := unix.Socket(a.Family, a.Type|openFlags, proto)
	if errors.Is(err, unix.EAFNOSUPPORT) && a.PortOnly {
		a.Family, a.IP = unix.AF_INET, netip.IPv4Unspecified()
		fd, err = unix.Socket(a.Family, a.Type|openFlags, proto)
	}
	if errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.ESOCKTNOSUPPORT) {
		return -1, a, fmt.Errorf("the kernel has no sockets of this kind: %w", err)
	}
	if err != nil {
		return -1, a, fmt.Errorf("socket: %w", err)
	}
	return fd, a, nil
}

func (op *opening) protocol(a Address) (int, error) {
	if a.Family == unix.AF_NETLINK {
		return a.Netlink, nil
	}
	if op.s.Options == nil || op.s.Options.Protocol == "" || (a.Family != unix.AF_INET && a.Family != unix.AF_INET6) {
		return 0, nil
	}
	switch op.s.Options.Protocol {
	case "udplite":
		return unix.IPPROTO_UDPLITE, nil
	case "sctp":
		return unix.IPPROTO_SCTP, nil
	case "mptcp":
		return unix.IPPROTO_MPTCP, nil
	}
	return 0, fmt.Errorf("SocketProtocol=%s is not known; udplite, sctp or mptcp is expected", op.s.Options.Protocol)
}

func (op *opening) setUp(fd int, a Address) error {
	if err := op.bindOptions(fd, a); err != nil {
		return err
	}
	op.options(fd, a)
	if a.Family == unix.AF_INET || a.Family == unix.AF_INET6 {
		if err := filter(fd, filtered(op.s)); err != nil {
			return err
		}
	}
	sa, err := a.sockaddr()
	if err != nil {
		return err
	}
	if a.Family == unix.AF_UNIX && a.Path[0] == '/' {
		err = op.bindPath(fd, a, sa)
	} else {
		err = unix.Bind(fd, sa)
	}
	if err != nil {
		return op.explainBind(a, err)
	}
	if !accepts(fd) && (a.Type == unix.SOCK_STREAM || a.Type == unix.SOCK_SEQPACKET) {
		if err := unix.Listen(fd, backlog(op.s.Backlog)); err != nil {
			return op.explainBind(a, err)
		}
	}
	return nil
}

// backlog turns Backlog= into what listen(2) takes; the kernel caps it at
// net.core.somaxconn.
func backlog(n uint32) int { return int(min(n, math.MaxInt32)) }

func (a Address) sockaddr() (unix.Sockaddr, error) {
	switch a.Family {
	case unix.AF_INET:
		return &unix.SockaddrInet4{Port: int(a.Port), Addr: a.IP.As4()}, nil
	case unix.AF_INET6:
		zone, err := a.zoneIndex()
		return &unix.SockaddrInet6{Port: int(a.Port), Addr: a.IP.As16(), ZoneId: zone}, err
	case unix.AF_UNIX:
		return &unix.SockaddrUnix{Name: a.Path}, nil
	case unix.AF_VSOCK:
		return &unix.SockaddrVM{CID: a.CID, Port: a.Port}, nil
	case unix.AF_NETLINK:
		return &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: a.Groups}, nil
	}
	return nil, fmt.Errorf("unknown address family %d", a.Family)
}

func (a Address) zoneIndex() (uint32, error) {
	if a.Zone == "" {
		return 0, nil
	}
	if n, err := strconv.ParseUint(a.Zone, 10, 32); err == nil {
		return uint32(n), nil
	}
	ifi, err := net.InterfaceByName(a.Zone)
	if err != nil {
		return 0, fmt.Errorf("there is no network interface %q", a.Zone)
	}
	return uint32(ifi.Index), nil
}

// explainBind says in words why an address cannot be had, and by whom it is
// taken.
func (op *opening) explainBind(a Address, err error) error {
	switch {
	case errors.Is(err, unix.EADDRINUSE) && a.Family != unix.AF_NETLINK:
		if who := sockdiag.WhoListens(a.key()); who != "" {
			return fixableError{fmt.Errorf("%w: %s", err, who), "stop that, or choose another address"}
		}
	case errors.Is(err, unix.EACCES) && a.Port > 0 && a.Port < 1024 && a.Family != unix.AF_VSOCK:
		return fixableError{fmt.Errorf("%w: ports below 1024 need CAP_NET_BIND_SERVICE", err), "run as root, or choose a higher port"}
	case errors.Is(err, unix.EADDRNOTAVAIL) && a.IP.IsValid():
		return fixableError{fmt.Errorf("%w: no interface has %s", err, a.IP), "set FreeBind=yes if it comes later"}
	}
	return err
}

// key is the address as sockdiag knows it.
func (a Address) key() sockdiag.Key {
	return sockdiag.Key{Addr: a.IP, Port: uint16(a.Port), Path: a.Path, Type: uint8(a.Type)}
}

func accepts(fd int) bool {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	return err == nil && n == 1
}

// v6Only is BindIPv6Only= as the kernel takes it; ok is false for the
// system's default (net.ipv6.bindv6only).
func v6Only(s *unit.Socket) (only, ok bool) {
	switch s.BindIPv6Only {
	case unit.IPv6Both:
		return false, true
	case unit.IPv6Only:
		return true, true
	case unit.IPv6Default:
	}
	return false, false
}
