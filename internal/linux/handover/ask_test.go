// SPDX-License-Identifier: Apache-2.0

package handover

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// ask is a daemon that performs the system calls on its command line, one
// after the other, and prints what came of those that may fail.
func ask(args []string) {
	fd, ep := -1, -1
	show := func(word string, err error) {
		result := "ok"
		var e unix.Errno
		if errors.As(err, &e) {
			result = unix.ErrnoName(e)
		}
		fmt.Println(word, result)
	}
	set := func(level, opt, v int) {
		if err := unix.SetsockoptInt(fd, level, opt, v); err != nil {
			show("setsockopt", err)
		}
	}
	open := func(family, typ int) { fd, _ = unix.Socket(family, typ, 0) }
	for len(args) > 0 {
		word, arg, _ := strings.Cut(args[0], " ")
		args = args[1:]
		switch word {
		case "tcp4":
			open(unix.AF_INET, unix.SOCK_STREAM)
		case "tcp6":
			open(unix.AF_INET6, unix.SOCK_STREAM)
		case "udp4":
			open(unix.AF_INET, unix.SOCK_DGRAM)
		case "unix":
			open(unix.AF_UNIX, unix.SOCK_STREAM)
		case "v6only":
			set(unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
		case "reuseport":
			set(unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		case "options":
			set(unix.SOL_SOCKET, unix.SO_RCVBUF, 54321)
			set(unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
			set(unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 77)
			set(unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		case "nonblock":
			_ = unix.SetNonblock(fd, true)
		case "cloexec":
			unix.CloseOnExec(fd)
		case "flags":
			fl, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
			cl, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
			fmt.Println("nonblock", fl&unix.O_NONBLOCK != 0, "cloexec", cl == unix.FD_CLOEXEC)
		case "bind":
			show("bind", unix.Bind(fd, sockaddr(arg, fd)))
		case "listen":
			show("listen", unix.Listen(fd, 1))
		case "keep":
			ep = fd
		case "kept":
			fd = ep
		case "name":
			family, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
			fmt.Println(map[int]string{unix.AF_INET: "AF_INET", unix.AF_INET6: "AF_INET6"}[family])
		case "accept":
			conn, _, err := unix.Accept(fd)
			show("accept", err)
			unix.Close(conn)
		case "close":
			unix.Close(fd)
		case "epoll":
			ep, _ = unix.EpollCreate1(unix.EPOLL_CLOEXEC)
			show("epoll", unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: 0xabc, Pad: 0xdef}))
		case "epoll_wait":
			var ev [1]unix.EpollEvent
			n, err := unix.EpollWait(ep, ev[:], 5000)
			fmt.Printf("epoll_wait %d %x %x %v\n", n, ev[0].Fd, ev[0].Pad, err)
			show("epoll_del", unix.EpollCtl(ep, unix.EPOLL_CTL_DEL, fd, nil))
		case "unlink":
			show("unlink", unix.Unlink(arg))
		case "unlinkat":
			dir, err := unix.Open(filepath.Dir(arg), unix.O_PATH, 0)
			if err == nil {
				err = unix.Unlinkat(dir, filepath.Base(arg), 0)
			}
			show("unlinkat", err)
		case "chmod":
			show("chmod", unix.Chmod(arg, 0o640))
		case "chdir":
			show("chdir", unix.Chdir(arg))
		case "child":
			out, err := exec.Command("/proc/self/exe", append([]string{"role", "ask"}, args...)...).CombinedOutput()
			fmt.Printf("child: %s%v\n", out, err)
			args = nil
		case "signal": // that everything so far has been done, and wait
			fmt.Println("waiting")
			gate, _ := strconv.Atoi(arg)
			_, _ = io.Copy(io.Discard, os.NewFile(uintptr(gate), "gate"))
		}
	}
}

func sockaddr(s string, fd int) unix.Sockaddr {
	ap, err := netip.ParseAddrPort(s)
	if err != nil {
		return &unix.SockaddrUnix{Name: s}
	}
	if family, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN); family == unix.AF_INET {
		return &unix.SockaddrInet4{Port: int(ap.Port()), Addr: ap.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(ap.Port()), Addr: ap.Addr().As16()}
}

// asked runs the calls in a daemon to its end: what it printed, and the
// events.
func asked(t *testing.T, s start, calls ...string) (string, string) {
	t.Helper()
	s.args = append([]string{self(t), "role", "ask"}, calls...)
	d := s.run(t)
	d.wait()
	return strings.TrimSpace(d.out.String()), d.seen()
}

func check(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n%s\nwant:\n%s", what, got, want)
	}
}

func TestWhatTheDaemonSetBeforeBind(t *testing.T) {
	fd, port := listenTCP(t, loopback)
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	out, events := asked(t, start{held: []Held{{FD: fd}}},
		"tcp4", "options", "nonblock", "cloexec", "bind "+addr, "listen", "flags")
	check(t, "output", out, "bind ok\nlisten ok\nnonblock true cloexec true")
	check(t, "events", events, "bound 0\nlisten 0")
	for _, o := range [][3]int{
		{unix.SOL_SOCKET, unix.SO_RCVBUF, 2 * 54321},
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 77},
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
	} {
		if v, err := unix.GetsockoptInt(fd, o[0], o[1]); v != o[2] || err != nil {
			t.Errorf("option %d of level %d is %d, want %d, %v", o[1], o[0], v, o[2], err)
		}
	}
	out, _ = asked(t, start{held: []Held{{FD: fd}}}, "tcp4", "bind "+addr, "flags")
	check(t, "output without flags", out, "bind ok\nnonblock false cloexec false")
}

