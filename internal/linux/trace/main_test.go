// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/linux/poll"
	"github.com/rouse-init/rouse/internal/linux/spawn"
)

// roleEnv makes the test binary the manager: it starts processes as siblings
// of its own and follows them, as lines on its standard input say. The test is
// the guardian: their parent.
const roleEnv = "ROUSE_TRACE_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(roleEnv) == "manager" {
		if err := manage(); err != nil {
			fmt.Println("failed:", err)
		}
		os.Exit(0)
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	dir, err := os.MkdirTemp("", "trace")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	daemon = filepath.Join(dir, "daemon")
	if out, err := exec.Command("cc", "-O1", "-pthread", "-o", daemon, "testdata/daemon.c").CombinedOutput(); err != nil {
		noDaemon = fmt.Sprintf("cannot compile the test's daemon: %v %s", err, out)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// daemon is the program testdata/daemon.c; noDaemon why there is none.
var daemon, noDaemon string

type manager struct {
	tracer *Tracer
	spawn  *spawn.Spawner
	loop   *poll.Loop
	out    *bufio.Writer
	hear   func(Event) // nil: events are printed
}

func manage() error {
	m := &manager{out: bufio.NewWriter(os.Stdout)}
	var err error
	if m.tracer, err = New(); err != nil {
		return err
	}
	if m.spawn, err = spawn.New(spawn.Options{Sibling: true}); err != nil {
		return err
	}
	if m.loop, err = poll.New(); err != nil {
		return err
	}
	_ = poll.CalmMonitor() // a matter of processor time only
	in := bufio.NewReader(os.Stdin)
	end := false
	if err := m.loop.Add(0, poll.In, func(uint32) {
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				end = true
				return
			}
			m.obey(strings.Fields(line))
			if in.Buffered() == 0 {
				return
			}
		}
	}); err != nil {
		return err
	}
	if err := m.loop.Add(m.tracer.FD(), poll.In, func(uint32) { m.tell() }); err != nil {
		return err
	}
	for !end {
		_ = m.out.Flush()
		if err := m.loop.Wait(-1); err != nil {
			return err
		}
	}
	return m.tracer.Close()
}

func (m *manager) tell() {
	for _, e := range m.tracer.Drain() {
		if m.hear != nil {
			m.hear(e)
		} else {
			fmt.Fprintln(m.out, words(e))
		}
	}
}

// words is an event without its pid: KEY forks/seen what.
func words(e Event) string {
	s := fmt.Sprintf("%d pid %d forks %d seen %d helpers %d", e.Key, e.Pid, e.Forks, e.Seen, e.Helpers)
	for _, f := range []struct {
		set  bool
		name string
	}{{e.Done, "done"}, {e.Exec, "exec"}, {e.Gone, "gone"}, {e.Lost, "lost"}} {
		if f.set {
			s += " " + f.name
		}
	}
	return s
}

// obey carries out "start KEY FORKS ARGV…" (FORKS 0: without following),
// "refuse KEY ARGV…", "drop KEY" and "busy".
func (m *manager) obey(w []string) {
	switch w[0] {
	case "start":
		key, _ := strconv.ParseUint(w[1], 10, 64)
		n, _ := strconv.Atoi(w[2])
		spec := &spawn.Spec{Path: w[3:4], Argv: w[3:], Env: []string{"PATH=/usr/bin:/bin"}, Umask: -1}
		var refused error
		if n > 0 {
			spec.Held = func(pid int) { refused = m.tracer.Follow(pid, n, key) }
		}
		pid, result, err := m.spawn.Start(spec)
		if err != nil {
			fmt.Fprintln(m.out, "failed", err)
			return
		}
		_ = unix.Close(result)
		if refused != nil {
			fmt.Fprintf(m.out, "%d refused %v\n", key, refused)
		}
		fmt.Fprintf(m.out, "%d started %d\n", key, pid)
	case "refuse": // what can never be followed: a process of no number
		spec := &spawn.Spec{Path: w[2:3], Argv: w[2:], Umask: -1}
		spec.Held = func(int) { fmt.Fprintf(m.out, "%s refused %v\n", w[1], m.tracer.Follow(1<<30, 1, 9)) }
		pid, result, err := m.spawn.Start(spec)
		if err != nil {
			fmt.Fprintln(m.out, "failed", err)
			return
		}
		_ = unix.Close(result)
		fmt.Fprintf(m.out, "%s started %d\n", w[1], pid)
	case "measure":
		n, _ := strconv.Atoi(w[2])
		fmt.Fprintln(m.out, m.measure(w[1] == "traced", n, w[3]))
	case "drop":
		key, _ := strconv.ParseUint(w[1], 10, 64)
		e, ok := m.tracer.Drop(key)
		fmt.Fprintf(m.out, "dropped %v %s\n", ok, words(e))
	case "busy":
		fmt.Fprintf(m.out, "busy %v early %d\n", m.tracer.Busy(), len(m.tracer.early))
	}
}

