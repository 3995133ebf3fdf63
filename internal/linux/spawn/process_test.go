// SPDX-License-Identifier: Apache-2.0

package spawn

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/linux/cgroup"
)

// fifo makes a FIFO whose opening for reading waits for a writer.
func fifo(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// A step that waits stops neither the caller nor its garbage collector, even
// with Hurry, and a signal ends the process in it.
func TestWaitingStep(t *testing.T) {
	s := newSpawner(t, Options{})
	path := fifo(t)
	start := time.Now()
	pid, res, err := s.Start(&Spec{
		Path: []string{"/bin/true"}, Argv: []string{"true"}, Hurry: true,
		Stdin: Stdio{Kind: StdioFile, Path: path, Flags: unix.O_RDONLY},
	})
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("start and collection took %v", d)
	}
	if done, _ := Result(res); done {
		t.Error("done, but it must wait for a writer")
	}
	if s.pool.blocks[0].free() {
		t.Error("the memory of a running program counts as free")
	}
	if err := unix.Kill(pid, unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if fail := answer(t, res); fail != nil {
		t.Error(fail)
	}
	if ws := reap(t, pid); ws.Signal() != unix.SIGTERM {
		t.Errorf("ended with %v", ws)
	}
	if !s.pool.blocks[0].free() {
		t.Error("the memory of a dead process is not free")
	}
}

// startOrphan is a helper: it starts a process that waits in a step, says so,
// and waits to be killed.
func startOrphan() {
	s, err := New(Options{})
	if err != nil {
		panic(err)
	}
	pid, _, err := s.Start(&Spec{
		Path: []string{"/bin/cat"}, Argv: []string{"cat"}, Stdout: FromFd(1),
		Stdin: Stdio{Kind: StdioFile, Path: os.Getenv("FIFO"), Flags: unix.O_RDONLY},
	})
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(os.Stderr, pid)
	_, _ = unix.Poll(nil, -1)
}

// The manager is killed while a child is in its program: the child goes on.
func TestKilledManager(t *testing.T) {
	s := newSpawner(t, Options{})
	path := fifo(t)
	outR, outW := pipe(t)
	errR, errW := pipe(t)
	pid, res, err := s.Start(&Spec{
		Path: []string{self(t)}, Argv: []string{"x"}, Stdout: FromFd(outW), Stderr: FromFd(errW),
		Env: []string{helperEnv + "=orphan", "FIFO=" + path},
	})
	_, _ = unix.Close(outW), unix.Close(errW)
	if err != nil {
		t.Fatal(err)
	}
	if fail := answer(t, res); fail != nil {
		t.Fatal(fail)
	}
	buf := make([]byte, 64)
	n, err := unix.Read(errR, buf)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := strconv.Atoi(strings.TrimSpace(string(buf[:n]))); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	reap(t, pid)
	w, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0) // waits for the child's end
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(w, []byte("alive")); err != nil {
		t.Fatal(err)
	}
	_ = unix.Close(w)
	if got := readAll(t, outR); got != "alive" {
		t.Errorf("got %q", got)
	}
}

// startSibling is a helper: it starts a child of its own parent's.
func startSibling() {
	s, err := New(Options{Sibling: true})
	if err != nil {
		panic(err)
	}
	pid, _, err := s.Start(&Spec{
		Path: []string{"/bin/sh"}, Argv: []string{"sh", "-c", "exit 42"}, ParentDeath: int(unix.SIGKILL),
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(pid)
}

// startWithoutClone3 is a helper: clone3 gives ENOSYS, as in containers whose
// seccomp profile cannot look into its arguments.
func startWithoutClone3() {
	filter := notifyOn(unix.SYS_CLONE3)
	filter[2].K = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		panic(err)
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog))); e != 0 {
		panic(e)
	}
	s, err := New(Options{})
	if err != nil {
		panic(err)
	}
	for range 2 {
		pid, _, err := s.Start(&Spec{Path: []string{"/bin/sh"}, Argv: []string{"sh", "-c", "exit 7"}})
		if err != nil {
			panic(err)
		}
		var ws unix.WaitStatus
		_, err = unix.Wait4(pid, &ws, 0, nil)
		fmt.Println(s.legacy, ws.ExitStatus(), err)
	}
}

