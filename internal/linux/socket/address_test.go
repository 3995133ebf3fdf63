// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/unit"
)

func TestParse(t *testing.T) {
	for _, c := range []struct{ in, out string }{
		{"80", "[::]:80"},
		{"65535", "[::]:65535"},
		{"127.0.0.1:80", ""},
		{"0.0.0.0:80", ""},
		{"[::1]:80", ""},
		{"[fe80::1]:80%eth0", ""},
		{"[fe80::1]:80%3", ""},
		{"[::ffff:1.2.3.4]:80", ""},
		{"/run/a", ""},
		{"@a", ""},
		{"@a\x00b", ""},
		{"vsock:3:80", ""},
		{"vsock::80", ""},
		{"vsock-seqpacket:1:2", "vsock:1:2"},
	} {
		if c.out == "" {
			c.out = c.in
		}
		if a, err := Parse(unit.ListenStream, c.in); err != nil || a.String() != c.out {
			t.Errorf("%q gives %q, %v", c.in, a, err)
		}
	}
	for _, c := range []struct{ in, why string }{
		{"", "empty"},
		{"0", "not a port"},
		{"080", "not a port"},
		{"65536", "not a port"},
		{"+80", "not an address"},
		{"localhost:80", "names are not looked up"},
		{"127.0.0.1", "not an address"},
		{"127.0.0.1:", "not a port"},
		{"127.0.0.1:+1", "not a port"},
		{"127.0.0.1:80:1", "not an address"},
		{"127.0.0.256:80", "not an address"},
		{"::1:80", "not an address"},
		{"[::1]", "[IPV6]:PORT"},
		{"[::1]80", "[IPV6]:PORT"},
		{"[1.2.3.4]:80", "not an address"},
		{"[fe80::1%eth0]:80", "the interface comes last"},
		{"[fe80::1]:80%", "interface is expected"},
		{"/run/", "directory"},
		{"@", "abstract name"},
		{"/" + strings.Repeat("x", 107), "108 bytes"},
		{"vsock:3", "vsock:CID:PORT"},
		{"vsock-raw:3:4", "vsock:CID:PORT"},
		{"vsock:x:4", "not a CID"},
		{"vsock:3:", "not a vsock port"},
	} {
		_, err := Parse(unit.ListenStream, c.in)
		var f fixableError
		if err == nil || (!strings.Contains(err.Error(), c.why) && !(errors.As(err, &f) && strings.Contains(f.fix, c.why))) {
			t.Errorf("%q: got %v, want %q", c.in, err, c.why)
		}
	}
}

func TestParseTypes(t *testing.T) {
	for _, c := range []struct {
		kind unit.ListenKind
		in   string
		typ  int
	}{
		{unit.ListenStream, "80", unix.SOCK_STREAM},
		{unit.ListenDatagram, "80", unix.SOCK_DGRAM},
		{unit.ListenSeqpacket, "/a", unix.SOCK_SEQPACKET},
		{unit.ListenStream, "vsock-dgram::1", unix.SOCK_DGRAM},
		{unit.ListenNetlink, "audit 1", unix.SOCK_RAW},
	} {
		if a, err := Parse(c.kind, c.in); err != nil || a.Type != c.typ {
			t.Errorf("%q: type %d, %v", c.in, a.Type, err)
		}
	}
	if _, err := Parse(unit.ListenSeqpacket, "80"); err == nil {
		t.Error("sequential packets over IP were taken")
	}
	if a, err := Parse(unit.ListenNetlink, "route 1361"); err != nil || a.Netlink != unix.NETLINK_ROUTE || a.Groups != 1361 {
		t.Errorf("got %+v, %v", a, err)
	}
	for _, bad := range []string{"", "no-such", "audit x", "audit 1 2"} {
		if _, err := Parse(unit.ListenNetlink, bad); err == nil {
			t.Errorf("netlink %q was taken", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"80", "[::1]:80%lo", "@x\x00", "vsock-dgram:1:2", "/x", "1.2.3.4:5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := Parse(unit.ListenStream, s)
		if err != nil {
			return
		}
		b, err := Parse(unit.ListenStream, a.String())
		if err != nil || b.String() != a.String() {
			t.Errorf("%q prints as %q, which reads as %q, %v", s, a, b, err)
		}
	})
}

// TestExcludes: a wildcard takes the link-local addresses of all interfaces too.
func TestExcludes(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"[::]:80", "[fe80::1]:80%lo", true},
		{"[fe80::1]:80%lo", "[fe80::1]:80%lo", true},
		{"[fe80::1]:80%lo", "[fe80::1]:80%eth0", false},
		{"[::]:80", "127.0.0.1:80", true},
		{"127.0.0.1:80", "127.0.0.2:80", false},
		{"[::]:80", "[fe80::1]:81%lo", false},
		{"/run/a", "/run/a", true},
		{"/run/a", "@a", false},
	} {
		a, err := Parse(unit.ListenStream, c.a)
		b, err2 := Parse(unit.ListenStream, c.b)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		if a.Excludes(b) != c.want || b.Excludes(a) != c.want {
			t.Errorf("%s and %s: %v, want %v", c.a, c.b, a.Excludes(b), c.want)
		}
	}
}