// foreign is what is said of an IPv4 daemon that gets an IPv6 socket.
func foreign(want, have string) string {
	return "asked for " + want + " and was given " + have + ": unless it binds an address of IPv6 too, it sees IPv4 clients as " +
		"::ffff:1.2.3.4, which some daemons (nginx) refuse; ListenStream=" + want + " would suit it\n"
}

// TestWhichBindsAreOurs is ANSWERS by a table: the daemon asks, and gets the
// held socket (its port is bound and nothing opens to the world), or not.
func TestWhichBindsAreOurs(t *testing.T) {
	v4, port := listenTCP(t, loopback)
	v6, port6 := listenTCP(t, &unix.SockaddrInet6{Addr: netip.IPv6Loopback().As16()})
	dual, portDual := listenTCP(t, &unix.SockaddrInet6{})
	for _, c := range []struct {
		name   string
		held   int
		calls  []string
		out    string
		events string
	}{
		{"exact", v4, []string{"tcp4", "bind 127.0.0.1:%d"}, "bind ok", "bound 0"},
		{"v4 wildcard", v4, []string{"tcp4", "bind 0.0.0.0:%d"}, "bind ok", "bound 0"},
		{"dual stack wildcard", v4, []string{"tcp6", "bind [::]:%d"}, "bind ok", "bound 0"},
		{"mapped wildcard", v4, []string{"tcp6", "bind [::ffff:0.0.0.0]:%d"}, "bind ok", "bound 0"},
		{
			"v6 only wildcard", v4,
			[]string{"tcp6", "v6only", "bind [::]:%d"},
			"bind EADDRNOTAVAIL",
			"was refused [::]:%[1]d for IPv6 only: the socket held on this port is 127.0.0.1:%[1]d",
		},
		{
			"loopback of the other family", v4,
			[]string{"tcp6", "bind [::1]:%d"},
			"bind ok",
			"asked for [::1]:%[1]d and was given 127.0.0.1:%[1]d\nbound 0",
		},
		{
			"another address", v4,
			[]string{"tcp4", "bind 127.0.0.2:%d"},
			"bind ok",
			"bound 127.0.0.2:%[1]d itself: on this port only 127.0.0.1:%[1]d is held",
		},
		{"port 0", v4, []string{"tcp4", "bind 127.0.0.1:0"}, "bind ok", ""},
		{"another protocol", v4, []string{"udp4", "bind 127.0.0.1:%d"}, "bind ok", "bound 127.0.0.1:%[1]d itself: on this port only 127.0.0.1:%[1]d is held"},
		{"second bind", v4, []string{"tcp4", "bind 127.0.0.1:%d", "tcp4", "bind 0.0.0.0:%[1]d"}, "bind ok\nbind EADDRINUSE", "bound 0"},
		{"bind again after close", v4, []string{"tcp4", "bind 127.0.0.1:%d", "close", "tcp4", "bind 127.0.0.1:%[1]d"}, "bind ok\nbind ok", "bound 0\nbound 0"},
		{"reuseport", v4, []string{"tcp4", "reuseport", "bind 127.0.0.1:%d", "tcp4", "reuseport", "bind 127.0.0.1:%[1]d"}, "bind ok\nbind ok", "bound 0\nbound 0"},
		{"reuseport by one only", v4, []string{"tcp4", "bind 127.0.0.1:%d", "tcp4", "reuseport", "bind 127.0.0.1:%[1]d"}, "bind ok\nbind EADDRINUSE", "bound 0"},
		{"child", v4, []string{"child", "tcp4", "bind 127.0.0.1:%d"}, "child: bind ok\n<nil>", "bound 0"},
		{"second instance", v4, []string{"tcp4", "bind 127.0.0.1:%d", "child", "tcp4", "bind 127.0.0.1:%[1]d"}, "bind ok\nchild: bind EADDRINUSE\n<nil>", "bound 0"},
		{"bind twice", v4, []string{"tcp4", "bind 127.0.0.1:%d", "bind 127.0.0.1:%[1]d"}, "bind ok\nbind ok", "bound 0\nbound 0"},
		{"v6 only wildcard, v6 held", v6, []string{"tcp6", "v6only", "bind [::]:%d"}, "bind ok", "bound 0"},
		{"v4 wildcard, v6 held", v6, []string{"tcp4", "bind 0.0.0.0:%d"}, "bind ok", foreign("0.0.0.0:%[1]d", "[::1]:%[1]d") + "bound 0"},
		{"v4 wildcard, dual held", dual, []string{"tcp4", "bind 0.0.0.0:%d"}, "bind ok", foreign("0.0.0.0:%[1]d", "[::]:%[1]d") + "bound 0"},
		{
			"both wildcards, dual held", dual,
			[]string{"tcp4", "bind 0.0.0.0:%d", "keep", "tcp6", "v6only", "bind [::]:%[1]d", "name", "kept", "name"},
			"bind ok\nbind ok\nAF_INET6\nAF_INET", foreign("0.0.0.0:%[1]d", "[::]:%[1]d") + "bound 0\nbound 0",
		},
		{
			"both wildcards the other way round", dual,
			[]string{"tcp6", "v6only", "bind [::]:%d", "name", "tcp4", "bind 0.0.0.0:%[1]d", "name", "listen"},
			"bind ok\nAF_INET6\nbind ok\nAF_INET\nlisten ok", "bound 0",
		},
		{
			"one address, dual held", dual,
			[]string{"tcp4", "bind 127.0.0.1:%d"},
			"bind ok",
			foreign("127.0.0.1:%[1]d", "[::]:%[1]d") + "bound 0",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := map[int]int{v4: port, v6: port6, dual: portDual}[c.held]
			var calls []string
			for _, s := range c.calls {
				if strings.Contains(s, "%") {
					s = fmt.Sprintf(s, p)
				}
				calls = append(calls, s)
			}
			out, events := asked(t, start{held: []Held{{FD: c.held}}}, calls...)
			check(t, "output", out, c.out)
			want := c.events
			if strings.Contains(want, "%") {
				want = fmt.Sprintf(want, p)
			}
			check(t, "events", events, want)
		})
	}
}

