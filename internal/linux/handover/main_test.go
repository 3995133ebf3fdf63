// SPDX-License-Identifier: Apache-2.0

package handover

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The test binary is its own launcher and its own daemons: the role comes
// first on the command line.
var roles = map[string]func(args []string){
	"carry":   carry,
	"http":    serveHTTP,
	"ask":     ask,
	"measure": measure,
}

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "role" {
		roles[os.Args[2]](os.Args[3:])
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// carry installs the filter, sends the notification descriptor over
// descriptor 3 and becomes the program: what the spawn program does in
// system calls.
func carry(args []string) {
	runtime.LockOSThread()
	traps := Traps{Bind: !strings.Contains(args[0], "listens"), Listen: true, Nodes: strings.Contains(args[0], "nodes"), Accept: strings.Contains(args[0], "accept")}
	prog := Filter(traps)
	fprog := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	fail := func(what string, err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, what, err)
			os.Exit(100)
		}
	}
	fail("no_new_privs", unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER,
		uintptr(unsafe.Pointer(&fprog)))
	if errno != 0 {
		fail("seccomp", errno)
	}
	fail("send", unix.Sendmsg(3, []byte{0}, unix.UnixRights(int(fd)), nil, 0))
	unix.CloseOnExec(3)
	fail("exec "+args[1], syscall.Exec(args[1], args[1:], os.Environ()))
}

// daemon is a program that carries the filter, and its Handover.
type daemon struct {
	t   testing.TB
	cmd *exec.Cmd
	out *output
	h   *Handover
	// also is called by the loop when alsoFD is readable.
	alsoFD int
	also   func(d *daemon)
	nfd    int
	done   chan struct{} // Serve has returned ErrGone

	mu       sync.Mutex
	events   []string
	listened chan struct{}
	once     sync.Once
	stop     int // eventfd that ends the loop without ErrGone
}

type start struct {
	held  []Held
	args  []string
	files []*os.File // from descriptor 3 on, behind the launcher's own
	user  uint32
	pids  func() []int
	dir   string
	wait  bool // do not serve yet
	// accept: trap it, and hold it until d.h.HoldAccepts(false).
	accept bool
	// listens: Config.Listens.
	listens bool
	env     []string
	alsoFD  int // -1 or 0: none
	also    func(d *daemon)
	// copyExe: the test binary may be where another user cannot go.
	copyExe bool
}

func (s start) run(t testing.TB) *daemon {
	t.Helper()
	if !Supported() {
		t.Skip("no filter for this architecture")
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	theirs := os.NewFile(uintptr(pair[1]), "launcher")
	defer theirs.Close()
	defer unix.Close(pair[0])
	nodes := "none"
	if TrapsFor(s.held).Nodes {
		nodes = "nodes"
	}
	if s.listens {
		nodes = "listens"
	}
	if s.accept {
		nodes += "+accept"
	}
	d := &daemon{t: t, nfd: -1, alsoFD: s.alsoFD, also: s.also, done: make(chan struct{}), listened: make(chan struct{})}
	if d.alsoFD == 0 {
		d.alsoFD = -1
	}
	exe := self(t)
	if s.copyExe {
		if copied := copyOf(t, exe); s.args[0] == exe {
			exe, s.args[0] = copied, copied
		} else {
			exe = copied
		}
	}
	d.cmd = exec.Command(exe, append([]string{"role", "carry", nodes}, s.args...)...)
	d.cmd.ExtraFiles = append([]*os.File{theirs}, s.files...)
	d.cmd.Dir = s.dir
	d.cmd.Env = append(os.Environ(), s.env...)
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if s.user != 0 {
		d.cmd.SysProcAttr.Credential = &syscall.Credential{Uid: s.user, Gid: s.user}
	}
	out := &output{}
	d.out = out
	d.cmd.Stdout, d.cmd.Stderr = out, out
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.kill()
		if t.Failed() {
			t.Logf("%s printed:\n%s", s.args[0], out)
		}
	})
	if d.nfd, err = receiveFD(pair[0]); err != nil {
		t.Fatalf("no notification descriptor: %v\n%s", err, out)
	}
	if d.stop, err = unix.Eventfd(0, unix.EFD_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	if s.pids == nil {
		s.pids = d.processes
	}
	if !s.wait {
		go d.serve(d.handover(s, true))
	}
	return d
}

