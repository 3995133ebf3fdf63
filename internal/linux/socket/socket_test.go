// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// sock is a [Socket] section with systemd's defaults.
func sock(kind unit.ListenKind, addresses ...string) *unit.Socket {
	s := &unit.Socket{Mode: 0o666, DirMode: 0o755, Backlog: 1<<32 - 1}
	for i, a := range addresses {
		s.Listens = append(s.Listens, unit.Listen{Kind: kind, Address: a, Pos: diag.Pos{File: "t.socket", Line: int32(i + 2), Col: 1}})
	}
	return s
}

func open(t *testing.T, s *unit.Socket) []Listener {
	t.Helper()
	ls, notes, err := Open(s, NoOwner)
	if err != nil {
		t.Fatal(err)
	}
	if len(notes) > 0 {
		t.Errorf("notes: %v", notes)
	}
	t.Cleanup(func() {
		for _, l := range ls {
			unix.Close(l.FD)
		}
	})
	return ls
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func getInt(t *testing.T, fd, level, opt int) int {
	t.Helper()
	v, err := unix.GetsockoptInt(fd, level, opt)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestOpenKinds(t *testing.T) {
	dir := t.TempDir()
	port := freePort(t)
	if err := os.WriteFile(dir+"/file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		kind    unit.ListenKind
		address string
		shown   string // "" for the same
		accepts bool
	}{
		{unit.ListenStream, fmt.Sprint(port), fmt.Sprintf("[::]:%d", port), true},
		{unit.ListenStream, fmt.Sprintf("127.0.0.1:%d", port), "", true},
		{unit.ListenStream, fmt.Sprintf("[::1]:%d", port), "", true},
		{unit.ListenDatagram, fmt.Sprintf("127.0.0.1:%d", port), "", false},
		{unit.ListenStream, dir + "/a/b/s", "", true},
		{unit.ListenDatagram, dir + "/d", "", false},
		{unit.ListenSeqpacket, dir + "/q", "", true},
		{unit.ListenStream, fmt.Sprintf("@rouse\x00test%d", port), "", true},
		{unit.ListenFIFO, dir + "/c/fifo", "", false},
		{unit.ListenSpecial, "/dev/null", "", false},
		{unit.ListenSpecial, dir + "/file", "", false},
		{unit.ListenNetlink, "kobject-uevent 1", "", false},
		{unit.ListenNetlink, "route 1361", "", false},
		{unit.ListenMessageQueue, fmt.Sprintf("/rouse-test-%d", port), "", false},
		{unit.ListenStream, fmt.Sprintf("vsock::%d", port), "", true},
	} {
		t.Run(fmt.Sprint(c.kind, " ", c.address), func(t *testing.T) {
			s := sock(c.kind, c.address)
			ls, notes, err := Open(s, NoOwner)
			if err != nil && (strings.Contains(err.Error(), "the kernel has no") || errors.Is(err, unix.EADDRNOTAVAIL)) {
				t.Skip(err)
			}
			if err != nil || len(notes) > 0 {
				t.Fatal(err, notes)
			}
			l := ls[0]
			defer func() {
				defer unix.Close(l.FD)
				s.RemoveOnStop = true
				if notes := Remove(s, ls); len(notes) > 0 {
					t.Error(notes)
				}
				if c.address[0] == '/' && c.kind != unit.ListenSpecial && isThere(c.address) {
					t.Error("Remove left the node")
				}
			}()
			if c.shown == "" {
				c.shown = c.address
			}
			if l.Address != c.shown || l.Kind != c.kind || l.Accepts() != c.accepts {
				t.Errorf("got %+v, accepts %v", l, l.Accepts())
			}
			fl, err := unix.FcntlInt(uintptr(l.FD), unix.F_GETFL, 0)
			cl, err2 := unix.FcntlInt(uintptr(l.FD), unix.F_GETFD, 0)
			if err != nil || err2 != nil || fl&unix.O_NONBLOCK == 0 || cl&unix.FD_CLOEXEC == 0 {
				t.Errorf("flags %#x %#x, %v %v", fl, cl, err, err2)
			}
			if m, ok := Match(l.FD, s); !ok || m != l {
				t.Errorf("Match: got %+v, %v", m, ok)
			}
			if _, ok := Match(l.FD, sock(c.kind, dir+"/other", "127.0.0.1:1", "[::1]:1", "vsock::1")); ok {
				t.Error("Match takes it for another")
			}
			if err := Repair(l.FD, s.Backlog); err != nil {
				t.Errorf("Repair: %v", err)
			}
			if c.address != "/dev/null" {
				if err := Flush(l.FD); err != nil {
					t.Errorf("Flush: %v", err)
				}
			}
		})
	}
}

func TestOptions(t *testing.T) {
	yes, n, size := true, int32(3), uint64(65536)
	s := sock(unit.ListenStream, fmt.Sprintf("127.0.0.1:%d", freePort(t)))
	s.Options = &unit.SocketOptions{
		KeepAlive: &yes, NoDelay: &yes, FreeBind: &yes, Broadcast: &yes, ReusePort: &yes, KeepAliveProbes: &n, Priority: &n,
		KeepAliveTime: 1500 * time.Millisecond, KeepAliveInterval: 7 * time.Second, DeferAccept: time.Second, IPTTL: &n,
		ReceiveBuffer: &size, SendBuffer: &size, TCPCongestion: "reno", Timestamping: "ns", PassPacketInfo: &yes,
	}
	fd := open(t, s)[0].FD
	for _, c := range [][3]int{
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{unix.IPPROTO_IP, unix.IP_FREEBIND, 1},
		{unix.SOL_SOCKET, unix.SO_BROADCAST, 1},
		{unix.SOL_SOCKET, unix.SO_REUSEPORT, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 3},
		{unix.SOL_SOCKET, unix.SO_PRIORITY, 3},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 2},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 7},
		{unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 1},
		{unix.IPPROTO_IP, unix.IP_TTL, 3},
		{unix.SOL_SOCKET, unix.SO_RCVBUF, 2 * 65536},
		{unix.SOL_SOCKET, unix.SO_SNDBUF, 2 * 65536},
		{unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1},
		{unix.IPPROTO_IP, unix.IP_PKTINFO, 1},
	} {
		if got := getInt(t, fd, c[0], c[1]); got != c[2] {
			t.Errorf("option %d of level %d is %d, want %d", c[1], c[0], got, c[2])
		}
	}
	if got, err := unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION); err != nil || got != "reno" {
		t.Errorf("TCPCongestion: got %q, %v", got, err)
	}
}

