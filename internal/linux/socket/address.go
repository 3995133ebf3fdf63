// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/unit"
)

// Address is one parsed address of a Listen*= line.
type Address struct {
	Family int // AF_INET, AF_INET6, AF_UNIX, AF_VSOCK, AF_NETLINK
	Type   int // SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_RAW
	// PortOnly: written as a port alone, so that IPv4 takes the place of
	// IPv6 where the kernel has none.
	PortOnly bool
	IP       netip.Addr
	Port     uint32
	Zone     string // interface of an IPv6 address, name or number
	Path     string // of a unix socket; "@name" for an abstract one
	CID      uint32
	// Netlink is the protocol, Groups the mask of its multicast groups.
	Netlink int
	Groups  uint32
	text    string // of a netlink address, as written
}

// maxPath is the room in sockaddr_un, without the NUL that ends a path.
const maxPath = 107

var netlinkFamilies = map[string]int{
	"route": unix.NETLINK_ROUTE, "firewall": unix.NETLINK_FIREWALL, "inet-diag": unix.NETLINK_INET_DIAG,
	"nflog": unix.NETLINK_NFLOG, "xfrm": unix.NETLINK_XFRM, "selinux": unix.NETLINK_SELINUX,
	"iscsi": unix.NETLINK_ISCSI, "audit": unix.NETLINK_AUDIT, "fib-lookup": unix.NETLINK_FIB_LOOKUP,
	"connector": unix.NETLINK_CONNECTOR, "netfilter": unix.NETLINK_NETFILTER, "ip6-fw": unix.NETLINK_IP6_FW,
	"dnrtmsg": unix.NETLINK_DNRTMSG, "kobject-uevent": unix.NETLINK_KOBJECT_UEVENT,
	"generic": unix.NETLINK_GENERIC, "scsitransport": unix.NETLINK_SCSITRANSPORT,
	"ecryptfs": unix.NETLINK_ECRYPTFS, "rdma": unix.NETLINK_RDMA,
}

// Parse reads an address in the grammar of systemd.socket(5). It says what
// was expected when it fails, and looks at nothing but its arguments.
func Parse(kind unit.ListenKind, s string) (Address, error) {
	a := Address{}
	switch kind {
	case unit.ListenStream:
		a.Type = unix.SOCK_STREAM
	case unit.ListenDatagram:
		a.Type = unix.SOCK_DGRAM
	case unit.ListenSeqpacket:
		a.Type = unix.SOCK_SEQPACKET
	case unit.ListenNetlink:
		return parseNetlink(s)
	case unit.ListenFIFO, unit.ListenSpecial, unit.ListenMessageQueue, unit.ListenUSBFunction:
		return a, errors.New("a path, not an address of a socket")
	}
	var err error
	switch {
	case s == "":
		return a, errors.New("the address is empty")
	case s[0] == '/', s[0] == '@':
		a, err = a.parseUnix(s)
	case strings.HasPrefix(s, "vsock"):
		a, err = a.parseVsock(s)
	default:
		a, err = a.parseIP(s)
	}
	if err == nil && a.Type == unix.SOCK_SEQPACKET && a.Family != unix.AF_UNIX && a.Family != unix.AF_VSOCK {
		err = fixableError{errors.New("sequential packets need a unix socket"), "write a path, or ListenStream="}
	}
	return a, err
}

func (a Address) parseUnix(s string) (Address, error) {
	a.Family, a.Path = unix.AF_UNIX, s
	switch {
	case s == "@":
		return a, errors.New("an abstract name is expected after \"@\"")
	case len(s) > maxPath:
		return a, fixableError{fmt.Errorf("the name has %d bytes", len(s)), fmt.Sprintf("unix sockets allow %d", maxPath)}
	case s[0] == '/' && strings.IndexByte(s, 0) >= 0:
		return a, errors.New("a path cannot hold a NUL")
	case s[0] == '/' && strings.HasSuffix(s, "/"):
		return a, errors.New("a path of a file is expected, not of a directory")
	}
	return a, nil
}