// TestListenKeepsTheBacklog: the unit's, not the daemon's.
func TestListenKeepsTheBacklog(t *testing.T) {
	fd, port := listenTCP(t, loopback)
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	out, _ := asked(t, start{held: []Held{{FD: fd}}}, "tcp4", "bind "+addr, "listen")
	check(t, "output", out, "bind ok\nlisten ok")
	for range 10 { // the daemon asked for room for 1
		c, err := net.DialTimeout("tcp", addr, 900*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
}

func TestRegistrationBeforeBind(t *testing.T) {
	fd, port := listenTCP(t, loopback)
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	out, events := asked(t, start{held: []Held{{FD: fd}}}, "tcp4", "epoll", "bind "+addr, "epoll_wait")
	check(t, "output", out, "epoll ok\nbind ok\nepoll_wait 1 abc def <nil>\nepoll_del ok")
	check(t, "events", events, "bound 0")
}

func TestPassedAndBound(t *testing.T) {
	fd, port := listenTCP(t, loopback)
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		t.Fatal(err)
	}
	passed := os.NewFile(uintptr(dup), "passed")
	defer passed.Close()
	// The launcher's own descriptor is 3, so this one is 4.
	out, _ := asked(t, start{held: []Held{{FD: fd, PassedAs: 4}}, files: []*os.File{passed}},
		"tcp4", "bind "+addr, "tcp4", "bind "+addr)
	check(t, "output", out, "bind ok\nbind EADDRINUSE")
}

func TestUnixNode(t *testing.T) {
	dir := openDir(t)
	if err := os.Symlink(dir, dir+"/link"); err != nil {
		t.Fatal(err)
	}
	path := dir + "/s"
	fd := listenUnix(t, path)
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	other := dir + "/other"
	write(t, other, "")
	out, events := asked(t, start{held: []Held{{FD: fd, Mode: 0o662}}},
		"unlink "+path, "unlinkat "+dir+"/link/s", "unlink "+other, "unix", "bind "+dir+"/link/s", "listen", "chmod "+path, "unlink "+path,
		"unix", "bind "+dir+"/own", "unlink "+dir+"/own", "chdir "+dir, "unlink s", "unlink own")
	check(t, "output", out, "unlink ok\nunlinkat ok\nunlink ok\nbind ok\nlisten ok\nchmod ok\nunlink ok\n"+
		"bind ok\nunlink ok\nchdir ok\nunlink ok\nunlink ENOENT")
	check(t, "events", events, "bound 0\nlisten 0")
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o640 {
		t.Errorf("the node: %v, %v", st.Mode(), err)
	}
	if _, err := os.Stat(other); err == nil {
		t.Error("another file was not removed")
	}
}

func TestAbstractName(t *testing.T) {
	name := fmt.Sprintf("@rouse-test-%d-%d", os.Getpid(), time.Now().UnixNano())
	fd := listenUnix(t, name)
	out, events := asked(t, start{held: []Held{{FD: fd}}}, "unix", "bind "+name, "listen", "unix", "bind "+name)
	check(t, "output", out, "bind ok\nlisten ok\nbind EADDRINUSE")
	check(t, "events", events, "bound 0\nlisten 0")
}

func TestHoldAccepts(t *testing.T) {
	path := openDir(t) + "/s"
	fd := listenUnix(t, path)
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	gate, open, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer gate.Close()
	told, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(told)
	s := start{
		held: []Held{{FD: fd}}, accept: true, files: []*os.File{gate}, alsoFD: told,
		also: func(d *daemon) {
			var b [8]byte
			_, _ = unix.Read(told, b[:])
			d.h.HoldAccepts(false)
			open.Close()
		},
		// The launcher's own descriptor was 3: the gate is 4 now.
		args: []string{self(t), "role", "ask", "unix", "bind " + path, "nonblock", "accept", "signal 4", "accept", "accept"},
	}
	d := s.run(t)
	d.out.waitFor("waiting")
	if _, err := unix.Write(told, []byte{1, 0, 0, 0, 0, 0, 0, 0}); err != nil {
		t.Fatal(err)
	}
	d.wait()
	check(t, "output", strings.TrimSpace(d.out.String()), "bind ok\naccept EAGAIN\nwaiting\naccept ok\naccept EAGAIN")
}

func listenUnix(t *testing.T, name string) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: name}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 16); err != nil {
		t.Fatal(err)
	}
	return fd
}

