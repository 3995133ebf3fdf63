// SPDX-License-Identifier: Apache-2.0

package guardian

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/guardian/wire"
)

// guarded is a guardian under test with the puppet as its manager.
type guarded struct {
	t      *testing.T
	cmd    *exec.Cmd
	in     io.Writer
	lines  chan string
	stderr *strings.Builder
}

// guard starts one; patience is for a loaded machine, not for waiting.
func guard(t *testing.T, change func(*exec.Cmd), args ...string) *guarded {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", append([]string{"manager"}, args...)...)
	cmd.Env = append(os.Environ(), roleEnv+"=guardian")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	g := &guarded{t: t, cmd: cmd, in: in, lines: make(chan string, 1<<16), stderr: &strings.Builder{}}
	cmd.Stdout, cmd.Stderr = w, g.stderr
	// What a failed test leaves must not keep Wait from returning.
	cmd.WaitDelay = time.Second
	if change != nil {
		change(cmd)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	go func() {
		defer close(g.lines)
		for s := bufio.NewScanner(r); s.Scan(); {
			g.lines <- s.Text()
		}
		_ = r.Close()
	}()
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // the kill is the reason, whatever it says
		}
	})
	return g
}

func (g *guarded) do(format string, args ...any) {
	g.t.Helper()
	if _, err := fmt.Fprintf(g.in, format+"\n", args...); err != nil {
		g.t.Fatal(err)
	}
}

// want waits for a line that matches and returns its groups. Lines before it
// are skipped.
func (g *guarded) want(pattern string) []string {
	g.t.Helper()
	re := regexp.MustCompile("^" + pattern + "$")
	var skipped []string
	for patience := time.After(10 * time.Second); ; {
		select {
		case l, ok := <-g.lines:
			if !ok {
				g.t.Fatalf("no line %q; the manager said %q, stderr %q", pattern, skipped, g.stderr)
			}
			if m := re.FindStringSubmatch(l); m != nil {
				return m
			}
			skipped = append(skipped, l)
		case <-patience:
			_ = g.cmd.Process.Signal(unix.SIGQUIT) // where it hangs goes to stderr
			_ = g.cmd.Wait()
			g.t.Fatalf("no line %q within 10 s; the manager said %q; stderr:\n%s", pattern, skipped, g.stderr)
		}
	}
}

// next is the next line.
func (g *guarded) next() string { g.t.Helper(); return g.want(".*")[0] }

// ends waits for the guardian's exit status.
func (g *guarded) ends(code int) {
	g.t.Helper()
	patience := time.AfterFunc(10*time.Second, func() {
		_ = g.cmd.Process.Signal(unix.SIGQUIT) // where it hangs goes to stderr
	})
	defer patience.Stop()
	for range g.lines { // its end is the end of the last holder of the pipe
	}
	_ = g.cmd.Wait() // the state says it all
	if got := g.cmd.ProcessState.ExitCode(); got != code {
		g.t.Errorf("the guardian ended with %v, want status %d; stderr %q", g.cmd.ProcessState, code, g.stderr)
	}
}

func (g *guarded) signal(sig syscall.Signal) {
	g.t.Helper()
	if err := g.cmd.Process.Signal(sig); err != nil {
		g.t.Fatal(err)
	}
}

// begin waits for a new manager and makes it ready.
func (g *guarded) begin() (pid int) {
	g.t.Helper()
	m := g.want(`pid (\d+) sid (\d+)`)
	if m[1] != m[2] {
		g.t.Errorf("the manager %s has session %s", m[1], m[2])
	}
	g.want("go .*")
	g.do("ready")
	g.want("done ready")
	return number(m[1])
}

func number(s string) int { n, _ := strconv.Atoi(s); return n }

// stat is /proc/PID/stat, "" for no process.
func stat(pid int) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // no process, no file
	return string(b)
}

// alive tells whether the process is there and not a zombie.
func alive(pid int) bool { s := stat(pid); return s != "" && !strings.Contains(s, ") Z ") }

// until looks again and again: /proc tells nobody when it changes.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for patience := time.Now().Add(10 * time.Second); !done(); <-time.After(time.Millisecond) {
		if time.Now().After(patience) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

// dies waits until the process of a pidfd has ended.
func dies(t *testing.T, pidfd int) {
	t.Helper()
	n, err := 0, error(unix.EINTR)
	for errors.Is(err, unix.EINTR) { // SIGCHLD
		n, err = unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, 10_000)
	}
	if n != 1 || err != nil {
		t.Fatalf("the process does not die (%v)", err)
	}
}