func TestNoClone3(t *testing.T) {
	if !haveAssembly {
		t.Skip("needs the assembly loop")
	}
	s := newSpawner(t, Options{})
	r, w := pipe(t)
	pid, res, err := s.Start(&Spec{Path: []string{self(t)}, Argv: []string{"x"}, Stdout: FromFd(w), Stderr: FromFd(2), Env: []string{helperEnv + "=legacy"}})
	_ = unix.Close(w)
	if err != nil {
		t.Fatal(err)
	}
	if fail := answer(t, res); fail != nil {
		t.Fatal(fail)
	}
	if got := readAll(t, r); got != "true 7 <nil>\ntrue 7 <nil>\n" {
		t.Errorf("got %q", got)
	}
	reap(t, pid)
}

func TestSibling(t *testing.T) {
	// The death signal is bound to this thread (Spec.ParentDeath).
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s := newSpawner(t, Options{})
	r, w := pipe(t)
	pid, res, err := s.Start(&Spec{Path: []string{self(t)}, Argv: []string{"x"}, Stdout: FromFd(w), Env: []string{helperEnv + "=sibling"}})
	_ = unix.Close(w)
	if err != nil {
		t.Fatal(err)
	}
	if fail := answer(t, res); fail != nil {
		t.Fatal(fail)
	}
	sibling, err := strconv.Atoi(strings.TrimSpace(readAll(t, r)))
	if err != nil {
		t.Fatal(err)
	}
	if ws := reap(t, pid); ws.ExitStatus() != 0 {
		t.Errorf("helper: %v", ws)
	}
	if ws := reap(t, sibling); ws.ExitStatus() != 42 {
		t.Errorf("sibling: %v", ws)
	}
}

// unixPair is a pair of datagram sockets; the first gets the sender's pid.
func unixPair(t testing.TB) (r, w int) {
	t.Helper()
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = unix.Close(p[0]), unix.Close(p[1]) })
	if err := unix.SetsockoptInt(p[0], unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil {
		t.Fatal(err)
	}
	return p[0], p[1]
}

// receive reads one datagram and its credentials and descriptors.
func receive(t testing.TB, fd int) (data string, pid int32, fds []int) {
	t.Helper()
	buf, oob := make([]byte, 256), make([]byte, 256)
	n, oobn, _, _, err := unix.Recvmsg(fd, buf, oob, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		t.Fatal(err)
	}
	for i := range msgs {
		if cred, err := unix.ParseUnixCredentials(&msgs[i]); err == nil {
			pid = cred.Pid
		}
		if got, err := unix.ParseUnixRights(&msgs[i]); err == nil {
			fds = append(fds, got...)
		}
	}
	return string(buf[:n]), pid, fds
}

func TestAnnounce(t *testing.T) {
	ways(t, func(t *testing.T, s *Spawner) {
		r, w := unixPair(t)
		pid, res, err := s.Start(&Spec{Path: []string{"/bin/true"}, Argv: []string{"true"}, Announce: &Message{Fd: w, Data: []byte("token 7")}})
		if err != nil {
			t.Fatal(err)
		}
		data, from, _ := receive(t, r)
		if data != "token 7" || int(from) != pid {
			t.Errorf("got %q from %d, want it from %d", data, from, pid)
		}
		if fail := answer(t, res); fail != nil {
			t.Error(fail)
		}
		reap(t, pid)
	})
}