func TestBackup(t *testing.T) {
	dir := t.TempDir()
	node := dir + "/s"
	listenUnix(t, node)
	private := t.TempDir()
	b, err := Backup(node, private)
	if err != nil {
		t.Fatal(err)
	}
	restore := func(want bool) {
		t.Helper()
		if did, err := Restore(node, b); did != want || err != nil {
			t.Errorf("Restore: %v, %v", did, err)
		}
		c, err := net.Dial("unix", node)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	restore(false)
	os.Remove(node)
	restore(true)
	os.Remove(node)
	listenUnix(t, node) // somebody else's
	restore(true)
	if _, err := Backup(dir+"/none", private); err == nil {
		t.Error("a backup of nothing")
	}
}

// TestDeadManager: a call that was received and never answered is asked
// again after Kick, of a Handover that knows nothing of before.
func TestDeadManager(t *testing.T) {
	fd, port := listenTCP(t, loopback)
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	for i := range 20 {
		s := start{held: []Held{{FD: fd}}, wait: true, args: []string{self(t), "role", "ask", "tcp4", "bind " + addr, "listen", "tcp4", "bind " + addr}}
		d := s.run(t)
		s.pids = d.processes
		if !readable(t, d.nfd, 5000) {
			t.Fatalf("no call came")
		}
		n := receiveOnly(t, d.nfd)
		if i%2 == 1 {
			// It dies after it has installed the socket.
			if r := d.handover(s, true).answer(n); r != done() {
				t.Fatalf("the answer is %+v", r)
			}
		}
		Kick([]int{d.cmd.Process.Pid})
		go d.serve(d.handover(s, false))
		d.wait()
		check(t, "output", strings.TrimSpace(d.out.String()), "bind ok\nlisten ok\nbind EADDRINUSE")
	}
}

// TestNewManager: another instance is refused by a Handover that was made
// after the first one had bound.
func TestNewManager(t *testing.T) {
	fd, port := listenTCP(t, loopback)
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	gate, open, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer gate.Close()
	held := []Held{{FD: fd}}
	s := start{held: held, wait: true, files: []*os.File{gate}, args: []string{
		self(t), "role", "ask", "tcp4", "bind " + addr, "signal 4", "listen", "child", "tcp4", "bind " + addr,
	}}
	d := s.run(t)
	h := d.handover(s, true)
	for !strings.Contains(d.seen(), "bound 0") {
		if !readable(t, d.nfd, 5000) {
			t.Fatalf("no call came")
		}
		if err := h.Serve(); err != nil {
			t.Fatal(err)
		}
	}
	s.pids = d.processes
	go d.serve(d.handover(s, false))
	open.Close()
	d.wait()
	check(t, "output", strings.TrimSpace(d.out.String()), "bind ok\nwaiting\nlisten ok\nchild: bind EADDRINUSE\n<nil>")
}

func TestUnprivileged(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("the other tests run without privileges already")
	}
	// As root the target is another user's; without root it is the same
	// user's, which the run as a normal user shows.
	fd, port := listenTCP(t, loopback)
	out, events := asked(t, start{held: []Held{{FD: fd}}, user: 65534, copyExe: true},
		"tcp4", fmt.Sprintf("bind 127.0.0.1:%d", port), "listen")
	check(t, "output", out, "bind ok\nlisten ok")
	check(t, "events", events, "bound 0\nlisten 0")
}

// processes are those of the daemon's process group.
func (d *daemon) processes() []int {
	var out []int
	procs, _ := os.ReadDir("/proc")
	for _, p := range procs {
		if pid, err := strconv.Atoi(p.Name()); err == nil {
			if g, err := unix.Getpgid(pid); err == nil && g == d.cmd.Process.Pid {
				out = append(out, pid)
			}
		}
	}
	return out
}
