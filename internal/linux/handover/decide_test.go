// SPDX-License-Identifier: Apache-2.0

package handover

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

var ips = []netip.Addr{
	netip.MustParseAddr("0.0.0.0"), netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("10.0.0.1"),
	netip.MustParseAddr("::"), netip.MustParseAddr("::1"), netip.MustParseAddr("fe80::1"),
}

// everyEndpoint is each address on two ports, TCP and UDP, and a unix socket.
func everyEndpoint() []endpoint {
	out := []endpoint{{typ: unix.SOCK_STREAM, name: "/run/s"}, {typ: unix.SOCK_STREAM, name: "@s"}}
	for _, ip := range ips {
		for _, typ := range []int{unix.SOCK_STREAM, unix.SOCK_DGRAM} {
			for _, port := range []uint16{1, 2} {
				e := endpoint{typ: typ, ip: ip, port: port}
				out = append(out, e)
				if !ip.Is4() {
					e.v6only = true
					out = append(out, e)
				}
			}
		}
	}
	return out
}

// TestDecideSafely: whatever is held and asked for, nothing is handed to a
// daemon that did not ask for its port and protocol, an IPv6-only daemon is
// never opened to IPv4 by it, and a second instance is refused.
func TestDecideSafely(t *testing.T) {
	all := everyEndpoint()
	yes := func(int) bool { return true }
	no := func(int) bool { return false }
	handed := 0
	for _, want := range all {
		for _, have := range all {
			held := []endpoint{have}
			v := decide(want, held, nil, true, no)
			if want.overlaps(have) != have.overlaps(want) {
				t.Errorf("%+v and %+v overlap one way only", want, have)
			}
			if v.held < 0 {
				if v.errno != 0 && v.errno != unix.EADDRNOTAVAIL {
					t.Errorf("%+v for %+v: %v", have, want, v)
				}
				if want == have {
					t.Errorf("%+v is not given to who asks for just it", have)
				}
				continue
			}
			handed++
			if want.typ != have.typ || want.port != have.port || want.name != have.name {
				t.Errorf("%+v is given for %+v", have, want)
			}
			if want.isAny() && want.v6only && !want.ip.Is4() && have.ip.Is4() {
				t.Errorf("%+v is given to a daemon of IPv6 only", have)
			}
			if want.isIP() && !want.isAny() && !have.isAny() && want.ip != have.ip && !(want.ip.IsLoopback() && have.ip.IsLoopback()) {
				t.Errorf("%+v is given for another address %+v", have, want)
			}
			again := []grant{{held: 0, as: want}}
			if v := decide(want, held, again, true, yes); v.errno != unix.EADDRINUSE {
				t.Errorf("%+v: a second instance gets %+v", want, v)
			}
			if v := decide(want, held, again, true, no); v.held != 0 {
				t.Errorf("%+v: not given again after it was closed: %+v", want, v)
			}
			if v := decide(want, held, nil, false, yes); v.errno != unix.EADDRINUSE {
				t.Errorf("%+v: a second instance after the manager's restart gets %+v", want, v)
			}
		}
	}
	if handed < 50 {
		t.Errorf("only %d were handed over: the test is void", handed)
	}
}

func TestDecidePrefersTheBest(t *testing.T) {
	at := func(ip string) endpoint {
		return endpoint{typ: unix.SOCK_STREAM, ip: netip.MustParseAddr(ip), port: 1}
	}
	held := []endpoint{at("::"), at("127.0.0.1"), at("10.0.0.1"), at("::1")}
	held[0].v6only = true
	for want, best := range map[string]int{"127.0.0.1": 1, "10.0.0.1": 2, "::1": 3, "fe80::1": 0, "::": 0, "0.0.0.0": 1} {
		if v := decide(at(want), held, nil, true, nil); v.held != best {
			t.Errorf("%s is given %d, want %d", want, v.held, best)
		}
	}
	// The next wildcard gets what is still to be had.
	taken := []grant{{held: 1, as: at("127.0.0.1")}}
	if v := decide(at("0.0.0.0"), held, taken, true, nil); v.held != 2 {
		t.Errorf("0.0.0.0 beside 127.0.0.1 is given %d", v.held)
	}
}

func FuzzText(f *testing.F) {
	f.Add("tfd:        5 events:       19 data:        500000005  pos:0 ino:61af sdev:7", 5)
	f.Add("socket:[4711]", 0)
	f.Fuzz(func(t *testing.T, s string, fd int) {
		if r, ok := parseRegistration(s, fd); ok && !strings.Contains(s, strconv.Itoa(fd)) || !ok && r != (registration{}) {
			t.Errorf("%q gives %+v, %v", s, r, ok)
		}
		if n := socketInode(s); n != 0 && !strings.Contains(s, "socket:[") {
			t.Errorf("%q gives the inode %d", s, n)
		}
	})
}
