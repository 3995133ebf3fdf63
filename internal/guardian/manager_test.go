// SPDX-License-Identifier: Apache-2.0

package guardian

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/guardian/wire"
)

// roleEnv makes the test binary something else than the tests.
const roleEnv = "ROUSE_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "guardian":
		os.Exit(Run(testConfig()))
	case "manager":
		os.Exit(runManager())
	case "torture":
		os.Exit(runTorture())
	}
	os.Exit(m.Run())
}

// testConfig reads what the test wants of the guardian from its arguments:
// the role of the manager, then options.
func testConfig() Config {
	env := slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, roleEnv) })
	c := Config{Argv: []string{"manager"}, Env: append(env, roleEnv+"="+os.Args[1])}
	for _, a := range os.Args[2:] {
		switch word, value, _ := strings.Cut(a, "="); word {
		case "foreground":
			c.Foreground = true
		case "fast":
			n, _ := strconv.Atoi(value)
			c.FastDeaths = uint32(n)
		case "force":
			c.ForceWait, _ = time.ParseDuration(value)
		case "program":
			c.Exe, _ = unix.Open(value, unix.O_PATH, 0)
		}
	}
	return c
}

// puppet is a manager that does what lines on its standard input say and
// tells on standard output what it is told.
type puppet struct {
	conn   *wire.Conn
	line   []byte
	manual bool // acknowledges only when told to
}

