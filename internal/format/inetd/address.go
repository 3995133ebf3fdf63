// SPDX-License-Identifier: Apache-2.0

package inetd

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// splitHosts takes HOST[,HOST...]: off the service. The name of a unix
// service is a path, which FreeBSD prefixes with :owner:group:mode:.
func (e *entry) splitHosts(w, standing word) {
	e.service, e.hosts = w, standing
	if e.proto == "unix" {
		return
	}
	i := strings.LastIndexByte(w.text, ':')
	if i < 0 {
		return
	}
	e.hosts, e.service = word{w.text[:i], w.pos}, w.from(i+1)
	if e.hosts.text == "*" {
		e.hosts = word{}
	}
}

// place finds out what the entry listens on.
func (f *file) place(e *entry) {
	if e.proto == "unix" {
		return
	}
	base := transport(e.proto)
	n, err := strconv.ParseUint(e.service.text, 10, 64)
	switch {
	case err == nil && (n == 0 || n > 65535):
		e.fail(CodeService, e.service.pos, "cannot listen on port "+e.service.text+": expected 1 to 65535", "")
		return
	case err == nil:
		e.port = uint16(n)
	default:
		var ok bool
		if f.opt.Port != nil {
			e.port, ok = f.opt.Port(e.service.text, base)
		}
		if !ok {
			e.fail(CodeService, e.service.pos, fmt.Sprintf("cannot listen: no service %q of %s is known", e.service.text, base),
				"write the number of its port, or add it to /etc/services")
			return
		}
	}
	want4 := !strings.HasSuffix(e.proto, "6") // tcp, tcp4
	want6 := !strings.HasSuffix(e.proto, "4") // tcp, tcp6, tcp46
	if e.proto == base+"46" && f.opt.NoIPv6 {
		want4 = true
	}
	if e.hosts.text == "" {
		if want4 {
			e.add(netip.IPv4Unspecified(), false)
		}
		if want6 && (!f.opt.NoIPv6 || !want4) {
			e.add(netip.IPv6Unspecified(), want4)
		}
	} else {
		f.hostAddresses(e, want4, want6)
	}
	if e.proto == base+"46" {
		e.Socket.BindIPv6Only = unit.IPv6Both
	} else if want6 {
		e.Socket.BindIPv6Only = unit.IPv6Only
	}
	if len(e.addrs) == 0 && !e.broken {
		e.fail(CodeHost, e.hosts.pos, fmt.Sprintf("cannot listen: %s has no address of %s", e.hosts.text, e.proto), "write "+base+" for the protocol, or another address")
	}
}

func (e *entry) add(a netip.Addr, implied bool) {
	e.addrs = append(e.addrs, address{netip.AddrPortFrom(a, e.port), implied})
}

// hostAddresses looks the hosts up. A host with several addresses has a
// socket for each.
func (f *file) hostAddresses(e *entry, want4, want6 bool) {
	rest := e.hosts
	for i := 0; ; i++ {
		h, more, again := rest.cut(",")
		if i == maxHosts {
			e.fail(CodeLimit, h.pos, fmt.Sprintf("cannot read the line: it has more than %d hosts", maxHosts), "")
			return
		}
		bare, bracket := strings.CutPrefix(h.text, "[")
		if bracket {
			bare = strings.TrimSuffix(bare, "]")
		}
		a, err := netip.ParseAddr(bare)
		switch {
		case h.text == "*":
			if want4 {
				e.add(netip.IPv4Unspecified(), false)
			}
			if want6 && !f.opt.NoIPv6 {
				e.add(netip.IPv6Unspecified(), want4)
			}
		case err == nil && a.Is6() && !bracket:
			e.fail(CodeHost, h.pos, "cannot read the address: IPv6 addresses stand in brackets", "write ["+h.text+"]:"+e.service.text)
			return
		case err == nil && a.Zone() == "" && (a.Is4() && want4 || a.Is6() && want6):
			e.add(a, false)
		case err == nil:
			e.Add(diag.Warning, CodeHost, h.pos, fmt.Sprintf("cannot listen on %s with the protocol %s, ignoring the address", h.text, e.proto), "write "+transport(e.proto)+" for the protocol")
		default:
			f.lookUp(e, h, want4, want6)
		}
		if !again {
			return
		}
		rest = more
	}
}

func (f *file) lookUp(e *entry, h word, want4, want6 bool) {
	var found []netip.Addr
	if f.opt.Addrs != nil {
		found = f.opt.Addrs(h.text)
	}
	if len(found) == 0 {
		e.fail(CodeHost, h.pos, fmt.Sprintf("cannot listen on %q: the host is not in /etc/hosts, and name servers are not asked", h.text), "write its address")
	}
	for _, a := range found {
		if a.Is4() && want4 || a.Is6() && want6 && !f.opt.NoIPv6 {
			e.add(a, false)
		}
	}
}

// unixPath reads /path and :owner:group:mode:/path.
func (e *entry) unixPath() {
	e.path = e.service.text
	if strings.HasPrefix(e.path, ":") {
		p := strings.SplitN(e.path, ":", 5)
		mode, err := uint64(0), error(nil)
		if len(p) == 5 {
			mode, err = strconv.ParseUint(p[3], 8, 12)
		}
		if len(p) < 5 || err != nil {
			e.fail(CodeSyntax, e.service.pos, fmt.Sprintf("cannot read %q: expected :OWNER:GROUP:MODE:/PATH", e.path), "")
			return
		}
		e.Socket.User, e.Socket.Group, e.Socket.Mode, e.path = p[1], p[2], uint32(mode), p[4]
	}
	switch {
	case !strings.HasPrefix(e.path, "/") || strings.HasSuffix(e.path, "/"):
		e.fail(CodeService, e.service.pos, fmt.Sprintf("cannot listen on %q: expected the absolute path of a socket", e.path), "")
	case len(e.path) > 107:
		e.fail(CodeService, e.service.pos, "cannot listen: the path is longer than the 107 bytes of a unix socket's address", "")
	}
	e.Socket.RemoveOnStop = true // as inetd does when it ends
}