func (d *daemon) handover(s start, fresh bool) *Handover {
	d.h = New(Config{FD: d.nfd, Held: s.held, Listens: s.listens, Fresh: fresh, Pids: s.pids, Events: Events{
		Bound: func(i int, pid int32) { d.event("bound " + strconv.Itoa(i)) },
		ListenCalled: func(i int, pid int32) {
			d.event("listen " + strconv.Itoa(i))
			d.once.Do(func() { close(d.listened) })
		},
		Note: func(msg string) {
			_, msg, _ = strings.Cut(strings.TrimPrefix(msg, "process "), " ")
			d.event(msg)
		},
	}})
	d.h.HoldAccepts(s.accept)
	return d.h
}

// serve is the manager's loop.
func (d *daemon) serve(h *Handover) {
	defer close(d.done)
	for {
		p := []unix.PollFd{{Fd: int32(h.FD()), Events: unix.POLLIN}, {Fd: int32(d.stop), Events: unix.POLLIN}, {Fd: int32(d.alsoFD), Events: unix.POLLIN}}
		if _, err := unix.Poll(p, -1); err != nil && !errors.Is(err, unix.EINTR) {
			d.event("poll: " + err.Error())
			return
		}
		if p[1].Revents != 0 {
			return
		}
		if p[2].Revents != 0 {
			d.also(d)
		}
		if err := h.Serve(); err != nil {
			if !errors.Is(err, ErrGone) {
				d.event(err.Error())
			}
			return
		}
	}
}

func (d *daemon) event(s string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = append(d.events, s)
}

func (d *daemon) seen() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.events, "\n")
}

// wait lets the daemon come to its end, and serves until then.
func (d *daemon) wait() {
	d.t.Helper()
	timer := time.AfterFunc(time.Minute, func() { _ = unix.Kill(-d.cmd.Process.Pid, unix.SIGKILL) })
	defer timer.Stop()
	if err := d.cmd.Wait(); err != nil {
		d.t.Errorf("the daemon: %v", err)
	}
	<-d.done
}

// receiveOnly is a manager that dies with a call in its hands.
func receiveOnly(t *testing.T, fd int) *notif {
	t.Helper()
	var n notif
	if err := ioctl(fd, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n)); err != nil {
		t.Fatal(err)
	}
	return &n
}

func copyOf(t testing.TB, exe string) string {
	t.Helper()
	dir := openDir(t)
	data, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	to := dir + "/test"
	if err := os.WriteFile(to, data, 0o755); err != nil {
		t.Fatal(err)
	}
	return to
}

// kill ends the daemon and all its children.
func (d *daemon) kill() {
	if d.cmd.ProcessState == nil {
		_ = unix.Kill(-d.cmd.Process.Pid, unix.SIGKILL)
		_ = d.cmd.Wait()
	}
	if d.nfd >= 0 {
		var one [8]byte
		one[0] = 1
		_, _ = unix.Write(d.stop, one[:])
		select {
		case <-d.done:
		case <-time.After(100 * time.Millisecond): // it was never served
		}
		unix.Close(d.nfd)
		unix.Close(d.stop)
		d.nfd = -1
	}
}

func receiveFD(sock int) (int, error) {
	var b [1]byte
	oob := make([]byte, unix.CmsgSpace(4))
	tv := unix.Timeval{Sec: 5}
	if err := unix.SetsockoptTimeval(sock, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		return -1, err
	}
	n, err := 0, error(unix.EINTR)
	for errors.Is(err, unix.EINTR) {
		_, n, _, _, err = unix.Recvmsg(sock, b[:], oob, unix.MSG_CMSG_CLOEXEC)
	}
	if err != nil {
		return -1, err
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(msgs) != 1 {
		return -1, fmt.Errorf("%d control messages, %w", len(msgs), err)
	}
	fds, err := unix.ParseUnixRights(&msgs[0])
	if err != nil {
		return -1, err
	}
	return fds[0], nil
}

func self(t testing.TB) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

// output collects what a daemon prints.
type output struct {
	mu   sync.Mutex
	more sync.Cond // on mu
	b    strings.Builder
}

// waitFor returns when s has been printed; a test that waits for ever is
// ended by the one time limit of go test.
func (o *output) waitFor(s string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.more.L = &o.mu
	for !strings.Contains(o.b.String(), s) {
		o.more.Wait()
	}
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.more.Broadcast()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
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
