// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Whatever a client asks about units that are not there, the manager answers
// in systemctl's words and lives on.
func TestUnknownUnits(t *testing.T) {
	p := up(t, map[string]string{
		"hub.service":    "[Unit]\nWants=named.service\n[Service]\nExecStart=/bin/sleep 1000\n",
		"mask.service":   "",
		"broken.service": "[Service]\nType=simple\n",
		"gone.service":   "[Service]\nExecStart=/bin/sleep 1000\n",
		"gone.socket":    "[Socket]\nListenStream=@rouse-test-gone\n",
	}, "--unit", "hub.service")
	if code, out := p.ctl("start", "gone.socket"); code != 0 {
		t.Fatal(out)
	}
	p.ctl("start", "gone.service")
	dir := p.cmd.Args[len(p.cmd.Args)-1]
	for _, name := range []string{"gone.service", "gone.socket"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	p.ctl("daemon-reload")
	pid := p.property("gone.service", "MainPID")
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"status nosuch", 4, "Unit nosuch.service could not be found.\n"},
		{"status nosuch.socket", 4, "Unit nosuch.socket could not be found.\n"},
		{"show nosuch -p LoadState", 0, "LoadState=not-found\n"},
		{"show nosuch", 0, "TimeoutStopUSec=1min 30s\n"},
		{"show nosuch.socket", 0, "MaxConnections=64\n"},
		{"show nosuch.slice", 0, "LoadState=loaded\n"},
		{"show nosuch.mount", 0, "LoadState=not-found\n"},
		{"show mask.service -p LoadState", 0, "LoadState=masked\n"},
		{"show broken.service", 0, "LoadState=bad-setting\n"},
		{"status mask.service", 3, "Loaded: masked"},
		{"status broken.service", 3, "Loaded: bad-setting"},
		{"show gone.service", 0, "MainPID=" + pid + "\n"},
		{"status gone.service", 0, "Loaded: not-found"},
		{"status gone.socket", 0, "Loaded: not-found"},
		{"cat nosuch", 1, "No files found for nosuch.service.\n"},
		{"kill nosuch", 1, "Failed to kill unit nosuch.service: Unit nosuch.service not loaded.\n"},
		{"kill mask.service", 1, "Failed to kill unit mask.service: Unit mask.service not loaded.\n"},
		{"kill named.service", 0, ""},
		{"reset-failed nosuch", 1, "Failed to reset failed state of unit nosuch.service: Unit nosuch.service not loaded.\n"},
		{"reset-failed named.service", 0, ""},
		{"stop gone.service gone.socket", 0, ""},
		{"status gone.service", 4, "Unit gone.service could not be found.\n"},
		{"status gone.socket", 4, "Unit gone.socket could not be found.\n"},
		{"status", 0, "State: running"},
	} {
		code, out := p.ctl(strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("%s: status %d, want %d with %q:\n%s", c.args, code, c.code, c.want, out)
		}
	}
	if _, out := p.ctl("list-units", "--all"); strings.Contains(out, "nosuch.service") {
		t.Errorf("what was only looked at is kept:\n%s", out)
	}
	if _, out := p.ctl("status"); strings.Contains(out, "started 2 times") || strings.Contains(p.output(), "internal error") {
		t.Errorf("the manager did not live through it:\n%s\n%s", out, p.output())
	}
}

// echoUnits is an Accept=yes socket on 127.0.0.0/8 whose instances echo lines.
func echoUnits(t *testing.T, more string) (units map[string]string, port int) {
	t.Helper()
	port = freePort(t)
	return map[string]string{
		"echo.socket":   fmt.Sprintf("[Socket]\nListenStream=0.0.0.0:%d\nAccept=yes\n%s\n[Install]\nWantedBy=default.target\n", port, more),
		"echo@.service": "[Service]\nStandardInput=socket\nStandardError=journal\nExecStart=" + self(t, "conn") + "\n",
	}, port
}

// session is a connection that talks in lines.
type session struct {
	net.Conn
	in *bufio.Reader
}

