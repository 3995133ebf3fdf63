// SPDX-License-Identifier: Apache-2.0

package launchd

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rouse-init/rouse/internal/format/launchd/plist"
	"github.com/rouse-init/rouse/internal/unit"
)

// maxUnixPath is the longest path of a unix socket's address (unix(7)).
const maxUnixPath = 107

// place finds out what a socket listens on, once all keys are read: that it is
// a server of inetd, and the label, may stand below Sockets.
func (b *build) place(s *sock) {
	switch {
	case s.secure != nil:
		b.secureSocket(s)
	case s.pathName != nil:
		path, ok := b.absolute("SockPathName", s.pathName)
		if ok {
			b.unix(s, path, s.pathName)
		}
	case s.family == "unix":
		b.fail(s.pos, "", "cannot open the socket %.80q: SockFamily Unix needs SockPathName", s.key)
	default:
		b.internet(s)
	}
}

func (b *build) unix(s *sock, path string, v *plist.Value) {
	path = filepath.Clean(path)
	if len(path) > maxUnixPath || path == "/" {
		b.fail(v.Pos, "", "cannot listen: expected the path of a socket of at most %d bytes, found %.120q", maxUnixPath, path)
		return
	}
	s.path = true
	if !s.modeSeen {
		s.mode = 0o700
	}
	s.listens = []unit.Listen{{Kind: s.kind, Address: path, Pos: v.Pos}}
}

// secureSocket makes a socket in a directory that only the manager's user may
// enter, and tells its path to the job.
func (b *build) secureSocket(s *sock) {
	key := s.secure.Text
	if key == "" || strings.ContainsAny(key, "=/\x00\n") {
		b.fail(s.secure.Pos, "", "cannot read SecureSocketWithKey: expected the name of a variable, found %.80q", key)
		return
	}
	dir := b.opt.RuntimeDir
	if dir == "" {
		dir = "/run"
	}
	path := filepath.Join(dir, "launchd-sockets", b.stem(), key)
	b.unix(s, path, s.secure)
	b.exec.Environment = append(b.exec.Environment, key+"="+path)
	b.note(s.secure.Pos, "the variable %s is set for this job alone, not for all", key)
}

// internet makes an address of each that the node has. Without a node there
// are two, as launchd has it: the daemon gets two descriptors.
func (b *build) internet(s *sock) {
	switch {
	case s.kind == unit.ListenSeqpacket:
		b.fail(s.pos, "", "cannot open the socket %.80q: a seqpacket socket needs SockPathName", s.key)
		return
	case s.protocol == "UDP" && s.kind == unit.ListenStream || s.protocol == "TCP" && s.kind == unit.ListenDatagram:
		b.fail(s.pos, "", "cannot open the socket %.80q: SockProtocol %s contradicts SockType", s.key, s.protocol)
		return
	case s.service == nil:
		b.fail(s.pos, "", "cannot open the socket %.80q: it has neither SockServiceName nor SockPathName", s.key)
		return
	}
	port, ok := b.port(s)
	if !ok {
		return
	}
	pos := s.service.Pos
	want4, want6 := s.family != "ipv6", s.family != "ipv4" && (!b.opt.NoIPv6 || s.family == "ipv6")
	var addrs []netip.Addr
	switch both := s.family == "ipv4v6" || s.family == "ipv46"; {
	case s.node != nil && s.node.Text != "" && s.node.Text != "*":
		pos = s.node.Pos
		if addrs, ok = b.host(s, want4, want6); !ok {
			return
		}
	case want6 && (both || b.inetd && b.wait && s.family == ""): // a server of inetd has one descriptor
		addrs = []netip.Addr{netip.IPv6Unspecified()}
		s.family = "ipv4v6"
	case want4 && want6:
		addrs = []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}
	case want6:
		addrs = []netip.Addr{netip.IPv6Unspecified()}
	default:
		addrs = []netip.Addr{netip.IPv4Unspecified()}
	}
	for _, a := range addrs {
		s.listens = append(s.listens, unit.Listen{Kind: s.kind, Address: netip.AddrPortFrom(a, port).String(), Pos: pos})
	}
}

func (b *build) port(s *sock) (uint16, bool) {
	v := s.service
	text := v.Text
	if v.Kind == plist.Integer {
		text = strconv.FormatInt(v.Int, 10)
	}
	if n, err := strconv.ParseUint(text, 10, 16); err == nil {
		if n == 0 {
			b.fail(v.Pos, "", "cannot listen on port 0: expected 1 to 65535")
		}
		return uint16(n), n != 0
	}
	proto := "tcp"
	if s.kind == unit.ListenDatagram {
		proto = "udp"
	}
	if b.opt.Port != nil {
		if n, ok := b.opt.Port(text, proto); ok {
			return n, true
		}
	}
	b.fail(v.Pos, "write the number of its port, or add it to /etc/services", "cannot listen: no service %.60q of %s is known", text, proto)
	return 0, false
}

// host finds the addresses of SockNodeName.
func (b *build) host(s *sock, want4, want6 bool) ([]netip.Addr, bool) {
	v := s.node
	found := []netip.Addr{}
	if a, err := netip.ParseAddr(v.Text); err == nil && a.Zone() == "" {
		found = append(found, a.Unmap())
		want6 = want6 || a.Is6() && s.family == ""
	} else if b.opt.Addrs != nil {
		found = b.opt.Addrs(v.Text)
	}
	var out []netip.Addr
	for _, a := range found {
		if a.Is4() && want4 || a.Is6() && want6 {
			out = append(out, a)
		}
	}
	if len(out) == 0 {
		why := "the host is not in /etc/hosts, and name servers are not asked"
		if len(found) > 0 {
			why = fmt.Sprintf("it has no address of SockFamily %s", s.family)
		}
		b.fail(v.Pos, "write its address", "cannot listen on %.80q: %s", v.Text, why)
		return nil, false
	}
	return out, true
}
