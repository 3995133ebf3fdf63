// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// both runs a test with sock_diag and with the tables of /proc/net.
func both(t *testing.T, fn func(t *testing.T, d *Diag)) {
	t.Run("diag", func(t *testing.T) {
		d := Open()
		defer d.Close()
		if d.fd < 0 {
			t.Skip("the kernel has no INET_DIAG")
		}
		fn(t, d)
	})
	t.Run("proc", func(t *testing.T) { fn(t, &Diag{fd: -1}) })
}

type listener struct {
	net.Listener
	fd  int
	key Key
}

func listen(t *testing.T, network, addr string) listener {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Skipf("no such address here: %v", err)
	}
	t.Cleanup(func() { l.Close() })
	f, err := l.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	k, ok := KeyOf(int(f.Fd()))
	if !ok {
		t.Fatalf("%s has no key", addr)
	}
	return listener{l, int(f.Fd()), k}
}

func (l listener) dial(t *testing.T, network, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func (l listener) accept(t *testing.T) net.Conn {
	t.Helper()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func counts(t *testing.T, d *Diag, keys ...Key) string {
	t.Helper()
	st, err := d.Count(keys, false)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, s := range st {
		out = append(out, fmt.Sprintf("%d/%d", s.Open, s.Queued))
	}
	return strings.Join(out, " ")
}

func TestCountTCP(t *testing.T) {
	both(t, func(t *testing.T, d *Diag) {
		four := listen(t, "tcp4", "127.0.0.1:0")
		dual := listen(t, "tcp", "[::]:0")
		quiet := listen(t, "tcp4", "127.0.0.1:0")
		keys := []Key{four.key, quiet.key, dual.key}
		want := func(w string) {
			t.Helper()
			if got := counts(t, d, keys...); got != w {
				t.Errorf("got %s, want %s", got, w)
			}
		}
		want("0/0 0/0 0/0")
		a := four.dial(t, "tcp", four.Addr().String())
		four.dial(t, "tcp", four.Addr().String())
		dual.dial(t, "tcp", fmt.Sprintf("127.0.0.1:%d", dual.key.Port))
		dual.dial(t, "tcp", fmt.Sprintf("[::1]:%d", dual.key.Port))
		want("2/2 0/0 2/2")
		served := four.accept(t)
		dual.accept(t)
		want("2/1 0/0 2/1")
		a.(*net.TCPConn).CloseWrite()
		want("2/1 0/0 2/1") // CLOSE_WAIT: the service may still answer
		served.Close()
		want("1/1 0/0 2/1")
	})
}

func TestCountUnix(t *testing.T) {
	both(t, func(t *testing.T, d *Diag) {
		path := listen(t, "unix", filepath.Join(t.TempDir(), "s"))
		packets := listen(t, "unixpacket", fmt.Sprintf("@rouse-test-%d-%s", os.Getpid(), filepath.Base(t.TempDir())))
		want := func(queued, unqueued string) {
			t.Helper()
			w := queued
			if d.fd < 0 {
				w = unqueued
			}
			if got := counts(t, d, path.key, packets.key); got != w {
				t.Errorf("got %s, want %s", got, w)
			}
		}
		path.dial(t, "unix", path.Addr().String())
		path.dial(t, "unix", path.Addr().String())
		packets.dial(t, "unixpacket", packets.key.Path)
		want("2/2 1/1", "0/0 0/0")
		served := path.accept(t)
		packets.accept(t)
		want("2/1 1/0", "1/0 1/0")
		served.Close()
		want("1/1 1/0", "0/0 1/0")
	})
}

// TestManyPorts goes through each kind of kernel-side filter.
func TestManyPorts(t *testing.T) {
	d := Open()
	defer d.Close()
	for _, n := range []int{1, 2, maxPorts, maxPorts + 1, 60} {
		var keys []Key
		var want []string
		for i := range n {
			l := listen(t, "tcp4", "127.0.0.1:0")
			keys = append(keys, l.key)
			if i%3 == 0 {
				l.dial(t, "tcp", l.Addr().String())
			}
			want = append(want, map[bool]string{true: "1/1", false: "0/0"}[i%3 == 0])
		}
		if got := counts(t, d, keys...); got != strings.Join(want, " ") {
			t.Errorf("%d ports: got %s\nwant %s", n, got, strings.Join(want, " "))
		}
	}
}

func TestFindPrefersTheExactListener(t *testing.T) {
	v6 := netip.IPv6Unspecified()
	keys := []Key{
		{Addr: v6, Port: 80},
		{Addr: netip.MustParseAddr("::1"), Port: 80},
		{Addr: netip.IPv4Unspecified(), Port: 81},
		{Addr: v6, Port: 82, V6Only: true},
		{Path: "/x", Type: unix.SOCK_STREAM},
	}
	var d Diag
	d.index(keys)
	for _, c := range []struct {
		local string
		port  uint16
		want  int
	}{
		{"::1", 80, 1},
		{"::2", 80, 0},
		{"::ffff:10.0.0.1", 80, 0},
		{"10.0.0.1", 80, -1}, // an AF_INET socket: not of a listener of IPv6
		{"10.0.0.1", 81, 2},
		{"::1", 81, -1},
		{"::ffff:10.0.0.1", 82, -1},
		{"::1", 82, 3},
		{"::1", 0, -1},
	} {
		if got := d.find(keys, netip.MustParseAddr(c.local), c.port); got != c.want {
			t.Errorf("%s port %d: got %d, want %d", c.local, c.port, got, c.want)
		}
	}
}

func TestSilence(t *testing.T) {
	d := Open()
	defer d.Close()
	if d.fd < 0 {
		t.Skip("the kernel has no INET_DIAG")
	}
	l := listen(t, "tcp4", "127.0.0.1:0")
	st, err := d.Count([]Key{l.key}, true)
	if err != nil || st[0].Silence != Never {
		t.Fatalf("without connections: %v, %v", st, err)
	}
	c := l.dial(t, "tcp", l.Addr().String())
	s := l.accept(t)
	start := time.Now()
	// Wait by the socket's own time-out: nothing comes.
	s.SetReadDeadline(start.Add(60 * time.Millisecond))
	s.Read(make([]byte, 1))
	silent := func() time.Duration {
		st, err := d.Count([]Key{l.key}, true)
		if err != nil {
			t.Fatal(err)
		}
		return st[0].Silence
	}
	if got := silent(); got < 40*time.Millisecond || got > time.Since(start)+20*time.Millisecond {
		t.Errorf("silent for %v after %v", got, time.Since(start))
	}
	before := time.Now()
	c.Write([]byte("x"))
	if got := silent(); got > time.Since(before)+20*time.Millisecond {
		t.Errorf("silent for %v right after a byte", got)
	}
}

// TestAsked: what a client has said is a question until something is said to it.
func TestAsked(t *testing.T) {
	d := Open()
	defer d.Close()
	if d.fd < 0 {
		t.Skip("the kernel has no INET_DIAG")
	}
	l := listen(t, "tcp4", "127.0.0.1:0")
	c := l.dial(t, "tcp", l.Addr().String())
	s := l.accept(t)
	asked := func(want bool, when string) {
		t.Helper()
		st, err := d.Count([]Key{l.key}, true)
		if err != nil || st[0].Asked > 0 != want {
			t.Errorf("%s: asked %v ago, %v", when, st[0].Asked, err)
		}
	}
	say := func(from, to net.Conn) {
		t.Helper()
		if _, err := from.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := to.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	asked(false, "nothing was said")
	say(c, s)
	asked(true, "a question")
	say(s, c)
	asked(false, "the answer")
	// The kernel's clock must tick between that answer and the next question.
	_ = s.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	_, _ = s.Read(make([]byte, 1))
	_ = s.SetReadDeadline(time.Time{})
	say(c, s)
	asked(true, "the second question")
	if _, err := s.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	asked(false, "its answer")
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	asked(true, "a question that nobody has read")
}

func TestQueue(t *testing.T) {
	d := Open()
	defer d.Close()
	if d.fd < 0 {
		t.Skip("the kernel has no INET_DIAG")
	}
	l := listen(t, "tcp4", "127.0.0.1:0")
	if err := unix.Listen(l.fd, 17); err != nil {
		t.Fatal(err)
	}
	l.dial(t, "tcp", l.Addr().String())
	l.dial(t, "tcp", l.Addr().String())
	if n, limit, err := d.Queue(l.key); n != 2 || limit != 17 || err != nil {
		t.Errorf("got %d of %d, %v", n, limit, err)
	}
}

func TestWhoListens(t *testing.T) {
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	me := fmt.Sprintf("%s (pid %d)", strings.TrimSpace(string(comm)), os.Getpid())
	l := listen(t, "tcp4", "127.0.0.1:0")
	k := Key{Addr: netip.IPv6Unspecified(), Port: l.key.Port, Type: unix.SOCK_STREAM}
	if got, want := WhoListens(k), me+" listens on "+l.Addr().String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	u := listen(t, "unix", filepath.Join(t.TempDir(), "s"))
	if got, want := WhoListens(u.key), me+" listens on "+u.key.Path; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := WhoListens(Key{Path: "/nobody/here"}); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestNodes(t *testing.T) {
	u := listen(t, "unix", filepath.Join(t.TempDir(), "s"))
	if !UnixAlive(u.key.Path) || !OwnsNode(u.fd, u.key.Path) {
		t.Error("a live listener is not seen")
	}
	if err := os.Rename(u.key.Path, u.key.Path+".old"); err != nil {
		t.Fatal(err)
	}
	other, err := net.Listen("unix", u.key.Path)
	if err != nil {
		t.Fatal(err)
	}
	if OwnsNode(u.fd, u.key.Path) {
		t.Error("another socket's node is taken for its own")
	}
	other.(*net.UnixListener).SetUnlinkOnClose(false)
	other.Close()
	if UnixAlive(u.key.Path) {
		t.Error("a dead node is taken for a live one")
	}
}

func TestDestroyed(t *testing.T) {
	w, err := WatchDestroyed()
	if err != nil {
		t.Skipf("no destroy notifications here: %v", err)
	}
	defer w.Close()
	l := listen(t, "tcp4", "127.0.0.1:0")
	other := listen(t, "tcp4", "127.0.0.1:0")
	if err := w.SetPorts([]uint16{l.key.Port, 1}); err != nil {
		t.Fatal(err)
	}
	var last netip.AddrPort
	for _, x := range []listener{other, l} {
		c := x.dial(t, "tcp", x.Addr().String())
		s := x.accept(t)
		last = netip.MustParseAddrPort(c.LocalAddr().String())
		c.(*net.TCPConn).SetLinger(0) // no TIME_WAIT: gone at once
		c.Close()
		s.Read(make([]byte, 1))
		s.Close()
	}
	if !readable(t, w.FD(), 2000) {
		t.Fatalf("no notification came")
	}
	if err := w.Read(func(port uint16, peer netip.AddrPort) {
		if port != l.key.Port || peer != last {
			t.Errorf("heard of port %d and %v, not of %d and %v", port, peer, l.key.Port, last)
		}
	}); err != nil {
		t.Error(err)
	}
}

func TestSocketFilter(t *testing.T) {
	if got := fmt.Sprint(rangesOf([]uint16{1, 2, 3, 7, 9, 10, 65535})); got != "[[1 3] [7 7] [9 10] [65535 65535]]" {
		t.Errorf("ranges: %s", got)
	}
	var odd []uint16
	for p := 1; p < 2100; p += 2 {
		odd = append(odd, uint16(p))
	}
	if n := len(socketFilter(odd)); n != 1 {
		t.Errorf("a filter of %d instructions for %d ranges", n, len(odd))
	}
	if n := len(socketFilter(odd[:1000])); n > 4096 {
		t.Errorf("a filter of %d instructions", n)
	}
}

func TestTake(t *testing.T) {
	d := Open()
	defer d.Close()
	l := listen(t, "tcp4", "127.0.0.1:0")
	c := l.dial(t, "tcp", l.Addr().String())
	l.accept(t)
	conns, err := d.Connections([]Key{l.key})
	if err != nil || len(conns) != 1 {
		t.Fatalf("got %v, %v", conns, err)
	}
	taken, err := Take(conns, []int{os.Getpid(), 1 << 22})
	if err != nil || len(taken) != 1 || taken[0].Key != 0 {
		t.Fatalf("got %v, %v", taken, err)
	}
	defer unix.Close(taken[0].FD)
	c.Write([]byte("x"))
	if !readable(t, taken[0].FD, 2000) {
		t.Errorf("its data does not show")
	}
}

// TestListenerOf: listeners at one port of several addresses are told apart.
func TestListenerOf(t *testing.T) {
	one := listen(t, "tcp4", "127.0.0.1:0")
	ls := []listener{
		one,
		listen(t, "tcp4", fmt.Sprintf("127.0.0.2:%d", one.key.Port)),
		listen(t, "tcp6", fmt.Sprintf("[::1]:%d", one.key.Port)),
		listen(t, "tcp", "[::]:0"),
		listen(t, "unix", filepath.Join(t.TempDir(), "s")),
		listen(t, "unixpacket", fmt.Sprintf("@rouse-test-%d-listener", os.Getpid())),
	}
	var keys []Key
	for _, l := range ls {
		keys = append(keys, l.key)
	}
	for i, l := range ls {
		address := l.Addr().String()
		if l.key.Addr == netip.IPv6Unspecified() {
			address = fmt.Sprintf("127.0.0.1:%d", l.key.Port)
		}
		c := l.dial(t, l.Addr().Network(), address)
		f, err := l.accept(t).(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if got := ListenerOf(int(f.Fd()), keys); got != i {
			t.Errorf("the connection to %s is taken for one of listener %d, not %d", c.RemoteAddr(), got, i)
		}
		if got := ListenerOf(int(f.Fd()), keys[:i]); got >= 0 {
			t.Errorf("the connection to %s is taken for one of listener %d, and its own is not there", c.RemoteAddr(), got)
		}
	}
}

func FuzzMessages(f *testing.F) {
	f.Add(make([]byte, 120), byte(20))
	f.Fuzz(func(t *testing.T, data []byte, typ byte) {
		_, err := messages(data, 1, func(b []byte) {
			parseInet(b)
			parseUnix(b)
		})
		if err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
		parseInet(data)
		parseUnix(data)
		parseProcTCP(typ, data)
		parseProcUnix(data)
	})
}

func BenchmarkCount(b *testing.B) {
	d := Open()
	defer d.Close()
	for _, n := range []int{1, 300} {
		keys := make([]Key, n)
		for i := range keys {
			keys[i] = Key{Addr: netip.IPv4Unspecified(), Port: uint16(20000 + i)}
		}
		b.Run(fmt.Sprintf("%d ports", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := d.Count(keys, false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// readable waits until there is something to read, at most for ms.
func readable(t testing.TB, fd, ms int) bool {
	t.Helper()
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(p, ms)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		return n == 1
	}
}
