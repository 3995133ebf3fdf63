// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rouse-init/rouse/internal/bus/client"
)

// userSession is `rouse init --user` with a home of its own.
type userSession struct {
	*process
	dir string
	env []string
}

// sessionHome makes a user's directories. DIR in a job stands for them.
func sessionHome(t *testing.T, jobs map[string]string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rs") //nolint:usetesting // a socket's path is short
	noError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for _, sub := range []string{"run", "config/upstart", "cache"} {
		noError(t, os.MkdirAll(filepath.Join(dir, sub), 0o700))
	}
	for name, text := range jobs {
		noError(t, os.WriteFile(filepath.Join(dir, "config/upstart", name), []byte(strings.ReplaceAll(text, "DIR", dir)), 0o644))
	}
	return dir
}

func startSession(t *testing.T, dir string) *userSession {
	t.Helper()
	s := &userSession{process: &process{t: t, lines: make(chan struct{}, 1), ended: make(chan struct{})}, dir: dir}
	s.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "XDG_RUNTIME_DIR=" + dir + "/run", "XDG_CONFIG_HOME=" + dir + "/config",
		"XDG_CACHE_HOME=" + dir + "/cache", "FAVOURITE=green",
	}
	s.cmd = exec.Command(rouse, "init", "--user", "--no-dbus")
	s.cmd.Env = s.env
	s.cmd.Stdout, s.cmd.Stderr = s, s
	noError(t, s.cmd.Start())
	go func() { _ = s.cmd.Wait(); close(s.ended) }()
	t.Cleanup(s.stop)
	return s
}

// address waits for the session file and returns what it says.
func (s *userSession) address() string {
	s.t.Helper()
	file := filepath.Join(s.dir, "run/upstart/sessions", fmt.Sprint(s.cmd.Process.Pid)+".session")
	for deadline := time.Now().Add(patience); ; {
		b, err := os.ReadFile(file)
		if address, ok := strings.CutPrefix(strings.TrimSpace(string(b)), "UPSTART_SESSION="); ok {
			if c, err := client.DialAddress(address); err == nil {
				c.Close()
				return address
			}
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("no session: %s: %q, %v\n%s", file, b, err, s.output())
		}
	}
}

// initctl runs it with the session's address.
func (s *userSession) initctl(address string, args ...string) (int, string) {
	s.t.Helper()
	cmd := exec.Command(rouse, append([]string{"initctl"}, args...)...)
	cmd.Env = append(s.env, "UPSTART_SESSION="+address)
	out, err := cmd.CombinedOutput()
	if e := (&exec.ExitError{}); err != nil && !asExit(err, &e) {
		s.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// TestSession: a user's init is found by its file; its jobs have the user's
// environment and the session's address, and hear of the end.
func TestSession(t *testing.T) {
	for _, c := range []struct {
		name, kind string
		end        func(s *userSession, address string) error
	}{
		{"EndSession", "logout", func(_ *userSession, address string) error {
			u, err := client.DialUpstart(address)
			if err != nil {
				return err
			}
			defer u.Close()
			return u.EndSession()
		}},
		{"SIGTERM", "shutdown", func(s *userSession, _ string) error { return s.cmd.Process.Signal(syscall.SIGTERM) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := startSession(t, sessionHome(t, map[string]string{
				"first.conf": "start on startup\ntask\nscript\nenv >DIR/env~\nmv DIR/env~ DIR/env\nend script\n",
				"work.conf":  "start on stopped first\nstop on session-end\nexec sleep 1000\npost-stop exec sh -c 'echo work ended >>DIR/end'\n",
				"last.conf":  "start on session-end\ntask\nexec sh -c 'echo last $TYPE >>DIR/end'\n",
				"other.conf": "start on startup\nexec sleep 1000\npost-stop exec sh -c 'echo other ended >>DIR/end'\n",
			}))
			address := s.address()
			if code, out := s.initctl("", "list-sessions"); code != 0 || out != fmt.Sprintf("%d %s\n", s.cmd.Process.Pid, address) {
				t.Errorf("list-sessions: status %d, %q", code, out)
			}
			for deadline := time.Now().Add(patience); ; {
				code, out := s.initctl(address, "status", "work")
				if code == 0 && strings.HasPrefix(out, "work start/running, process ") {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("work does not run: %d %s", code, out)
				}
			}
			env, err := os.ReadFile(filepath.Join(s.dir, "env"))
			noError(t, err)
			for _, want := range []string{"UPSTART_SESSION=" + address, "FAVOURITE=green", "UPSTART_EVENTS=startup", "UPSTART_JOB=first"} {
				if !bytes.Contains(append([]byte("\n"), env...), []byte("\n"+want+"\n")) {
					t.Errorf("%s is not in the environment\n%s", want, env)
				}
			}
			noError(t, c.end(s, address))
			select {
			case <-s.ended:
			case <-time.After(patience):
				t.Fatalf("the session does not end\n%s", s.output())
			}
			if code := s.cmd.ProcessState.ExitCode(); code != 0 {
				t.Errorf("it ended with status %d", code)
			}
			end, err := os.ReadFile(filepath.Join(s.dir, "end"))
			if got := sortedLines(string(end)); err != nil || got != "last "+c.kind+" other ended work ended" {
				t.Errorf("in the end: %q, %v", got, err)
			}
			if left, _ := filepath.Glob(filepath.Join(s.dir, "run/upstart/sessions/*")); len(left) > 0 {
				t.Errorf("there still is %q", left)
			}
		})
	}
}

// TestSessions: a user may have several, and list-sessions knows those that
// live.
func TestSessions(t *testing.T) {
	t.Parallel()
	dir := sessionHome(t, map[string]string{"a.conf": "exec sleep 1000\n"})
	one, two := startSession(t, dir), startSession(t, dir)
	first, second := one.address(), two.address()
	if first == second {
		t.Fatalf("both are at %s", first)
	}
	if code, out := one.initctl(first, "start", "a"); code != 0 {
		t.Errorf("start: status %d, %s", code, out)
	}
	if _, out := two.initctl(second, "status", "a"); out != "a stop/waiting\n" {
		t.Errorf("in the other session: %s", out)
	}
	lines := map[*userSession]string{one: fmt.Sprintf("%d %s", one.cmd.Process.Pid, first), two: fmt.Sprintf("%d %s", two.cmd.Process.Pid, second)}
	if _, out := one.initctl("", "list-sessions"); sortedLines(out) != sortedLines(lines[one]+"\n"+lines[two]) {
		t.Errorf("list-sessions: %q", out)
	}
	// A file that a killed one has left behind.
	file := filepath.Join(dir, "run/upstart/sessions", fmt.Sprint(one.cmd.Process.Pid)+".session")
	one.stop()
	noError(t, os.WriteFile(file, []byte("UPSTART_SESSION="+first+"\n"), 0o600))
	if _, out := two.initctl("", "list-sessions"); out != lines[two]+"\n" {
		t.Errorf("list-sessions without the first: %q", out)
	}
	if code, out := two.initctl(second, "start", "a"); code != 0 {
		t.Errorf("start: status %d, %s", code, out)
	}
}
