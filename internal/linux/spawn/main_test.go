// SPDX-License-Identifier: Apache-2.0

package spawn

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The test binary is also the program that the tests start: with helperEnv in
// its environment it does what the value says instead of testing.
const helperEnv = "ROUSE_SPAWN_HELPER"

func TestMain(m *testing.M) {
	switch os.Getenv(helperEnv) {
	case "":
		os.Exit(m.Run())
	case "report":
		report()
	case "sibling":
		startSibling()
	case "keep":
		keepAndEnd()
	case "orphan":
		startOrphan()
	case "legacy":
		startWithoutClone3()
	case "seccomp":
		// Answered by the listener of the test, if it got there.
		_, _, errno := unix.RawSyscall(unix.SYS_SETHOSTNAME, 0, 0, 0)
		fmt.Println(int(errno))
	default:
		os.Exit(99)
	}
	os.Exit(0)
}

// state is what a started process sees of itself.
type state struct {
	Pid, Parent, Session int
	Dir                  string
	Args, Env            []string
	Umask                int
	UID, GID             int
	Groups               []int
	Nice                 int
	OOM                  string
	Filter               string
	Status               map[string]string // some of /proc/self/status
	Fds                  map[string]string // number to target
	Flags                map[string]int    // F_GETFL
	Files                [2]uint64         // RLIMIT_NOFILE as inherited
	TTY                  string            // tty_nr of /proc/self/stat
	Cgroup               string
}

// report writes the state to standard output. It is called before the Go
// program does anything of its own but what the runtime did.
func report() {
	var s state
	s.Pid, s.Parent = os.Getpid(), os.Getppid()
	s.Session, _ = unix.Getsid(0)
	s.Dir, _ = os.Getwd()
	s.Args, s.Env = os.Args, os.Environ()
	s.Umask = syscall.Umask(0)
	s.UID, s.GID = os.Getuid(), os.Getgid()
	s.Groups, _ = os.Getgroups()
	s.Nice, _ = unix.Getpriority(unix.PRIO_PROCESS, 0)
	s.Nice = 20 - s.Nice // as the system call has it
	s.OOM, s.Filter = readLine("/proc/self/oom_score_adj"), readLine("/proc/self/coredump_filter")
	s.Cgroup = readLine("/proc/self/cgroup") // version 2 is the last line
	s.Status = map[string]string{}
	text, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(text)) {
		if k, v, ok := strings.Cut(line, ":"); ok && slices.Contains([]string{"SigBlk", "NoNewPrivs", "CapBnd", "CapAmb", "CapEff", "Cpus_allowed_list"}, k) {
			s.Status[k] = strings.TrimSpace(v)
		}
	}
	stat := readLine("/proc/self/stat")
	s.TTY = strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])[4]
	s.Fds, s.Flags = map[string]string{}, map[string]int{}
	names, _ := filepath.Glob("/proc/self/fd/*")
	for _, n := range names {
		if target, err := os.Readlink(n); err == nil && !ofRuntime(target) {
			fd, _ := strconv.Atoi(filepath.Base(n))
			s.Fds[filepath.Base(n)] = target
			s.Flags[filepath.Base(n)], _ = unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		}
	}
	// The runtime has raised its soft limit; the inherited one is in the
	// limits of this process's own children only, so ask the kernel's copy.
	s.Files = inheritedFiles()
	_ = json.NewEncoder(os.Stdout).Encode(s)
}

// ofRuntime recognises what Go's runtime opens for itself.
func ofRuntime(target string) bool {
	return strings.Contains(target, "eventpoll") || strings.Contains(target, "eventfd") || strings.HasPrefix(target, "/sys/fs/cgroup/")
}

// inheritedFiles runs cat, for which package syscall restores the limit that
// this process started with.
func inheritedFiles() (l [2]uint64) {
	r, w, _ := os.Pipe()
	p, err := os.StartProcess("/bin/cat", []string{"cat", "/proc/self/limits"}, &os.ProcAttr{Files: []*os.File{nil, w, nil}})
	if err != nil {
		return l
	}
	_ = w.Close()
	defer func() { _, _ = p.Wait() }()
	buf := make([]byte, 4096)
	n, _ := r.Read(buf)
	for line := range strings.Lines(string(buf[:n])) {
		if rest, ok := strings.CutPrefix(line, "Max open files"); ok {
			f := strings.Fields(rest)
			l[0], _ = strconv.ParseUint(f[0], 10, 64)
			l[1], _ = strconv.ParseUint(f[1], 10, 64)
		}
	}
	return l
}

func readLine(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text))
}

// needRoot skips a test that needs privileges.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		if strings.Contains(os.Getenv("ROUSE_TEST_REQUIRE"), "root") {
			t.Fatal("needs root, which ROUSE_TEST_REQUIRE promises")
		}
		t.Skip("needs root")
	}
}

// newSpawner makes one that is closed at the end of the test.
func newSpawner(t testing.TB, o Options) *Spawner {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// self is the path of the test binary.
func self(t testing.TB) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// answer waits for the result of a start.
func answer(t testing.TB, fd int) *Failure {
	t.Helper()
	for {
		if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 10_000); err != nil && err != unix.EINTR {
			t.Fatal(err)
		}
		done, fail := Result(fd)
		if done {
			_ = unix.Close(fd)
			return fail
		}
	}
}

// reap waits for the end of a process.
func reap(t testing.TB, pid int) unix.WaitStatus {
	t.Helper()
	var ws unix.WaitStatus
	for {
		_, err := unix.Wait4(pid, &ws, 0, nil)
		if err == nil {
			return ws
		}
		if err != unix.EINTR {
			t.Fatalf("wait for %d: %v", pid, err)
		}
	}
}

// pipe is a pipe of raw descriptors, closed at the end of the test.
func pipe(t testing.TB) (r, w int) {
	t.Helper()
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(p[0]) })
	return p[0], p[1]
}

// readAll reads fd to its end.
func readAll(t testing.TB, fd int) string {
	t.Helper()
	var out []byte
	buf := make([]byte, 8192)
	for {
		n, err := unix.Read(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return string(out)
		}
		out = append(out, buf[:n]...)
	}
}

// runReport starts the helper with spec and returns what it sees.
func runReport(t testing.TB, s *Spawner, spec *Spec) state {
	t.Helper()
	r, w := pipe(t)
	// This way also a user who may not enter the binary's directory can.
	spec.Path, spec.Argv = []string{"/proc/self/exe"}, []string{"report"}
	spec.Env = append(spec.Env, helperEnv+"=report")
	spec.Stdout = FromFd(w)
	if spec.Stderr.Kind == StdioNull {
		spec.Stderr = FromFd(2)
	}
	pid, res, err := s.Start(spec)
	_ = unix.Close(w)
	if err != nil {
		t.Fatal(err)
	}
	if fail := answer(t, res); fail != nil {
		t.Fatal(fail)
	}
	text := readAll(t, r)
	if ws := reap(t, pid); ws.ExitStatus() != 0 {
		t.Fatalf("helper ended with %v", ws)
	}
	var st state
	if err := json.Unmarshal([]byte(text), &st); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	if st.Pid != pid {
		t.Errorf("Start said pid %d, the process is %d", pid, st.Pid)
	}
	return st
}