func TestRefusedOptionIsNoted(t *testing.T) {
	s := sock(unit.ListenStream, fmt.Sprintf("127.0.0.1:%d", freePort(t)))
	s.Options = &unit.SocketOptions{TCPCongestion: "no-such-thing"}
	ls, notes, err := Open(s, NoOwner)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(ls[0].FD)
	want := fmt.Sprintf("t.socket:2:1: warning: cannot set TCPCongestion= on %s: no such file or directory, ignoring", s.Listens[0].Address)
	if len(notes) != 1 || notes[0].String() != want {
		t.Errorf("got %v\nwant %s", notes, want)
	}
}

func TestV6Only(t *testing.T) {
	for only, want := range map[unit.BindIPv6Only]int{unit.IPv6Both: 0, unit.IPv6Only: 1} {
		s := sock(unit.ListenStream, fmt.Sprint(freePort(t)))
		s.BindIPv6Only = only
		fd := open(t, s)[0].FD
		if getInt(t, fd, unix.SOL_SOCKET, unix.SO_DOMAIN) != unix.AF_INET6 {
			t.Skip("no IPv6 here")
		}
		if got := getInt(t, fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY); got != want {
			t.Errorf("BindIPv6Only %d gives IPV6_V6ONLY %d", only, got)
		}
		s.BindIPv6Only = map[unit.BindIPv6Only]unit.BindIPv6Only{unit.IPv6Both: unit.IPv6Only, unit.IPv6Only: unit.IPv6Both}[only]
		if _, ok := Match(fd, s); ok {
			t.Error("Match does not see the change of BindIPv6Only=")
		}
	}
}