func TestExitsAreTold(t *testing.T) {
	g := guard(t, nil)
	g.begin()
	for _, c := range []struct{ command, want string }{
		{"exit 0", "code 1 status 0"}, {"exit 255", "code 1 status 255"}, {"kill -15 $$", "code 2 status 15"},
	} {
		g.do("spawn %s", c.command)
		pid := g.want(`child (\d+)`)[1]
		g.want(fmt.Sprintf(`exit %s seq \d+ %s uid %d rss true`, pid, c.want, os.Getuid()))
	}
	// An orphan comes to the guardian.
	g.do("spawn (sleep 0.01; exit 9) & exit 4")
	g.want(`exit \d+ seq \d+ code 1 status 4 .*`)
	g.want(`exit \d+ seq \d+ code 1 status 9 .*`)
	g.do("bye 7")
	g.ends(7)
}

func TestExitsAreHeldUntilAcknowledged(t *testing.T) {
	g := guard(t, nil)
	g.begin()
	g.do("manual")
	var told []string
	for status := 11; status <= 14; status++ {
		g.do("spawn exit %d", status)
		told = append(told, g.want(fmt.Sprintf(`exit .* status %d .*`, status))[0])
	}
	g.do("ack 2")
	g.do("segv")
	if got := g.want("pid .*|exit .*"); !strings.HasPrefix(got[0], "pid") {
		t.Errorf("the manager's own end was told: %q", got)
	}
	for _, want := range told[2:] {
		if got := g.next(); got != want {
			t.Errorf("the next manager got %q, want %q", got, want)
		}
	}
	if got := g.next(); got != `go restarts 1 fast 0 crashed false term false force false pid1 false base "" `+
		`death "was killed by signal 9 (SIGKILL)" notice ""` {
		t.Error(got)
	}
	g.do("ready")
	g.do("exit 3")
	g.want(`go restarts 2 fast 0 crashed true .* death "exited with status 3" notice ""`)
	g.do("bye 0")
	g.ends(0)
}