// managed is a manager under test.
type managed struct {
	t     testing.TB
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan string
}

func startManager(t testing.TB) *managed {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleEnv+"=manager")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	m := &managed{t: t, cmd: cmd, in: in, lines: make(chan string, 1<<14)}
	go func() {
		defer close(m.lines)
		for s := bufio.NewScanner(r); s.Scan(); {
			m.lines <- s.Text()
		}
		_ = r.Close()
	}()
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait() // by the end of its input, or it was killed
	})
	return m
}

func (m *managed) do(format string, args ...any) {
	m.t.Helper()
	if _, err := fmt.Fprintf(m.in, format+"\n", args...); err != nil {
		m.t.Fatal(err)
	}
}

// next is the next line; patience is for a loaded machine.
func (m *managed) next() string {
	m.t.Helper()
	select {
	case l, ok := <-m.lines:
		if !ok {
			m.t.Fatal("the manager has ended")
		}
		return l
	case <-time.After(10 * time.Second):
		m.t.Fatal("the manager says nothing")
	}
	return ""
}

// start starts a followed process and returns its pid.
func (m *managed) start(key, forks int, argv ...string) (pid int) {
	m.t.Helper()
	m.do("start %d %d %s", key, forks, strings.Join(argv, " "))
	l := m.next()
	if strings.Contains(l, "refused") && strings.Contains(l, "operation not permitted") {
		m.t.Skip("tracing is not permitted here: " + l)
	}
	if _, err := fmt.Sscanf(l, strconv.Itoa(key)+" started %d", &pid); err != nil {
		m.t.Fatalf("%q: %v", l, err)
	}
	return pid
}

// event is the next event, its pid apart.
func (m *managed) event() (pid int, rest string) {
	m.t.Helper()
	l := m.next()
	w := strings.SplitN(l, " ", 4)
	if len(w) < 4 || w[1] != "pid" {
		m.t.Fatalf("%q is no event", l)
	}
	pid, _ = strconv.Atoi(w[2])
	return pid, w[3]
}

// idle waits until nothing is traced.
func (m *managed) idle() {
	m.t.Helper()
	for end := time.Now().Add(10 * time.Second); ; {
		m.do("busy")
		l := m.next()
		if l == "busy false early 0" {
			return
		}
		if time.Now().After(end) {
			m.t.Fatalf("something is traced still: %s", l)
		}
		_ = unix.Nanosleep(&unix.Timespec{Nsec: 1e6}, nil)
	}
}

func needDaemon(t testing.TB) {
	t.Helper()
	if noDaemon != "" {
		t.Skip(noDaemon)
	}
}

// exit waits for the end of a child of the test, and says what it was.
func exit(t testing.TB, pid int) string {
	t.Helper()
	type end struct {
		ws  unix.WaitStatus
		err error
	}
	c := make(chan end, 1)
	go func() {
		var e end
		for {
			_, e.err = unix.Wait4(pid, &e.ws, 0, nil)
			if !errors.Is(e.err, unix.EINTR) {
				break
			}
		}
		c <- e
	}()
	select {
	case e := <-c:
		if e.err != nil {
			return e.err.Error()
		}
		if e.ws.Signaled() {
			return e.ws.Signal().String()
		}
		return "exit " + strconv.Itoa(e.ws.ExitStatus())
	case <-time.After(10 * time.Second):
		t.Fatalf("process %d does not end", pid)
	}
	return ""
}

// end kills a child of the test.
func end(t testing.TB, pid int) {
	t.Helper()
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatalf("kill %d: %v", pid, err)
	}
	if got := exit(t, pid); got != "killed" {
		t.Errorf("process %d: %s", pid, got)
	}
}

// tracerOf is who traces pid, 0 for nobody, -1 for no process.
func tracerOf(pid int) int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "TracerPid:"); ok {
			n, _ := strconv.Atoi(strings.TrimSpace(v))
			return n
		}
	}
	return -1
}

// last reads events up to the last one. Those before tell less in order: of
// two processes that end at about the same time either is heard of first.
func (m *managed) last() (pid int, rest string) {
	m.t.Helper()
	for forks := -1; ; {
		pid, rest = m.event()
		now := 0
		if _, err := fmt.Sscanf(rest, "forks %d", &now); err != nil {
			m.t.Fatal(err)
		}
		if w := strings.Fields(rest); len(w) > 6 {
			return pid, rest
		}
		if now < forks {
			m.t.Errorf("from %d forks to %q", forks, rest)
		}
		forks = now
	}
}

// reapAll waits until the test has no child but the manager.
func (m *managed) reapAll() {
	m.t.Helper()
	_ = m.in.Close()
	_ = m.cmd.Wait() // its end is what counts
	c := make(chan struct{})
	go func() {
		defer close(c)
		for {
			if _, err := unix.Wait4(-1, nil, unix.WALL, nil); err == unix.ECHILD {
				return
			}
		}
	}()
	select {
	case <-c:
	case <-time.After(10 * time.Second):
		m.t.Error("there are processes left")
	}
}
