// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// process runs a bridge in a process of its own, which has listener as
// LISTEN_FDS.
func process(t *testing.T, listener *os.File, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), "BRIDGE_TEST=1"), env...)
	cmd.Stderr = os.Stderr
	if listener != nil {
		cmd.ExtraFiles = []*os.File{listener}
		cmd.Env = append(cmd.Env, "LISTEN_FDS=1")
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

// managed is a socket as a service manager holds it.
func managed(t *testing.T, dir string) (net.Listener, *os.File) {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(dir, "l"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	file, err := l.(*net.UnixListener).File()
	if err != nil {
		t.Fatal(err)
	}
	return l, file
}

// notified listens as a service manager does; what it returns waits for a message
// that begins in this way.
func notified(t *testing.T, dir string) func(want string) {
	t.Helper()
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: dir + "/notify", Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { notify.Close() })
	_ = notify.SetReadDeadline(time.Now().Add(patience))
	return func(want string) {
		t.Helper()
		b := make([]byte, 4096)
		if n, err := notify.Read(b); err != nil || !strings.HasPrefix(string(b[:n]), want) {
			t.Fatalf("it says %q, %v, not %q", b[:n], err, want)
		}
	}
}

// The whole life under a service manager: LISTEN_FDS, READY=1, a connection
// from before the start, SIGTERM, STOPPING=1, exit status 0, and the queue left
// to the manager.
func TestServe(t *testing.T) {
	dir := t.TempDir()
	told := notified(t, dir)
	l, file := managed(t, dir)
	early := dialAddr(t, l.Addr().String())
	cmd := process(t, file, "NOTIFY_SOCKET="+dir+"/notify", "BRIDGE_TO="+serving(t, "tcp", "", echo))
	told("READY=1\n")
	write(t, early, "hello")
	expect(t, early, "hello")
	if err := cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	told("STOPPING=1\nSTATUS=waiting for 1 connection")
	late := dialAddr(t, l.Addr().String())
	write(t, early, "more")
	expect(t, early, "more")
	early.Close()
	told("STOPPING=1")
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	write(t, late, "x")
	expect(t, c, "x")
}

// crowd is how many connections rest at a time; 10,000 with BRIDGE_LONG set,
// as far as descriptors go. The limit of those of this process is raised by
// the Go runtime.
func crowd(t *testing.T) int {
	n := 2000
	if os.Getenv("BRIDGE_LONG") != "" {
		n = 10_000
	}
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		t.Fatal(err)
	}
	fit := (int(r.Max) - 200) / 2
	if fit < n {
		t.Logf("%d descriptors allow for %d connections only", r.Max, fit)
	}
	return min(n, fit)
}

// A connection at rest costs two descriptors and less than 850 bytes.
func TestCrowdAtRest(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	n := crowd(t)
	addr := filepath.Join(t.TempDir(), "l")
	cmd := process(t, nil, "BRIDGE_LISTEN="+addr, "BRIDGE_TO="+serving(t, "unix", "", echo))
	eventually(t, "the bridge", func() bool { c, err := net.Dial("unix", addr); return err == nil && c.Close() == nil })
	exchange := func() net.Conn {
		c := dialAddr(t, addr)
		write(t, c, "hello")
		expect(t, c, "hello")
		return c
	}
	var all []net.Conn
	for range 40 { // what only the first ones cost
		all = append(all, exchange())
	}
	beforeKB, beforeFDs := costs(t, cmd.Process.Pid)
	for range n - len(all) {
		all = append(all, exchange())
	}
	afterKB, afterFDs := costs(t, cmd.Process.Pid)
	kb, fds := float64(afterKB-beforeKB)/float64(n-40), float64(afterFDs-beforeFDs)/float64(n-40)
	t.Logf("%d connections: %.2f KiB and %.2f descriptors each", n, kb, fds)
	if kb > 0.85 || fds > 2.05 {
		t.Errorf("%.2f KiB and %.2f descriptors for each connection", kb, fds)
	}
	for _, c := range []net.Conn{all[0], all[len(all)-1]} {
		write(t, c, "awake")
		expect(t, c, "awake")
	}
}