func TestStoreOutlivesTheManager(t *testing.T) {
	g := guard(t, nil)
	g.begin()
	g.do("store b one two three")
	g.do("store a old")
	g.do("store gone x")
	g.do("store c last")
	g.do("store a new")
	g.do("drop gone")
	g.do("drop never")
	g.do("base /nowhere/at-all")
	g.do("segv")
	g.want("pid .*")
	for _, want := range []string{"stored b one,two,three", "stored a new", "stored c last"} {
		if got := g.next(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	g.want(`go .* base "/nowhere/at-all" .*`)
	g.do("bye 0")
	g.ends(0)
}

// The other end of what is stored for it sees at once that the manager is dead,
// and what it had sent is there for the next one.
func TestHangUp(t *testing.T) {
	var s store
	pair := func(key string) (theirs int) {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		s.put(key, fds[:1])
		t.Cleanup(func() { _ = unix.Close(fds[1]); s.drop(key) })
		return fds[1]
	}
	bus, other := pair(wire.HangUp+"bus"), pair("other")
	if _, err := unix.Write(bus, []byte("late")); err != nil {
		t.Fatal(err)
	}
	s.hangUp()
	var buf [8]byte
	if n, err := unix.Read(bus, buf[:]); n != 0 || err != nil {
		t.Errorf("the other end reads %d, %v", n, err)
	}
	if n, err := unix.Read(int(s.entries[0].fds[0]), buf[:]); n != 4 || err != nil {
		t.Errorf("the next manager reads %d, %v", n, err)
	}
	if _, err := unix.Read(other, buf[:]); err != unix.EAGAIN {
		t.Errorf("what is not stored for it: %v", err)
	}
}

// What a manager has sent counts, though it died before it was read.
func TestWordsOfADeadManager(t *testing.T) {
	g := guard(t, nil)
	manager, err := unix.PidfdOpen(g.begin(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(manager) }()
	g.do("store early one")
	g.want("done store")
	g.signal(unix.SIGSTOP)
	g.do("store late two")
	g.do("drop early")
	g.do("base /its/base")
	g.do("segv")
	dies(t, manager)
	g.signal(unix.SIGCONT)
	g.want("pid .*")
	if got := g.next(); got != "stored late two" {
		t.Errorf("got %q", got)
	}
	g.want(`go .* base "/its/base" .*`)
	g.do("bye 0")
	g.ends(0)
}

func TestLargeStore(t *testing.T) {
	t.Parallel()
	const entries = 5000
	g := guard(t, nil)
	g.begin()
	g.do("fill %d", entries)
	g.want("done fill")
	g.do("segv")
	start := time.Now()
	g.want("pid .*")
	for i := range entries {
		if got, want := g.next(), fmt.Sprintf("stored key%d x", i); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	g.want("go restarts 1 .*")
	t.Logf("%d entries told again in %v, with the start of the manager", entries, time.Since(start))
	if fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", g.cmd.Process.Pid)); err != nil || len(fds) > entries+20 {
		t.Errorf("the guardian has %d descriptors open (%v)", len(fds), err)
	}
	g.do("bye 0")
	g.ends(0)
}

// A manager that does not read must lose nothing, and must not hold up the
// guardian. The socket takes less than 300 exits.
func TestStoppedManager(t *testing.T) {
	t.Parallel()
	const orphans = 400
	g := guard(t, nil)
	pid := g.begin()
	g.do("store last one")
	g.want("done store")
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	g.do("spawn read x < %s; i=0; while [ $i -lt %d ]; do ( (exit 21) & ); i=$((i+1)); done", fifo, orphans)
	g.want("child .*")
	g.do("stop")
	until(t, "the manager has stopped", func() bool { return strings.Contains(stat(pid), ") T ") })
	if err := os.WriteFile(fifo, []byte("\n"), 0); err != nil {
		t.Fatal(err)
	}
	until(t, "only the manager is left", func() bool { return countChildren(g.cmd.Process.Pid) == 1 })
	if err := unix.Kill(pid, unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for seq := 1; seq <= orphans+1; seq++ {
		m := g.want(`exit \d+ seq (\d+) code 1 status (\d+) .*`)
		if number(m[1]) != seq {
			t.Fatalf("exit %s after %d", m[1], seq-1)
		}
		found[m[2]]++
	}
	if found["21"] != orphans || found["0"] != 1 {
		t.Errorf("statuses: %v", found)
	}
	g.do("segv")
	g.want("stored last one")
	g.do("bye 0")
	g.ends(0)
}

func countChildren(pid int) int {
	n := 0
	names, _ := filepath.Glob("/proc/[0-9]*")
	for _, name := range names {
		if parentOf(filepath.Base(name)) == pid {
			n++
		}
	}
	return n
}

func TestSignals(t *testing.T) {
	g := guard(t, nil)
	g.begin()
	for _, sig := range []syscall.Signal{unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2, sigRTMin + 4, sigRTMin + 5, sigRTMin + 6} {
		g.signal(sig)
		g.want(fmt.Sprintf("signal %d", sig))
	}
	g.signal(unix.SIGTERM)
	g.want("terminate sig 15 force false")
	// The next manager finds it in what it is told first.
	g.do("segv")
	g.want("go .* term true force false .*")
	g.do("bye 0")
	g.ends(0)
}

func TestSecondInterruptIsForce(t *testing.T) {
	g := guard(t, nil, "foreground", "force=50ms")
	g.begin()
	g.do("spawn trap '' TERM INT HUP; sleep 1000 & wait")
	child := number(g.want(`child (\d+)`)[1])
	g.signal(unix.SIGINT)
	g.want("terminate sig 2 force false")
	g.signal(unix.SIGINT)
	g.want("terminate sig 2 force true")
	g.ends(130)
	if alive(child) {
		t.Errorf("process %d has outlived the guardian", child)
	}
}

func TestManagerThatIsNeverReady(t *testing.T) {
	g := guard(t, nil, "foreground", "fast=3", "program=/bin/false")
	g.ends(1)
	if want := "rouse: the manager died 3 times before it was ready; the last one exited with status 1\n"; g.stderr.String() != want {
		t.Errorf("stderr is %q, want %q", g.stderr, want)
	}
}

// What is not a program counts like a manager that dies at once.
func TestManagerThatCannotStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(path, []byte("no program"), 0o755); err != nil {
		t.Fatal(err)
	}
	g := guard(t, nil, "foreground", "fast=2", "program="+path)
	g.ends(1)
	if want := "the last one could not be started: exec format error"; !strings.Contains(g.stderr.String(), want) {
		t.Errorf("stderr is %q, want …%s…", g.stderr, want)
	}
}

// A manager that closes its end but lives on is useless, and is replaced.
func TestManagerThatHangsUp(t *testing.T) {
	t.Parallel()
	g := guard(t, nil)
	g.begin()
	g.do("close")
	g.want(`go restarts 1 .* death "was killed by signal 9 \(SIGKILL\)" .*`)
	g.do("bye 0")
	g.ends(0)
}

// The guardian's death takes the manager along.
func TestGuardianDies(t *testing.T) {
	g := guard(t, nil)
	manager, err := unix.PidfdOpen(g.begin(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(manager) }()
	g.signal(unix.SIGKILL)
	g.ends(-1)
	dies(t, manager)
}

// In the end nothing is left, however it has hidden.
func TestEndKillsEverything(t *testing.T) {
	g := guard(t, nil)
	g.begin()
	dir := t.TempDir()
	if err := unix.Mkfifo(dir+"/fifo", 0o600); err != nil {
		t.Fatal(err)
	}
	g.do("spawn trap '' TERM INT HUP; (setsid sh -c 'trap \"\" TERM; echo $$ > %s/fifo; exec sleep 1000' &) ; exit 0", dir)
	hidden, err := os.ReadFile(dir + "/fifo")
	if err != nil {
		t.Fatal(err)
	}
	g.want("exit .*")
	g.do("bye 0")
	g.ends(0)
	if pid := number(strings.TrimSpace(string(hidden))); pid == 0 || alive(pid) {
		t.Errorf("process %q has outlived the guardian", hidden)
	}
}
