// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tick is how often a story looks again at what it waits for.
const tick = 3 * time.Millisecond

// jobs runs a directory of jobs and units. "@D" in their text is a private
// directory for what they write, which it returns; @D/initctl and its kin are
// rouse under their names. A text "link:TARGET" is a symbolic link.
func jobs(t *testing.T, files map[string]string, args ...string) (*process, string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "rj") //nolint:usetesting // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for _, name := range []string{"initctl", "start", "stop", "restart", "status"} {
		if err := os.Symlink(rouse, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	at := t.TempDir()
	for name, text := range files {
		path := filepath.Join(at, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if target, ok := strings.CutPrefix(text, "link:"); ok {
			err = os.Symlink(target, path)
		} else {
			err = os.WriteFile(path, []byte(strings.ReplaceAll(text, "@D", dir)), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	p := start(t, append(append([]string{"up"}, args...), at)...)
	p.awaitLine("rouse: ready")
	return p, dir
}

// initctl runs it: the exit status and all that it printed.
func (p *process) initctl(args ...string) (int, string) {
	p.t.Helper()
	return p.ctl(append([]string{"initctl"}, args...)...)
}

// ok runs an initctl command that must succeed.
func (p *process) ok(args ...string) string {
	p.t.Helper()
	code, out := p.initctl(args...)
	if code != 0 {
		p.t.Fatalf("initctl %s: status %d: %s", strings.Join(args, " "), code, out)
	}
	return strings.TrimSuffix(out, "\n")
}

// refused runs an initctl command that must fail and say each of want.
func (p *process) refused(args []string, want ...string) string {
	p.t.Helper()
	code, out := p.initctl(args...)
	if code != 1 {
		p.t.Errorf("initctl %s: status %d, want 1: %s", strings.Join(args, " "), code, out)
	}
	for _, w := range want {
		if !strings.Contains(out, w) {
			p.t.Errorf("initctl %s did not say %q: %s", strings.Join(args, " "), w, out)
		}
	}
	return out
}

// says compares the line of an initctl command; N in want is any pid.
func (p *process) says(want string, args ...string) {
	p.t.Helper()
	if out := p.ok(args...); masked(out) != want {
		p.t.Errorf("initctl %s: %q, want %q", strings.Join(args, " "), out, want)
	}
}

// pidWords are the pids in a line of initctl.
var pidWords = regexp.MustCompile(`process [0-9]+`)

// masked puts N for each pid.
func masked(line string) string { return pidWords.ReplaceAllString(line, "process N") }

// eventually waits until is says so; what is said if it never does.
func eventually(t *testing.T, is func() bool, what func() string) {
	t.Helper()
	ticks := time.NewTicker(tick)
	defer ticks.Stop()
	for deadline := time.Now().Add(patience); !is(); <-ticks.C {
		if time.Now().After(deadline) {
			t.Fatal(what())
		}
	}
}

// awaitState waits for the line of `initctl status`, with N for each pid.
func (p *process) awaitState(want string, args ...string) {
	p.t.Helper()
	var out string
	eventually(p.t, func() bool {
		_, out = p.initctl(append([]string{"status"}, args...)...)
		out = strings.TrimSuffix(out, "\n")
		return masked(out) == want
	}, func() string { return fmt.Sprintf("status is %q, want %q", out, want) })
}

// awaitWhy waits until `rouse why` says want.
func (p *process) awaitWhy(unit, want string) {
	p.t.Helper()
	var out string
	eventually(p.t, func() bool {
		_, out = p.ctl("why", unit)
		return strings.Contains(out, want)
	}, func() string { return fmt.Sprintf("why %s does not say %q:\n%s", unit, want, out) })
}

// pid is the main process of a job.
func (p *process) pid(args ...string) int {
	p.t.Helper()
	out := p.ok(append([]string{"status"}, args...)...)
	_, number, _ := strings.Cut(strings.Split(out, "\n")[0], "process ")
	n, err := strconv.Atoi(number)
	if err != nil || n <= 1 {
		p.t.Fatalf("status %s has no process: %q", strings.Join(args, " "), out)
	}
	return n
}

// text is a file, "" while there is none.
func text(path ...string) string {
	b, _ := os.ReadFile(filepath.Join(path...))
	return string(b)
}

// awaitText waits until a file has exactly these lines.
func awaitText(t *testing.T, path string, lines ...string) {
	t.Helper()
	want := strings.Join(lines, "\n") + "\n"
	eventually(t, func() bool { return text(path) == want },
		func() string { return fmt.Sprintf("%s has\n%s\nwant\n%s", filepath.Base(path), text(path), want) })
}

// alive tells whether a process exists, and is no zombie.
func alive(pid int) bool {
	s := text("/proc", strconv.Itoa(pid), "stat")
	_, rest, ok := strings.Cut(s, ") ")
	return ok && !strings.HasPrefix(rest, "Z")
}

// pending is an initctl command that has not returned yet.
type pending struct {
	t    *testing.T
	args string
	done chan struct{}
	code int
	out  string
}

// background runs an initctl command that is expected to block.
func (p *process) background(args ...string) *pending {
	c := &pending{t: p.t, args: strings.Join(args, " "), done: make(chan struct{})}
	go func() {
		defer close(c.done)
		c.code, c.out = p.initctl(args...)
	}()
	return c
}

// blocked fails the test if the command has returned.
func (c *pending) blocked() {
	c.t.Helper()
	select {
	case <-c.done:
		c.t.Errorf("initctl %s returned at once: status %d: %s", c.args, c.code, c.out)
	default:
	}
}

// returns waits for the end of the command.
func (c *pending) returns(code int) string {
	c.t.Helper()
	select {
	case <-c.done:
	case <-time.After(patience):
		c.t.Fatalf("initctl %s did not return", c.args)
	}
	if c.code != code {
		c.t.Errorf("initctl %s: status %d, want %d: %s", c.args, c.code, code, c.out)
	}
	return strings.TrimSuffix(c.out, "\n")
}

// killManager kills the manager without a warning and waits for its successor.
func (p *process) killManager() {
	p.t.Helper()
	old := p.managerPid()
	if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
		p.t.Fatal(err)
	}
	eventually(p.t, func() bool { return p.managerPid() != old }, func() string { return "the manager is the same" })
}

// release lets a job go on that waits for this file; see hold.
func release(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

// hold is shell text that waits until the test releases the file. A signal for
// the whole group, which a new manager may send again, does not end it.
func hold(path string) string { return "while [ ! -e " + path + " ]; do sleep 0.01 || :; done" }

// jobService plays the parts that only the stories of jobs need: servers that
// take their time until they listen, as real daemons do, and one that is given
// its socket by an event.
func jobService(part string, args []string) int {
	var l net.Listener
	var err error
	switch part {
	case "event-socket":
		l, err = eventSocket()
	case "late-stop", "late-fork", "late-listen":
		time.Sleep(300 * time.Millisecond) // starting up
		l, err = net.Listen("tcp", args[0])
	default:
		return knockService(part, args)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	switch part {
	case "late-stop": // tells by SIGSTOP
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	case "late-fork": // tells by leaving a child behind
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			return 1
		}
		child := &os.ProcAttr{Files: []*os.File{nil, os.Stdout, os.Stderr, f}}
		if _, err := os.StartProcess(os.Args[0], []string{os.Args[0], "service", "fd"}, child); err != nil {
			return 1
		}
		return 0
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return 1
		}
		go func() {
			defer c.Close()
			echo(c)
		}()
	}
}

// eventSocket is the socket that UPSTART_FDS names; it notes in the file LOG
// what started it.
func eventSocket() (net.Listener, error) {
	if err := os.WriteFile(os.Getenv("LOG"), []byte(text(os.Getenv("LOG"))+os.Getenv("UPSTART_EVENTS")+"\n"), 0o644); err != nil {
		return nil, err
	}
	fd, err := strconv.Atoi(os.Getenv("UPSTART_FDS"))
	if err != nil {
		return nil, fmt.Errorf("UPSTART_FDS: %w", err)
	}
	return net.FileListener(os.NewFile(uintptr(fd), "socket"))
}

// kill ends a process as a crash would.
func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// dir is the directory of the jobs.
func (p *process) dir() string { return p.cmd.Args[len(p.cmd.Args)-1] }

// exists tells whether a file is there.
func exists(path ...string) bool {
	_, err := os.Lstat(filepath.Join(path...))
	return err == nil
}