// TestUmask has the modes asked for, whatever the umask is.
func TestUmask(t *testing.T) {
	dir := t.TempDir()
	old := unix.Umask(0o077)
	defer unix.Umask(old)
	s := sock(unit.ListenStream, dir+"/sub/sub/s")
	s.Mode, s.DirMode = 0o662, 0o715
	fifo := sock(unit.ListenFIFO, dir+"/f")
	fifo.Mode = 0o622
	open(t, s)
	open(t, fifo)
	for path, want := range map[string]os.FileMode{
		"/sub": 0o715, "/sub/sub": 0o715, "/sub/sub/s": 0o662, "/f": 0o622,
	} {
		st, err := os.Stat(dir + path)
		if err != nil || st.Mode().Perm() != want {
			t.Errorf("%s: mode %v, want %v, %v", path, st.Mode(), want, err)
		}
	}
}

func TestOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to give nodes to others")
	}
	dir := t.TempDir()
	o := Owner{UID: 12345, GID: 54321}
	for kind, path := range map[unit.ListenKind]string{unit.ListenStream: dir + "/s", unit.ListenFIFO: dir + "/f"} {
		s := sock(kind, path)
		s.Mode = 0o660
		ls, _, err := Open(s, o)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(ls[0].FD)
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err != nil || st.Uid != 12345 || st.Gid != 54321 || st.Mode&0o777 != 0o660 {
			t.Errorf("%s: %d:%d %o, %v", path, st.Uid, st.Gid, st.Mode, err)
		}
	}
}

func TestStaleNode(t *testing.T) {
	path := t.TempDir() + "/s"
	first := open(t, sock(unit.ListenStream, path))[0]
	_, _, err := Open(sock(unit.ListenStream, path), NoOwner)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("(pid %d) listens on %s", os.Getpid(), path)) {
		t.Errorf("a live one: got %v", err)
	}
	// Its death leaves the node.
	if err := unix.Dup3(open(t, sock(unit.ListenStream, path+"2"))[0].FD, first.FD, unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	open(t, sock(unit.ListenStream, path))
	if err := os.WriteFile(path+"3", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err = Open(sock(unit.ListenStream, path+"3"), NoOwner)
	if err == nil || !strings.Contains(err.Error(), "a regular file is in the way") {
		t.Errorf("a file: got %v", err)
	}
}

func TestConflictNamesTheOther(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, _, err = Open(sock(unit.ListenStream, l.Addr().String()), NoOwner)
	var d diag.Diagnostic
	if !errors.As(err, &d) || d.Pos.Line != 2 || d.Fix == "" ||
		!strings.HasPrefix(d.Msg, "cannot listen on "+l.Addr().String()+": address already in use: ") ||
		!strings.HasSuffix(d.Msg, fmt.Sprintf("(pid %d) listens on %s", os.Getpid(), l.Addr())) {
		t.Errorf("got %v", err)
	}
}

func TestFailureClosesAll(t *testing.T) {
	before := openFDs(t)
	_, _, err := Open(sock(unit.ListenStream, fmt.Sprintf("127.0.0.1:%d", freePort(t)), t.TempDir()+"/s", "1.2.3.4:99999"), NoOwner)
	var d diag.Diagnostic
	if !errors.As(err, &d) || d.Pos.Line != 4 {
		t.Errorf("got %v", err)
	}
	if n := openFDs(t); n != before {
		t.Errorf("%d descriptors leaked", n-before)
	}
}

func openFDs(t *testing.T) int {
	t.Helper()
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(d)
}