func runManager() int {
	conn, err := wire.Open(wire.FD)
	if err != nil {
		return 100
	}
	p := &puppet{conn: conn}
	say("pid %d sid %d", os.Getpid(), must(unix.Getsid(0)))
	for {
		fds := []unix.PollFd{{Fd: int32(conn.FD()), Events: unix.POLLIN}, {Fd: 0, Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return 101
		}
		if fds[0].Revents != 0 {
			if err := p.hear(); err != nil {
				say("error %v", err)
				return 102
			}
		}
		if fds[1].Revents != 0 {
			if p.readLine() {
				if code := p.obey(strings.Fields(string(p.line))); code >= 0 {
					return code
				}
				p.line = p.line[:0]
			}
		}
	}
}

func must(n int, err error) int {
	if err != nil {
		panic(err)
	}
	return n
}

func say(format string, args ...any) { _, _ = fmt.Fprintf(os.Stdout, format+"\n", args...) }

// readLine reads one byte at a time, so that the next manager gets what this
// one did not see.
func (p *puppet) readLine() bool {
	var b [1]byte
	for {
		n, err := unix.Read(0, b[:])
		if n == 0 || err != nil {
			os.Exit(103)
		}
		if b[0] == '\n' {
			return true
		}
		p.line = append(p.line, b[0])
	}
}

func (p *puppet) hear() error {
	var m wire.Msg
	for {
		ok, err := p.conn.Read(&m)
		if err != nil || !ok {
			return err
		}
		switch m.Kind {
		case wire.Stored:
			contents := make([]string, len(m.FDs))
			for i, fd := range m.FDs {
				contents[i] = readMemfd(fd)
			}
			say("stored %s %s", m.Key, strings.Join(contents, ","))
		case wire.Exited:
			e := m.Exit
			say("exit %d seq %d code %d status %d uid %d rss %v", e.Pid, m.Seq, e.Code, e.Status, e.Uid, e.MaxRSS > 0)
			if !p.manual {
				_ = p.conn.Ack(m.Seq)
			}
		case wire.Go:
			s := m.Start
			say("go restarts %d fast %d crashed %v term %v force %v pid1 %v base %q death %q notice %q",
				s.Restarts, s.Fast, s.Crashed, s.Terminate, s.Force, s.Pid1, s.Base, s.Death, s.Notice)
		case wire.Terminate:
			say("terminate sig %d force %v", m.Sig, m.Force)
		case wire.Signal:
			say("signal %d", m.Sig)
		case wire.Refused:
			say("refused %s: %s", m.Key, m.Text)
		case wire.Lost:
			say("lost %d", m.Count)
		case wire.Stopped:
			say("stopped %d sig %d", m.Pid, m.Sig)
		default:
			say("unexpected kind %d", m.Kind)
		}
	}
}

// obey carries out one line; a code from 0 on ends the manager.
func (p *puppet) obey(w []string) int {
	switch w[0] {
	case "ready":
		_ = p.conn.Ready()
		if len(w) > 1 { // at once: ready bye 0
			return p.obey(w[1:])
		}
	case "store": // KEY CONTENT…
		var fds []int
		for _, c := range w[2:] {
			fds = append(fds, newMemfd(c))
		}
		report(p.conn.Store(w[1], fds...))
		closeAll(fds)
	case "fill": // COUNT
		n, _ := strconv.Atoi(w[1])
		fd := newMemfd("x")
		for i := range n {
			report(p.conn.Store("key"+strconv.Itoa(i), fd))
		}
		closeAll([]int{fd})
	case "drop":
		report(p.conn.Drop(w[1]))
	case "manual":
		p.manual = true
	case "ack":
		n, _ := strconv.Atoi(w[1])
		report(p.conn.Ack(uint64(n)))
	case "trap":
		n, _ := strconv.Atoi(w[1])
		report(p.conn.TrapSoon(n))
		report(p.conn.Flush())
	case "base":
		report(p.conn.Base(w[1]))
	case "spawn": // shell command; the child is the guardian's
		say("child %d", spawnSibling(strings.Join(w[1:], " ")))
	case "stop":
		_ = unix.Kill(os.Getpid(), unix.SIGSTOP)
	case "close":
		_ = p.conn.Close()
		_, _ = unix.Poll(nil, -1) // until it is killed
	case "segv":
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
	case "reexec": // PATH or -, self or not, ms
		ms, _ := strconv.Atoi(w[3])
		fd := -1
		if w[1] != "-" {
			fd = must(unix.Open(w[1], unix.O_PATH|unix.O_CLOEXEC, 0))
		}
		report(p.conn.Reexec(wire.Upgrade{Self: w[2] == "self", ReadyMS: uint32(ms)}, fd, ""))
		return 0
	case "bye":
		n, _ := strconv.Atoi(w[1])
		report(p.conn.Bye(wire.End{Code: uint8(n)}))
		return 0
	case "reboot":
		report(p.conn.Bye(wire.End{Kind: wire.EndReboot}))
		return 0
	case "exit":
		n, _ := strconv.Atoi(w[1])
		return n
	}
	say("done %s", w[0])
	return -1
}

func report(err error) {
	if err != nil {
		say("error %v", err)
	}
}

func newMemfd(content string) int {
	fd := must(unix.MemfdCreate("test", unix.MFD_CLOEXEC))
	must(unix.Write(fd, []byte(content)))
	return fd
}

func readMemfd(fd int) string {
	b := make([]byte, 100)
	n, err := unix.Pread(fd, b, 0)
	_ = unix.Close(fd)
	if err != nil && !errors.Is(err, io.EOF) {
		return err.Error()
	}
	return string(bytes.TrimSpace(b[:n]))
}

// spawnSibling starts a shell command as a child of the guardian.
func spawnSibling(command string) int {
	pid, err := syscall.ForkExec("/bin/sh", []string{"sh", "-c", command}, &syscall.ProcAttr{
		Env: slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, roleEnv) }),
		// Not the streams of the manager: a child that lives on would keep
		// the test's pipe open.
		Files: []uintptr{uintptr(devNull()), uintptr(devNull()), uintptr(devNull())},
		Sys:   &syscall.SysProcAttr{Cloneflags: unix.CLONE_PARENT, Setsid: true},
	})
	if err != nil {
		say("error %v", err)
	}
	return pid
}

func devNull() int { return must(unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)) }