func (a Address) parseVsock(s string) (Address, error) {
	kind, rest, ok := strings.Cut(s, ":")
	a.Family = unix.AF_VSOCK
	switch kind {
	case "vsock":
	case "vsock-stream":
		a.Type = unix.SOCK_STREAM
	case "vsock-dgram":
		a.Type = unix.SOCK_DGRAM
	case "vsock-seqpacket":
		a.Type = unix.SOCK_SEQPACKET
	default:
		ok = false
	}
	cid, port, ok2 := strings.Cut(rest, ":")
	if !ok || !ok2 {
		return a, fixableError{errors.New("vsock:CID:PORT is expected"), "the CID may be empty: vsock::1234"}
	}
	a.CID = unix.VMADDR_CID_ANY
	if cid != "" {
		n, err := strconv.ParseUint(cid, 10, 32)
		if err != nil {
			return a, fmt.Errorf("%q is not a CID (a number below 2^32)", cid)
		}
		a.CID = uint32(n)
	}
	n, err := strconv.ParseUint(port, 10, 32)
	if err != nil {
		return a, fmt.Errorf("%q is not a vsock port (a number below 2^32)", port)
	}
	a.Port = uint32(n)
	return a, nil
}

func (a Address) parseIP(s string) (Address, error) {
	if isDigits(s) {
		port, err := parsePort(s)
		a.Family, a.IP, a.Port, a.PortOnly = unix.AF_INET6, netip.IPv6Unspecified(), port, true
		return a, err
	}
	var host, port, zone string
	if strings.HasPrefix(s, "[") {
		var rest string
		var ok bool
		host, rest, ok = strings.Cut(s[1:], "]")
		if !ok || !strings.HasPrefix(rest, ":") {
			return a, fmt.Errorf("%q is not an address; [IPV6]:PORT is expected", s)
		}
		port, zone, ok = strings.Cut(rest[1:], "%")
		if ok && zone == "" {
			return a, errors.New("an interface is expected after \"%\"")
		}
		a.Family = unix.AF_INET6
	} else {
		var ok bool
		if host, port, ok = strings.Cut(s, ":"); !ok || strings.Contains(port, ":") {
			return a, notAnAddress(s)
		}
		a.Family = unix.AF_INET
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || ip.Zone() != "" || ip.Is4() != (a.Family == unix.AF_INET) {
		if strings.Contains(host, "%") {
			return a, fixableError{fmt.Errorf("%q is not an IPv6 address", host), "the interface comes last: [fe80::1]:80%eth0"}
		}
		return a, notAnAddress(s)
	}
	a.IP, a.Zone = ip, zone
	a.Port, err = parsePort(port)
	return a, err
}

func notAnAddress(s string) error {
	return fixableError{
		fmt.Errorf("%q is not an address", s),
		"write a port, 1.2.3.4:PORT, [::1]:PORT, /a/path, @abstract or vsock:CID:PORT (names are not looked up)",
	}
}

func parseNetlink(s string) (Address, error) {
	a := Address{Family: unix.AF_NETLINK, Type: unix.SOCK_RAW, text: s}
	f := strings.Fields(s)
	if len(f) == 0 || len(f) > 2 {
		return a, errors.New("a netlink family is expected, and at most one group mask")
	}
	family, ok := netlinkFamilies[f[0]]
	if !ok {
		n, err := strconv.ParseUint(f[0], 10, 16)
		if err != nil {
			return a, fixableError{fmt.Errorf("%q is not a netlink family", f[0]), "such as route, audit or kobject-uevent"}
		}
		family = int(n)
	}
	a.Netlink = family
	if len(f) == 2 {
		n, err := strconv.ParseUint(f[1], 10, 32)
		if err != nil {
			return a, fmt.Errorf("%q is not a mask of groups (a number below 2^32)", f[1])
		}
		a.Groups = uint32(n)
	}
	return a, nil
}

func parsePort(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || s[0] == '0' || s[0] == '+' {
		return 0, fmt.Errorf("%q is not a port (1 to 65535)", s)
	}
	return uint32(n), nil
}

func isDigits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}

// String prints the address as systemctl does; Parse reads it back.
func (a Address) String() string {
	switch a.Family {
	case unix.AF_INET:
		return netip.AddrPortFrom(a.IP, uint16(a.Port)).String()
	case unix.AF_INET6:
		s := netip.AddrPortFrom(a.IP, uint16(a.Port)).String()
		if a.Zone != "" {
			s += "%" + a.Zone
		}
		return s
	case unix.AF_UNIX:
		return a.Path
	case unix.AF_VSOCK:
		if a.CID == unix.VMADDR_CID_ANY {
			return fmt.Sprintf("vsock::%d", a.Port)
		}
		return fmt.Sprintf("vsock:%d:%d", a.CID, a.Port)
	case unix.AF_NETLINK:
		return a.text
	}
	return "unknown"
}