// The listener of a seccomp filter arrives before the program runs, and its
// notifications can be answered.
func TestSeccompListener(t *testing.T) {
	ways(t, func(t *testing.T, s *Spawner) {
		r, w := unixPair(t)
		outR, outW := pipe(t)
		pid, res, err := s.Start(&Spec{
			Path: []string{self(t)}, Argv: []string{"x"}, Env: []string{helperEnv + "=seccomp"}, Stdout: FromFd(outW), NoNewPrivs: true,
			Seccomp: []Filter{{Prog: notifyOn(unix.SYS_SETHOSTNAME), Listener: &Message{Fd: w, Data: []byte("web.service")}}},
		})
		_ = unix.Close(outW)
		if err != nil {
			t.Fatal(err)
		}
		data, from, fds := receive(t, r)
		if data != "web.service" || int(from) != pid || len(fds) != 1 {
			t.Fatalf("got %q from %d with %v", data, from, fds)
		}
		defer unix.Close(fds[0])
		if fail := answer(t, res); fail != nil {
			t.Fatal(fail)
		}
		answerNotification(t, fds[0], pid, unix.EXDEV)
		if got := readAll(t, outR); got != fmt.Sprintln(int(unix.EXDEV)) {
			t.Errorf("the trapped call gave errno %s", got)
		}
		reap(t, pid)
	})
}

// notifyOn is a filter that notifies of one system call and allows all others.
func notifyOn(nr uint32) []unix.SockFilter {
	return []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: nr},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
}

func answerNotification(t *testing.T, fd, pid int, errno unix.Errno) {
	t.Helper()
	// struct seccomp_notif is 80 bytes: id, pid, flags, data; the answer 24:
	// id, val, error, flags (seccomp_unotify(2)).
	var req [10]uint64
	const recv, send = 0xc0502100, 0xc0182101
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), recv, uintptr(unsafe.Pointer(&req))); e != 0 {
		t.Fatal(e)
	}
	if int(uint32(req[1])) != pid {
		t.Errorf("notification of %d, want %d", uint32(req[1]), pid)
	}
	resp := [3]uint64{req[0], 0, uint64(uint32(-int32(errno)))}
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), send, uintptr(unsafe.Pointer(&resp))); e != 0 {
		t.Fatal(e)
	}
}

// The process is in its cgroup from its first moment.
func TestCgroup(t *testing.T) {
	tree, facts, err := cgroup.Open(cgroup.Options{Sub: fmt.Sprintf("rouse-spawn-test-%d", os.Getpid())})
	if err != nil {
		t.Fatal(err)
	}
	if tree == nil {
		t.Skipf("needs cgroups: %s", facts.Why)
	}
	defer func() {
		if err := tree.Close(true); err != nil {
			t.Error(err)
		}
	}()
	ways(t, func(t *testing.T, s *Spawner) {
		const path = "a.slice/web.service"
		if _, err := tree.Make(path); err != nil {
			t.Fatal(err)
		}
		fd, err := tree.OpenFD(path)
		if err != nil {
			t.Fatal(err)
		}
		st := runReport(t, s, &Spec{Cgroup: fd})
		_ = unix.Close(fd)
		if !strings.HasSuffix(st.Cgroup, path) {
			t.Errorf("cgroup %q", st.Cgroup)
		}
		// The helper's cat may still be on its way out.
		for deadline := time.Now().Add(5 * time.Second); ; _, _ = unix.Poll(nil, 1) {
			if err = tree.Remove("a.slice"); err == nil || time.Now().After(deadline) {
				break
			}
		}
		if err != nil {
			t.Error(err)
		}
	})
}

func TestTerminal(t *testing.T) {
	master, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("needs a pseudo terminal: %v", err)
	}
	defer unix.Close(master)
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(master, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	path := fmt.Sprint("/dev/pts/", n)
	st := runReport(t, newSpawner(t, Options{}), &Spec{Stdin: Stdio{Kind: StdioTTY, Path: path}})
	// tty_nr: the major number of pseudo terminals is 136.
	if st.Fds["0"] != path || st.TTY != strconv.Itoa(136<<8|n) {
		t.Errorf("stdin %q, controlling terminal %s", st.Fds["0"], st.TTY)
	}
}