// connect connects from one of the host's own addresses.
func connect(t *testing.T, from string, port int) *session {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
	c, err := d.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if errors.Is(err, syscall.ECONNRESET) {
		return &session{} // refused before connect(2) was back
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &session{c, bufio.NewReader(c)}
}

// served tells whether a service answers; otherwise the connection must end.
func (s *session) served(t *testing.T) bool {
	t.Helper()
	if s.in == nil {
		return false
	}
	_, err := fmt.Fprintln(s, "hello")
	if err == nil {
		var line string
		line, err = s.in.ReadString('\n')
		if err == nil {
			return strings.HasSuffix(line, " hello\n")
		}
	}
	if e, ok := err.(net.Error); ok && e.Timeout() { //nolint:errorlint // net returns it bare
		t.Fatal("neither served nor refused")
	}
	return false
}

// The commands before the main process have the connection as their standard
// streams too, and the main process gets it unharmed.
func TestAcceptCommands(t *testing.T) {
	units, port := echoUnits(t, "")
	units["echo@.service"] += "ExecCondition=/bin/echo condition\nExecStartPre=/bin/echo pre\n"
	up(t, units)
	for range 3 {
		c := connect(t, "127.0.0.1", port)
		for _, want := range []string{"condition\n", "pre\n"} {
			if line, err := c.in.ReadString('\n'); err != nil || line != want {
				t.Fatalf("got %q, %v, want %q", line, err, want)
			}
		}
		for range 2 {
			if !c.served(t) {
				t.Fatal("the main process does not answer")
			}
		}
	}
}

// A connection whose first command fails is closed, and counts no longer.
func TestAcceptCommandFails(t *testing.T) {
	units, port := echoUnits(t, "MaxConnections=1")
	units["echo@.service"] += "ExecStartPre=/bin/echo sorry\nExecStartPre=/bin/false\n"
	p := up(t, units)
	for range 3 {
		c := connect(t, "127.0.0.1", port)
		if line, err := c.in.ReadString('\n'); err != nil || line != "sorry\n" {
			t.Fatalf("got %q, %v", line, err)
		}
		if _, err := c.in.ReadByte(); err == nil {
			t.Error("the connection goes on")
		}
		p.await("echo.socket", "NConnections", "0")
	}
}

func TestMaxConnections(t *testing.T) {
	units, port := echoUnits(t, "MaxConnections=2")
	p := up(t, units)
	first, second := connect(t, "127.0.0.1", port), connect(t, "127.0.0.2", port)
	if !first.served(t) || !second.served(t) {
		t.Fatal("the first two are not served")
	}
	if connect(t, "127.0.0.3", port).served(t) {
		t.Error("a third is served")
	}
	p.awaitLine("too many connections (2, MaxConnections=)")
	_ = first.Close()
	p.await("echo.socket", "NConnections", "1")
	if !connect(t, "127.0.0.1", port).served(t) || !second.served(t) {
		t.Error("there is room again and it is not given")
	}
	if got := p.property("echo.socket", "NRefused"); got != "1" {
		t.Errorf("NRefused=%s", got)
	}
}

func TestMaxConnectionsPerSource(t *testing.T) {
	units, port := echoUnits(t, "MaxConnectionsPerSource=1")
	p := up(t, units)
	first := connect(t, "127.0.0.1", port)
	if !first.served(t) || connect(t, "127.0.0.1", port).served(t) || !connect(t, "127.0.0.2", port).served(t) {
		t.Fatal("want one of each address")
	}
	p.awaitLine("too many connections from 127.0.0.1 (1, MaxConnectionsPerSource=)")
	_ = first.Close()
	p.await("echo.socket", "NConnections", "1")
	if !connect(t, "127.0.0.1", port).served(t) {
		t.Error("the address has none any more and is refused")
	}
}

// Limits make a socket pause; who comes meanwhile waits and is served.
func TestAcceptLimitsPause(t *testing.T) {
	for _, c := range []struct {
		name, limit string
		least       time.Duration // until the last of six is served
	}{
		{"trigger", "TriggerLimitIntervalSec=1min\nTriggerLimitBurst=3\nPollLimitBurst=0", 200 * time.Millisecond},
		{"poll", "PollLimitIntervalSec=600ms\nPollLimitBurst=3\nTriggerLimitBurst=0", 300 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			units, port := echoUnits(t, c.limit)
			p := up(t, units)
			begin := time.Now()
			for i := range 6 {
				if !connect(t, "127.0.0.1", port).served(t) {
					t.Fatalf("connection %d is refused", i)
				}
			}
			if took := time.Since(begin); took < c.least {
				t.Errorf("six connections took %v: there was no pause", took)
			}
			if got := p.property("echo.socket", "NAccepted"); got != "6" {
				t.Errorf("NAccepted=%s", got)
			}
			if c.name == "trigger" {
				p.awaitLine("triggered too often (TriggerLimitBurst=3")
			}
		})
	}
}

