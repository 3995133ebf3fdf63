// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/diag"
)

// sockaddr is an address as the kernel takes it.
type sockaddr struct {
	raw  unix.RawSockaddrAny
	size uint32
}

const unixHead = 2 // sun_family, before sun_path

func inetAddr(ap netip.AddrPort) sockaddr {
	var s sockaddr
	port := ap.Port()
	if ap.Addr().Is4() {
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(&s.raw))
		in.Family, in.Addr, s.size = unix.AF_INET, ap.Addr().As4(), unix.SizeofSockaddrInet4
		binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&in.Port))[:], port)
		return s
	}
	in := (*unix.RawSockaddrInet6)(unsafe.Pointer(&s.raw))
	in.Family, in.Addr, s.size = unix.AF_INET6, ap.Addr().As16(), unix.SizeofSockaddrInet6
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&in.Port))[:], port)
	if n, err := strconv.ParseUint(ap.Addr().Zone(), 10, 32); err == nil {
		in.Scope_id = uint32(n)
	}
	return s
}

// unixAddr is "/path" or "@abstract".
func unixAddr(path string) sockaddr {
	var s sockaddr
	un := (*unix.RawSockaddrUnix)(unsafe.Pointer(&s.raw))
	un.Family = unix.AF_UNIX
	name := unsafe.Slice((*byte)(unsafe.Pointer(&un.Path)), len(un.Path))
	copy(name, path)
	s.size = uint32(unixHead + len(path))
	if path[0] == '@' {
		name[0] = 0
	} else {
		s.size++
	}
	return s
}

func (s *sockaddr) family() int { return int(s.raw.Addr.Family) }

// inet is the address, IPv4 as such also where it came as IPv6; invalid for
// unix sockets.
func (s *sockaddr) inet() netip.AddrPort {
	switch s.family() {
	case unix.AF_INET:
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(&s.raw))
		return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&in.Port))[:]))
	case unix.AF_INET6:
		in := (*unix.RawSockaddrInet6)(unsafe.Pointer(&s.raw))
		a := netip.AddrFrom16(in.Addr).Unmap()
		if in.Scope_id != 0 && !a.Is4() {
			a = a.WithZone(strconv.FormatUint(uint64(in.Scope_id), 10))
		}
		return netip.AddrPortFrom(a, binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&in.Port))[:]))
	}
	return netip.AddrPort{}
}

// unixName is "/path" or "@abstract", "" for other families.
func (s *sockaddr) unixName() string {
	if s.family() != unix.AF_UNIX || s.size <= unixHead {
		return ""
	}
	name := s.bytes()[unixHead:]
	if name[0] == 0 {
		return "@" + string(name[1:])
	}
	return strings.TrimRight(string(name), "\x00")
}

// bytes is what tells two addresses apart.
func (s *sockaddr) bytes() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&s.raw)), min(s.size, uint32(unsafe.Sizeof(s.raw))))
}

// address is one word of Config.Listen or Config.To.
type address struct {
	text     string
	datagram bool
	path     string // of a unix socket, "@name" for an abstract one
	ip       netip.Addr
	port     uint16
	name     string // to be looked up
	portOnly bool   // all addresses, IPv6 and IPv4
}

// maxPath is the room in sockaddr_un, without the NUL that ends a path.
const maxPath = 107

func parseAddress(text string) (address, error) {
	a := address{text: text}
	rest := text
	for prefix, datagram := range map[string]bool{"tcp:": false, "unix:": false, "udp:": true, "unixgram:": true} {
		if r, ok := strings.CutPrefix(text, prefix); ok {
			rest, a.datagram = r, datagram
		}
	}
	if rest == "" {
		return a, badAddress(text, "it is empty")
	}
	if rest[0] == '/' || rest[0] == '@' {
		a.path = rest
		if len(rest) == 1 || len(rest) > maxPath || rest[0] == '/' && strings.IndexByte(rest, 0) >= 0 {
			return a, badAddress(text, fmt.Sprintf("a name of 1 to %d bytes is expected", maxPath))
		}
		return a, nil
	}
	if port, err := parsePort(rest); err == nil {
		a.portOnly, a.ip, a.port = true, netip.IPv6Unspecified(), port
		return a, nil
	}
	i := strings.LastIndexByte(rest, ':')
	if i < 0 {
		return a, badAddress(text, "it has no port")
	}
	port, err := parsePort(rest[i+1:])
	if err != nil {
		return a, badAddress(text, err.Error())
	}
	host := rest[:i]
	a.port = port
	if h, ok := strings.CutPrefix(host, "["); ok {
		h, ok = strings.CutSuffix(h, "]")
		if a.ip, err = netip.ParseAddr(h); err != nil || !ok || !a.ip.Is6() {
			return a, badAddress(text, "an IPv6 address is expected within the brackets")
		}
		return a, nil
	}
	if a.ip, err = netip.ParseAddr(host); err == nil && a.ip.Is4() {
		return a, nil
	}
	if host == "" || len(host) > 253 || strings.ContainsAny(host, ":/@ \x00") {
		return a, badAddress(text, fmt.Sprintf("%q is no address and no name", host))
	}
	a.ip, a.name = netip.Addr{}, host
	return a, nil
}

func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || s[0] == '+' {
		return 0, fmt.Errorf("%q is not a port (0 to 65535)", s)
	}
	return uint16(n), nil
}

func badAddress(text, why string) error {
	return diag.Diagnostic{
		Severity: diag.Error, Msg: fmt.Sprintf("cannot use the address %q: %s", text, why),
		Fix: "write 1.2.3.4:PORT, [::1]:PORT, PORT, /a/path or @abstract, with udp: or unixgram: in front for datagrams",
	}
}

// addr is what to connect or bind to; not for names.
func (a *address) addr() sockaddr {
	if a.path != "" {
		return unixAddr(a.path)
	}
	return inetAddr(netip.AddrPortFrom(a.ip, a.port))
}

func (a *address) sockType() int {
	if a.datagram {
		return unix.SOCK_DGRAM
	}
	return unix.SOCK_STREAM
}

// WithPort adds a port to a host that has none.
func WithPort(text, port string) string {
	if strings.HasPrefix(text, "/") || strings.HasPrefix(text, "@") {
		return text
	}
	if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") || !strings.Contains(text, ":") {
		return text + ":" + port
	}
	return text
}
