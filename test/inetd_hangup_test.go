// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// super is a super-server under its own name with one file.
type super struct {
	*process
	conf string
}

// superServer runs rouse under the name inetd or xinetd.
func superServer(t *testing.T, name, text string, args ...string) *super {
	t.Helper()
	s := &super{conf: filepath.Join(t.TempDir(), "my.conf")} // a name that says nothing
	s.write(t, text)
	if name == "xinetd" {
		args = append(args, "-dontfork", "-f", s.conf)
	} else {
		args = append(args, "-i", s.conf)
	}
	s.process = start(t, append([]string{name}, args...)...)
	s.awaitLine("ready")
	return s
}

func (s *super) write(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(s.conf, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// hangUp writes the file anew and has it read.
func (s *super) hangUp(t *testing.T, text string) {
	t.Helper()
	s.write(t, text)
	s.signal(t, syscall.SIGHUP)
}

func (s *super) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// xinetdEntry is a service of xinetd.conf on a port of 127.0.0.1.
func xinetdEntry(t *testing.T, name string, port int, more ...string) string {
	t.Helper()
	return fmt.Sprintf("service %s\n{\n\ttype = UNLISTED\n\tport = %d\n\tsocket_type = stream\n\twait = no\n\tuser = %s\n\tbind = 127.0.0.1\n\tserver = /bin/cat\n\t%s\n}\n",
		name, port, me(t), strings.Join(more, "\n\t"))
}

// TestXinetdHangup: at SIGHUP an entry moves to another port under the same
// name; one that has become unreadable is not served, and is again once it is
// mended.
func TestXinetdHangup(t *testing.T) {
	a, b := freePort(t), freePort(t)
	pidFile := filepath.Join(t.TempDir(), "pid")
	s := superServer(t, "xinetd", xinetdEntry(t, "keep", a), "-pidfile", pidFile)
	awaitDial(t, a, true)
	if b, err := os.ReadFile(pidFile); err != nil || strings.TrimSpace(string(b)) != strconv.Itoa(s.cmd.Process.Pid) {
		t.Errorf("the file for the pid %d has %q, %v", s.cmd.Process.Pid, b, err)
	}
	good := xinetdEntry(t, "keep", b)
	s.hangUp(t, good)
	awaitDial(t, b, true)
	awaitDial(t, a, false)
	s.hangUp(t, strings.Replace(good, "wait = no", "wait = nein", 1))
	awaitDial(t, b, false)
	s.hangUp(t, good)
	awaitDial(t, b, true)
	s.hangUp(t, xinetdEntry(t, "other", a))
	awaitDial(t, a, true)
	awaitDial(t, b, false)
}

// TestInetdFileMissing: a file that is not there at SIGHUP costs nothing, and
// one with a mistake in its first line only that line.
func TestInetdFileMissing(t *testing.T) {
	a, b := freePort(t), freePort(t)
	line := func(port int) string {
		return fmt.Sprintf("127.0.0.1:%d stream tcp4 nowait %s /bin/cat\n", port, me(t))
	}
	s := superServer(t, "inetd", "127.0.0.1:1 stram tcp4 nowait root /bin/cat\n"+line(a))
	awaitDial(t, a, true)
	if err := os.Remove(s.conf); err != nil {
		t.Fatal(err)
	}
	s.signal(t, syscall.SIGHUP)
	s.awaitLine("cannot reload: open " + s.conf + ": no such file or directory, going on with what was read before")
	awaitDial(t, a, true)
	s.hangUp(t, line(b))
	awaitDial(t, b, true)
	awaitDial(t, a, false)
	s.hangUp(t, "") // no service at all: still inetd.conf, and no job
	awaitDial(t, b, false)
}

// TestReloadClosesWhatIsGone: a client of a line that is gone is refused, not
// accepted in vain.
func TestReloadClosesWhatIsGone(t *testing.T) {
	a, b := freePort(t), freePort(t)
	line := func(port int) string {
		return fmt.Sprintf("127.0.0.1:%d stream tcp4 nowait %s /bin/cat\n", port, me(t))
	}
	s := superServer(t, "inetd", line(a)+line(b))
	awaitDial(t, a, true)
	awaitDial(t, b, true)
	s.write(t, line(b))
	if code, out := s.ctl("daemon-reload"); code != 0 {
		t.Fatal(out)
	}
	s.awaitLine("is closed: nothing defines it any longer")
	awaitDial(t, a, false)
	awaitDial(t, b, true)
}

// TestXinetdInstances: a client that is too much is told so, and nothing else;
// of those that are served the beginning and the end are logged.
func TestXinetdInstances(t *testing.T) {
	dir, port := t.TempDir(), freePort(t)
	for _, name := range []string{"yes", "no"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := superServer(t, "xinetd", xinetdEntry(t, "one", port, "instances = 1", "log_on_success = PID HOST EXIT DURATION",
		"banner_success = "+filepath.Join(dir, "yes"), "banner_fail = "+filepath.Join(dir, "no")))
	at := fmt.Sprintf("127.0.0.1:%d", port)
	first, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	expectLine(t, first, "yes")
	s.awaitLine("one-tcp.socket: serving 127.0.0.1 by process ")
	second, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	expectLine(t, second, "no")
	s.awaitLine("connection refused: too many connections")
	first.Close()
	s.awaitLine("has ended: status 0, after ")
	if n := strings.Count(s.output(), ": serving "); n != 1 {
		t.Errorf("%d of one client are said to be served", n)
	}
}

// TestXinetdOnlyFrom: who may send to a server that runs changes at SIGHUP at
// once.
func TestXinetdOnlyFrom(t *testing.T) {
	port := freePort(t)
	entry := func(from string) string {
		return fmt.Sprintf("service echo\n{\n\ttype = UNLISTED INTERNAL\n\tport = %d\n\tsocket_type = dgram\n\twait = yes\n\tuser = %s\n\tbind = 127.0.0.1\n\tonly_from = %s\n}\n",
			port, me(t), from)
	}
	at := fmt.Sprintf("127.0.0.1:%d", port)
	s := superServer(t, "xinetd", entry("127.0.0.2"))
	if got, err := from("127.0.0.2", "udp", at, "x", patience); got != "x" {
		t.Fatalf("%q, %v", got, err)
	}
	s.await("echo-udp.service", "ActiveState", "active")
	s.write(t, entry("127.0.0.3"))
	if code, out := s.ctl("daemon-reload"); code != 0 {
		t.Fatal(out)
	}
	const short = 200 * time.Millisecond
	if got, err := from("127.0.0.2", "udp", at, "x", short); err == nil {
		t.Errorf("who is kept out since is answered %q", got)
	}
	if got, err := from("127.0.0.3", "udp", at, "x", patience); got != "x" {
		t.Errorf("who is let in since: %q, %v", got, err)
	}
}