// A service that never takes what wakes it makes its socket pause, again and
// again, and not fail.
func TestTriggerLimitResumes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "count")
	port := freePort(t)
	p := up(t, map[string]string{
		"deaf.socket":  fmt.Sprintf("[Socket]\nListenStream=127.0.0.1:%d\nTriggerLimitIntervalSec=10s\nTriggerLimitBurst=2\n[Install]\nWantedBy=default.target\n", port),
		"deaf.service": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo run >> " + path + "'\n",
	})
	_ = connect(t, "127.0.0.1", port)
	p.awaitLine("listening again in 500ms") // the second pause
	if got := p.property("deaf.socket", "ActiveState"); got != "active" {
		t.Errorf("the socket is %s", got)
	}
	text, err := os.ReadFile(path)
	if n := strings.Count(string(text), "run"); err != nil || n < 2 || n > 5 {
		t.Errorf("%d runs before the second pause, %v", n, err)
	}
}

func TestRemoveOnStop(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	there := func(name string) bool { _, err := os.Lstat(path(name)); return err == nil }
	if err := os.WriteFile(path("file"), []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	units := map[string]string{"fifo.service": "[Service]\nExecStart=/bin/true\n"}
	for name, text := range map[string]string{
		"yes":  "ListenStream=" + path("yes") + "\nSymlinks=" + path("link") + "\nRemoveOnStop=yes\n",
		"no":   "ListenStream=" + path("no") + "\n",
		"fifo": "ListenFIFO=" + path("fifo") + "\nRemoveOnStop=yes\n",
		"half": "ListenStream=" + path("half") + "\nListenStream=" + path("file") + "\nRemoveOnStop=yes\n",
		"swap": "ListenStream=" + path("swap") + "\nRemoveOnStop=yes\n",
	} {
		units[name+".socket"] = "[Socket]\n" + text
		units[name+".service"] = "[Service]\nExecStart=/bin/true\n"
	}
	p := up(t, units, "--unit", "yes.socket")
	for _, name := range []string{"no", "fifo", "swap"} {
		if code, out := p.ctl("start", name+".socket"); code != 0 || !there(name) {
			t.Fatalf("%s: status %d, there %v: %s", name, code, there(name), out)
		}
	}
	if code, out := p.ctl("start", "half.socket"); code == 0 {
		t.Errorf("half started: %s", out)
	}
	if err := os.Remove(path("swap")); err != nil {
		t.Fatal(err)
	}
	other, err := net.Listen("unix", path("swap"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for _, name := range []string{"yes", "no", "fifo", "swap"} {
		if code, out := p.ctl("stop", name+".socket"); code != 0 {
			t.Errorf("stop %s: %s", name, out)
		}
	}
	for name, want := range map[string]bool{"yes": false, "link": false, "no": true, "fifo": false, "half": false, "file": true, "swap": true} {
		if there(name) != want {
			t.Errorf("%s is there: %v", name, !want)
		}
	}
}
