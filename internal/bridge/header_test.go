// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
)

func TestHeaders(t *testing.T) {
	v4, w4 := netip.MustParseAddrPort("192.0.2.1:40000"), netip.MustParseAddrPort("198.51.100.7:443")
	v6 := netip.MustParseAddrPort("[2001:db8::1]:40000")
	for _, c := range []struct {
		version  Header
		from, to netip.AddrPort
		want     string
	}{
		{HeaderV1, v4, w4, "PROXY TCP4 192.0.2.1 198.51.100.7 40000 443\r\n"},
		{HeaderV1, v6, w4, "PROXY TCP6 2001:db8::1 ::ffff:198.51.100.7 40000 443\r\n"},
		{HeaderV1, netip.AddrPort{}, w4, "PROXY UNKNOWN\r\n"},
		{HeaderV2, v4, w4, signature + "\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x07\x9c\x40\x01\xbb"},
		{HeaderV2, netip.AddrPort{}, w4, signature + "\x21\x00\x00\x00"},
	} {
		got := appendHeader(nil, c.version, c.from, c.to)
		if string(got) != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	for _, version := range []Header{HeaderV1, HeaderV2} {
		for _, from := range []netip.AddrPort{v4, v6} {
			b := appendHeader(nil, version, from, w4)
			n, f, to, err := parseHeader(append(b, "GET /"...))
			if n != len(b) || f != from || to != w4 || err != nil {
				t.Errorf("%q reads as %d %v %v %v", b, n, f, to, err)
			}
			for i := range b {
				if _, _, _, err := parseHeader(b[:i]); !errors.Is(err, errPartial) {
					t.Errorf("%q: %v", b[:i], err)
				}
			}
		}
	}
}

func TestBadHeaders(t *testing.T) {
	for _, bad := range []string{
		"GET / HTTP/1.1\r\n", "PROXY\r\n", "PROXY TCP4 1.2.3.4\r\n", "PROXY TCP4 ::1 ::1 1 2\r\n", "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
		"PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n", "PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n",
		"PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY " + strings.Repeat("x", 200), "\r\n\r\nx", "\x00",
		signature + "\x31\x11\x00\x0c", signature + "\x21\x11\xff\xff", signature + "\x21\x11\x00\x04abcd", signature + "\x22\x11\x00\x00",
	} {
		if n, _, _, err := parseHeader([]byte(bad)); !errors.Is(err, errNoHeader) {
			t.Errorf("%q gives %d, %v", bad, n, err)
		}
	}
	for good, want := range map[string]int{"PROXY UNKNOWN ff ff 1 2\r\nrest": 25, signature + "\x20\x00\x00\x02ab" + "rest": 18, signature + "\x21\x31\x00\x01abc": 17} {
		if n, from, _, err := parseHeader([]byte(good)); n != want || from.IsValid() || err != nil {
			t.Errorf("%q gives %d, %v", good, n, err)
		}
	}
}

func FuzzHeader(f *testing.F) {
	f.Add([]byte("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nhello"))
	f.Add([]byte(signature + "\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x07\x9c\x40\x01\xbbhello"))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, from, to, err := parseHeader(b)
		if err != nil {
			return
		}
		if n <= 0 || n > len(b) || from.IsValid() != to.IsValid() {
			t.Errorf("%q gives %d %v %v", b, n, from, to)
		}
		if from.IsValid() {
			for _, v := range []Header{HeaderV1, HeaderV2} {
				if _, f, o, err := parseHeader(appendHeader(nil, v, from, to)); f != from || o != to || err != nil {
					t.Errorf("%v %v is written as %v %v, %v", from, to, f, o, err)
				}
			}
		}
	})
}

// What one bridge sends the next one understands, and nothing of what the
// client says is lost or added.
func TestHeaderFromBridgeToBridge(t *testing.T) {
	for _, version := range []Header{HeaderV1, HeaderV2} {
		backend := serving(t, "tcp", "", func(c net.Conn) {
			var b [200]byte
			n, _ := io.ReadAtLeast(c, b[:], 20)
			k, from, to, err := parseHeader(b[:n])
			if _, rest := io.ReadFull(c, b[n:max(n, k+5)]); rest == nil {
				n = max(n, k+5)
			}
			fmt.Fprintf(c, "%v %v %v %s", from, to, err, b[k:n])
		})
		inner := bridging(t, Config{Listen: []string{"127.0.0.1:0"}, To: []string{backend}, AcceptProxy: true, SendProxy: 3 - version})
		outer := bridging(t, Config{Listen: []string{"127.0.0.1:0"}, To: inner.Addrs(), SendProxy: version})
		c := dial(t, outer)
		write(t, c, "hello")
		_ = c.(closeWriter).CloseWrite()
		all, err := io.ReadAll(c)
		want := fmt.Sprintf("%v %v <nil> hello", c.LocalAddr(), c.RemoteAddr())
		if string(all) != want || err != nil {
			t.Errorf("got %q, %v, want %q", all, err, want)
		}
	}
}

func TestNoHeader(t *testing.T) {
	b := bridging(t, Config{Listen: []string{"127.0.0.1:0"}, To: []string{serving(t, "tcp", "", echo)}, AcceptProxy: true})
	c := dial(t, b)
	write(t, c, "GET / HTTP/1.0\r\n\r\n")
	if all, err := io.ReadAll(c); len(all) > 0 || !isReset(err) {
		t.Errorf("got %q, %v", all, err)
	}
	// In pieces it is as good as whole.
	c = dial(t, b)
	for _, piece := range []string{"PRO", "XY TCP4 1.2.3.4 5.6.7.8 1 2\r", "\nhel", "lo"} {
		write(t, c, piece)
		eventually(t, "the connection", func() bool { return b.Open() == 1 })
	}
	expect(t, c, "hello")
}

// Without the right to it transparent proxying is refused at the start, in
// words; with it the backend sees the client.
func TestTransparent(t *testing.T) {
	backend := serving(t, "tcp", "", func(c net.Conn) { _, _ = io.WriteString(c, c.RemoteAddr().String()) })
	cfg := Config{Listen: []string{"127.0.0.1:0"}, To: []string{backend}, Transparent: true}
	if checkTransparent() != nil {
		_, err := New(cfg)
		if err == nil || !strings.Contains(err.Error(), "CAP_NET_ADMIN") {
			t.Errorf("got %v", err)
		}
		return
	}
	b := bridging(t, cfg)
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, 2, 3)}}
	c, err := d.Dial("tcp", b.Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	all, err := io.ReadAll(c)
	if !strings.HasPrefix(string(all), "127.1.2.3:") || err != nil {
		t.Errorf("the backend sees %q, %v", all, err)
	}
}
