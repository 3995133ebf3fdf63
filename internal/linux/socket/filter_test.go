// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// TestFilter sends from many addresses of the loopback network to a socket
// with a filter: what arrives is what Access.Allows says.
func TestFilter(t *testing.T) {
	nets := func(list ...string) (out []unit.AccessRule) {
		for _, n := range list {
			out = append(out, unit.Network(netip.MustParsePrefix(n), diag.Pos{}))
		}
		return out
	}
	sources := []string{"127.0.0.1", "127.0.0.2", "127.0.1.1", "127.1.2.3", "127.128.0.1", "::1"}
	for name, a := range map[string]*unit.Access{
		"nothing":                 {},
		"one":                     {Only: true, OnlyFrom: nets("127.0.0.2/32")},
		"a network":               {Only: true, OnlyFrom: nets("127.0.0.0/24")},
		"a network not on a byte": {Only: true, OnlyFrom: nets("127.0.0.0/9")},
		"two":                     {Only: true, OnlyFrom: nets("127.0.1.0/24", "::1/128")},
		"all of IPv4":             {Only: true, OnlyFrom: nets("0.0.0.0/0")},
		"everything":              {Only: true, OnlyFrom: nets("::/0")},
		"IPv6 by a prefix":        {Only: true, OnlyFrom: nets("::/100")},
		"nobody":                  {Only: true},
		"all but one":             {NoAccess: nets("127.0.0.1/32")},
		"all but IPv6":            {NoAccess: nets("::1/128")},
		"both":                    {Only: true, OnlyFrom: nets("127.0.0.0/8"), NoAccess: nets("127.1.0.0/16", "127.0.0.1/32")},
		"other IPv6":              {NoAccess: nets("2001:db8::/32", "fe80::/10", "::2/128", "1::1/128")},
	} {
		t.Run(name, func(t *testing.T) {
			fd, port := filteredSocket(t, a)
			for _, from := range sources {
				addr := netip.MustParseAddr(from)
				if !sendFrom(t, addr, port) {
					continue // no IPv6 here
				}
				want, _ := a.Allows(addr, time.Time{})
				if got := arrives(t, fd); got != want {
					t.Errorf("from %s: arrives is %v", from, got)
				}
			}
		})
	}
}

// filteredSocket opens a datagram socket of both families with the filter.
func filteredSocket(t *testing.T, a *unit.Access) (fd, port int) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Skip("the kernel has no IPv6:", err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0); err != nil {
		t.Fatal(err)
	}
	if err := filter(fd, a); err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet6{}); err != nil {
		t.Fatal(err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fd, sa.(*unix.SockaddrInet6).Port
}

func sendFrom(t *testing.T, from netip.Addr, port int) bool {
	t.Helper()
	family := unix.AF_INET
	var local, remote unix.Sockaddr
	if from.Is4() {
		local = &unix.SockaddrInet4{Addr: from.As4()}
		remote = &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: port}
	} else {
		family, local = unix.AF_INET6, &unix.SockaddrInet6{Addr: from.As16()}
		remote = &unix.SockaddrInet6{Addr: from.As16(), Port: port}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, local); err != nil {
		return false
	}
	if err := unix.Sendto(fd, []byte("x"), 0, remote); err != nil {
		t.Fatal(err)
	}
	return true
}

// arrives tells whether the one datagram that was sent is there: over the
// loopback interface it is when sendto returns.
func arrives(t *testing.T, fd int) bool {
	t.Helper()
	n, _, err := unix.Recvfrom(fd, make([]byte, 8), 0)
	if err != nil && err != unix.EAGAIN {
		t.Fatal(err)
	}
	return n == 1
}

// TestRefilter: the filter of an open socket is replaced, and taken away.
func TestRefilter(t *testing.T) {
	one := func(addr string) *unit.Access {
		return &unit.Access{Only: true, OnlyFrom: []unit.AccessRule{unit.Network(netip.MustParsePrefix(addr+"/32"), diag.Pos{})}}
	}
	fd, port := filteredSocket(t, one("127.0.0.1"))
	for _, c := range []struct {
		a           *unit.Access
		first, next bool
	}{{one("127.0.0.2"), false, true}, {nil, true, true}, {nil, true, true}, {one("127.0.0.1"), true, false}} {
		if err := Refilter(fd, &unit.Socket{Access: c.a}); err != nil {
			t.Fatal(err)
		}
		for from, want := range map[string]bool{"127.0.0.1": c.first, "127.0.0.2": c.next} {
			sendFrom(t, netip.MustParseAddr(from), port)
			if got := arrives(t, fd); got != want {
				t.Errorf("%+v: from %s: arrives is %v", c.a, from, got)
			}
		}
	}
}

func TestFilterTooLong(t *testing.T) {
	a := &unit.Access{Only: true}
	for i := range 300 {
		a.OnlyFrom = append(a.OnlyFrom, unit.Network(netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, byte(i), byte(i >> 8), 15: 1}), 128), diag.Pos{}))
	}
	if err := filter(-1, a); err == nil {
		t.Error("a filter that the kernel does not take must not be left out")
	}
}