// What only the start of the program needed is given back, and that of a
// second loop, too.
func TestStartIsForgotten(t *testing.T) {
	addr := filepath.Join(t.TempDir(), "l")
	cmd := process(t, nil, "BRIDGE_LISTEN="+addr, "BRIDGE_TO="+serving(t, "unix", "", echo))
	path := fmt.Sprintf("/proc/%d/status", cmd.Process.Pid)
	mapped := func() (kb int) { // of the program's file
		status, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(status)) {
			_, _ = fmt.Sscanf(line, "RssFile: %d kB", &kb)
		}
		return kb
	}
	eventually(t, "the bridge", func() bool { c, err := net.Dial("unix", addr); return err == nil && c.Close() == nil })
	// The start needs 5.5 MiB. What comes back of it is 1 to 3.5: the kernel maps
	// what its page cache has around each page that is used.
	const little = 4 << 10
	eventually(t, "the end of the start", func() bool { return mapped() < little })
	for range passAt + 1 {
		c := dialAddr(t, addr)
		write(t, c, "hello")
		expect(t, c, "hello")
	}
	eventually(t, "the end of the second loop's start", func() bool { return mapped() < little })
}

// costs are the memory that is this process's own, in KiB, and its
// descriptors. Pages of the program's file are no cost of a connection.
func costs(t *testing.T, pid int) (kb, fds int) {
	t.Helper()
	rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		t.Skipf("the kernel does not tell: %v", err)
	}
	for line := range strings.Lines(string(rollup)) {
		if _, err := fmt.Sscanf(line, "Anonymous: %d kB", &kb); err == nil {
			break
		}
	}
	names, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return kb, len(names)
}

func TestMistakes(t *testing.T) {
	taken := serving(t, "tcp", "", echo)
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{Listen: []string{"127.0.0.1:0"}}, "--to"},
		{Config{To: []string{"127.0.0.1:1"}}, "--listen"},
		{Config{Listen: []string{"127.0.0.1:0"}, To: []string{"udp:127.0.0.1:1"}}, "datagrams"},
		{Config{Listen: []string{taken}, To: []string{"127.0.0.1:1"}}, "address already in use"},
		{Config{Listen: []string{"localhost:0"}, To: []string{"127.0.0.1:1"}}, "not looked up"},
		{Config{Listen: []string{"127.0.0.1:0"}, To: []string{"127.0.0.1"}}, "no port"},
		{Config{Listen: []string{"127.0.0.1:0"}, To: []string{"127.0.0.1:99999"}}, "is not a port"},
		{Config{Listen: []string{"/" + strings.Repeat("x", 108)}, To: []string{"127.0.0.1:1"}}, "107 bytes"},
		{Config{Listen: []string{"[::1"}, To: []string{"127.0.0.1:1"}}, "[::1"},
	} {
		b, err := New(c.cfg)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "fix: ") {
			t.Errorf("%+v: got %v, want %q and a fix", c.cfg, err, c.want)
		}
		if b != nil {
			t.Error("there is a bridge")
		}
	}
}

// A path that was left over by somebody who was killed is taken; one that is
// in use is not.
func TestStalePath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	li, err := listen(path, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := listen(path, false); err == nil {
		t.Error("a path in use was taken")
	}
	sysClose(li.fd)
	again, err := listen(path, false)
	if err != nil {
		t.Fatal(err)
	}
	again.close()
	if _, err := os.Stat(path); err == nil {
		t.Error("the path is left over")
	}
}

func TestInheritRefusesWhatIsNoSocket(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if _, err := New(Config{Inherited: []int{int(r.Fd())}, To: []string{"127.0.0.1:1"}}); err == nil {
		t.Error("a pipe was taken for a listener")
	}
	_, _ = io.WriteString(w, "x")
}
