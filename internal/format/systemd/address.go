// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

var (
	errAddress = errors.New("expected a port, ADDRESS:PORT, [IPV6]:PORT, a path, @NAME or vsock:CID:PORT")
	errPort    = errors.New("expected a port from 1 to 65535")
	errUnixLen = errors.New("the path is longer than the 107 bytes of a unix socket's address")
)

// listens reads Listen*=. An empty value takes all addresses back, those of
// the other kinds included.
func listens(k unit.ListenKind) func(*build, string) error {
	return func(b *build, v string) error {
		if v == "" {
			b.sock.Listens = nil
			return nil
		}
		s, err := b.expand(v)
		if err != nil {
			return err
		}
		switch k {
		case unit.ListenStream, unit.ListenDatagram, unit.ListenSeqpacket:
			s, err = checkAddress(s, k)
		case unit.ListenFIFO, unit.ListenSpecial, unit.ListenUSBFunction, unit.ListenMessageQueue:
			s, err = cleanPath(s)
		case unit.ListenNetlink:
			err = checkNetlink(s)
		}
		if err != nil {
			return err
		}
		b.sock.Listens = append(b.sock.Listens, unit.Listen{Kind: k, Address: s, Pos: b.pos()})
		return nil
	}
}

// checkAddress checks an address of systemd.socket(5) and returns it
// without needless slashes.
func checkAddress(s string, k unit.ListenKind) (string, error) {
	switch {
	case s == "":
		return "", errAddress
	case s[0] == '/':
		p, err := cleanPath(s)
		if errors.Is(err, errDots) {
			p, err = s, nil // as systemd does, left to the kernel
		}
		if len(p) > 107 {
			err = errUnixLen
		}
		return p, err
	case s[0] == '@':
		if len(s) > 108 {
			return "", errUnixLen
		}
		return s, nil
	case strings.HasPrefix(s, "vsock"):
		return s, checkVsock(s)
	}
	if k == unit.ListenSeqpacket && !strings.ContainsAny(s, ":[") {
		return "", errors.New("only unix and vsock sockets have packets in sequence: expected a path, @NAME or vsock:CID:PORT")
	}
	port := s
	if i := strings.LastIndexByte(s, ':'); i >= 0 {
		host := s[:i]
		port = s[i+1:]
		bare, six := strings.CutPrefix(host, "[")
		if six {
			if !strings.HasSuffix(bare, "]") {
				return "", errAddress
			}
			bare = bare[:len(bare)-1]
		}
		a, err := netip.ParseAddr(bare)
		if err != nil || a.Is4() == six {
			return "", hostHint(host)
		}
	} else if inner, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(inner, "]") {
		return "", errAddress
	}
	n, err := strconv.ParseUint(port, 10, 32)
	if err != nil {
		return "", errAddress
	}
	if n == 0 || n > 65535 {
		return "", errPort
	}
	return s, nil
}

// hostHint says what is wrong with the host part of an address.
func hostHint(host string) error {
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() || strings.Count(host, ":") > 0 && host[0] != '[' {
		return hinted{errAddress, "put the IPv6 address in brackets: [" + host + "]:PORT"}
	}
	if host != "" && host[0] != '[' {
		return hinted{errAddress, "write the address as a number: host names are not resolved"}
	}
	return errAddress
}

// checkVsock checks vsock:CID:PORT, where the first part may name the kind
// ("vsock-stream:…") and an empty CID means any.
func checkVsock(s string) error {
	kind, rest, ok := strings.Cut(s, ":")
	if !ok || !slices.Contains([]string{"vsock", "vsock-stream", "vsock-dgram", "vsock-seqpacket"}, kind) {
		return errAddress
	}
	cid, port, ok := strings.Cut(rest, ":")
	if !ok {
		return errAddress
	}
	if _, err := strconv.ParseUint(cid, 10, 32); cid != "" && err != nil {
		return errAddress
	}
	if _, err := strconv.ParseUint(port, 10, 32); err != nil {
		return errAddress
	}
	return nil
}

// netlinkFamilies are the names that ListenNetlink= takes.
var netlinkFamilies = []string{
	"route", "firewall", "inet-diag", "nflog", "xfrm", "selinux", "iscsi", "audit", "fib-lookup",
	"connector", "netfilter", "ip6-fw", "dnrtmsg", "kobject-uevent", "generic", "scsitransport", "ecryptfs", "rdma",
}

func checkNetlink(s string) error {
	f := strings.Fields(s)
	if len(f) == 0 || len(f) > 2 || !slices.Contains(netlinkFamilies, f[0]) {
		return errors.New(`expected a netlink family and perhaps a group, such as "kobject-uevent 1"`)
	}
	if len(f) == 2 {
		if _, err := strconv.ParseUint(f[1], 10, 32); err != nil {
			return errors.New("expected the netlink group to be a number")
		}
	}
	return nil
}
