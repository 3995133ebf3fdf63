// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestBootSignals: what the kernel tells process 1 by a signal is an event
// (init(8), Events), and none of it ends the machine.
func TestBootSignals(t *testing.T) {
	t.Parallel()
	say := func(event string) string { return "start on " + event + "\ntask\nexec echo $UPSTART_EVENTS >/trace\n" }
	m := boot(t, map[string]string{
		"cad.conf": say("control-alt-delete"), "kb.conf": say("keyboard-request"), "power.conf": say("power-status-changed"),
		"/etc/systemd/system/unit.service": "[Unit]\nDescription=Before\n[Service]\nExecStart=/bin/sleep 1000\n",
	})
	for range 2 {
		for _, c := range []struct {
			sig        syscall.Signal
			event, job string
		}{{unix.SIGINT, "control-alt-delete", "cad"}, {unix.SIGWINCH, "keyboard-request", "kb"}, {unix.SIGPWR, "power-status-changed", "power"}} {
			m.signal(c.sig)
			m.awaits(c.event)
			m.await(c.job, "stop/waiting")
		}
	}
	m.ok("rouse", "start", "unit.service")
	m.write(map[string]string{"/etc/systemd/system/unit.service": "[Unit]\nDescription=After\n[Service]\nExecStart=/bin/sleep 1000\n"})
	m.signal(syscall.SIGHUP)
	for deadline := time.Now().Add(patience); ; {
		out := m.ok("rouse", "show", "-p", "Description", "--value", "unit.service")
		if out == "After\n" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("after SIGHUP the unit is still %q", out)
		}
	}
	// Without a job it ends the container.
	if err := os.Remove(filepath.Join(m.root, "etc/init/cad.conf")); err != nil {
		t.Fatal(err)
	}
	m.ok("initctl", "reload-configuration")
	m.signal(syscall.SIGINT)
	if ws := m.ends(); !ws.Exited() || ws.ExitStatus() != 0 {
		t.Errorf("process 1 ended with %v", m.cmd.ProcessState)
	}
}

// TestBootFiles: a job counts as soon as its file is there, and until it has
// gone: who asks right after that gets what the files say.
func TestBootFiles(t *testing.T) {
	t.Parallel()
	m := boot(t, map[string]string{"a.conf": "start on startup\nexec sleep 1000\n"})
	m.write(map[string]string{"sub/b.conf": "start on come\ntask\nexec echo b >/trace\n"})
	m.ok("initctl", "emit", "come")
	m.awaits("b")
	m.write(map[string]string{"sub/b.override": "manual\n"})
	m.write(map[string]string{"c.conf": "start on come\ntask\nexec echo c >/trace\n"})
	m.ok("initctl", "emit", "come")
	m.awaits("c")
	if n := strings.Count(strings.Join(m.seen, " "), "b"); n != 1 {
		t.Errorf("with manual in its override b ran: %q", m.seen)
	}
	m.write(map[string]string{"a.conf": "start on startup\nexec sleep 1002\n"})
	m.ok("restart", "a")
	m.awaitProcesses("sleep 1002", 1)
	for _, name := range []string{"sub/b.conf", "a.conf"} {
		if err := os.Remove(filepath.Join(m.root, "etc/init", name)); err != nil {
			t.Fatal(err)
		}
	}
	m.await("sub/b", "Unknown job: sub/b")
	m.ok("initctl", "reload-configuration")
	m.await("a", "a start/running") // it lives on
	m.ok("stop", "a")
	m.await("a", "Unknown job: a")
}

// TestBootOrphans: what a job leaves behind ends with it, and what others
// leave to process 1 is reaped.
func TestBootOrphans(t *testing.T) {
	t.Parallel()
	m := boot(t, map[string]string{
		"runaway.conf": "start on startup\nscript\n(sleep 1001 & sh -c 'sleep 1001 & exec sleep 1001' & echo away >/trace)\nexec sleep 1001\nend script\n",
	})
	m.awaits("away")
	m.await("runaway", "start/running")
	m.awaitProcesses("sleep 1001", 4)
	m.ok("stop", "runaway")
	m.awaitProcesses("sleep 1001", 0)
	m.ok("sh", "-c", "for i in 1 2 3 4 5; do (sleep 0 &); done")
	m.awaitProcesses("", 0) // a zombie has no command line
}

// awaitProcesses waits until the machine has so many processes with this
// command line.
func (m *machine) awaitProcesses(args string, want int) {
	m.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		var found []string
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/root/proc/[0-9]*/cmdline", m.pid))
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				continue // it has gone meanwhile
			}
			if strings.TrimRight(strings.ReplaceAll(string(b), "\x00", " "), " ") == args {
				found = append(found, filepath.Dir(file))
			}
		}
		if len(found) == want {
			return
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("there are %d processes %q, not %d", len(found), args, want)
		}
	}
}

// half is a set of jobs with all that is hard to keep: a job that waits for
// one more event, an event that waits for a job, one that waits for an answer,
// instances, and one that stays down for a while.
var half = map[string]string{
	"both.conf":  "start on one X=1 and two\ntask\nexec echo both $X $Y >/trace\n",
	"gate.conf":  "start on starting guarded\ntask\nscript\necho gate shut >/trace\ncat /key\nend script\n",
	"guard.conf": "start on started guarded\ntask\nexec echo guarded $WHO >/trace\n", "guarded.conf": "start on go\nexport WHO\nexec sleep 1000\n",
	"inst.conf": "instance $N\nstop on end N=$N\nexec sleep 1000\npost-stop exec echo inst $N ended >/trace\n",
}

// heldHalf brings it about; the result is the emitter that waits.
func heldHalf(t *testing.T) (m *machine, emit *exec.Cmd) {
	t.Helper()
	m = newMachine(t, half)
	noError(t, unix.Mkfifo(filepath.Join(m.root, "key"), 0o600))
	m.boot()
	m.ok("start", "inst", "N=1")
	m.ok("start", "inst", "N=2")
	m.ok("initctl", "emit", "--no-wait", "one", "X=1")
	emit = m.command("initctl", "emit", "go", "WHO=me")
	emit.Stdout, emit.Stderr = m.process, m.process
	noError(t, emit.Start())
	m.awaits("gate shut")
	m.await("guarded", "start/starting")
	return m, emit
}

// goesOn looks whether all of it is as it was, and lets it go on.
func (m *machine) goesOn(emit *exec.Cmd, before string) {
	m.t.Helper()
	if now := m.ok("initctl", "list"); now != before {
		m.t.Errorf("the jobs are\n%s, and were\n%s", now, before)
	}
	m.turnKey()
	m.awaits("guarded me")
	if err := emit.Wait(); err != nil {
		m.t.Errorf("who emitted the event was not told of its end: %v", err)
	}
	m.ok("initctl", "emit", "one", "X=2")
	m.ok("initctl", "emit", "two", "Y=3")
	m.awaits("both 1 3")
	m.ok("initctl", "emit", "end", "N=2")
	m.awaits("inst 2 ended")
	m.says("inst stop/waiting\n", "stop", "inst", "N=1")
	m.awaits("inst 1 ended")
}

// TestBootManagerKilled: whatever was half done goes on where it was.
func TestBootManagerKilled(t *testing.T) {
	t.Parallel()
	m, emit := heldHalf(t)
	before := m.ok("initctl", "list")
	for range 3 {
		m.killManager()
	}
	m.goesOn(emit, before)
}

// TestBootKilledEarly: the first event comes once, also where the manager dies
// before all that is enabled runs.
func TestBootKilledEarly(t *testing.T) {
	t.Parallel()
	m := newMachine(t, map[string]string{
		"first.conf":                         "start on startup\ntask\nexec echo first >/trace\n",
		"last.conf":                          "start on started slow\ntask\nexec echo last >/trace\n",
		"/etc/systemd/system/slow.service":   "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/cat /key\n",
		"/etc/systemd/system/default.target": "[Unit]\nRequires=slow.service\n",
	})
	noError(t, unix.Mkfifo(filepath.Join(m.root, "key"), 0o600))
	m.boot()
	m.awaits("first")
	m.await("first", "stop/waiting")
	m.killManager()
	m.ok("telinit", "u")
	m.up()
	m.turnKey()
	m.awaits("last")
	if n := len(slices.DeleteFunc(slices.Clone(m.seen), func(line string) bool { return line != "first" })); n != 1 {
		t.Errorf("startup came %d times: %q", n, m.seen)
	}
}

// turnKey ends what reads /key.
func (m *machine) turnKey() {
	m.t.Helper()
	key, err := os.OpenFile(filepath.Join(m.root, "key"), os.O_WRONLY, 0)
	noError(m.t, err)
	noError(m.t, key.Close())
}

// killManager kills the manager and waits for another.
func (m *machine) killManager() {
	m.t.Helper()
	pid := m.manager()
	m.ok("sh", "-c", "kill -9 "+pid)
	m.up()
	if m.manager() == pid {
		m.t.Fatalf("manager %s lives on", pid)
	}
}

// manager is the manager's process id in the machine.
func (m *machine) manager() string {
	m.t.Helper()
	out := m.ok("rouse", "status", "--output=json")
	_, rest, ok := strings.Cut(out, `"manager_pid":`)
	if !ok {
		m.t.Fatalf("status does not tell the manager's pid:\n%s", out)
	}
	return strings.Trim(strings.FieldsFunc(rest, func(r rune) bool { return r == ',' || r == '}' || r == '\n' })[0], " ")
}

// TestBootReexec: telinit u is the same in good order; so is initctl's way.
func TestBootReexec(t *testing.T) {
	t.Parallel()
	m, emit := heldHalf(t)
	before := m.ok("initctl", "list")
	for _, ask := range [][]string{{"telinit", "u"}, {"rouse", "daemon-reexec"}} {
		pid := m.manager()
		m.ok(ask...)
		for deadline := time.Now().Add(patience); m.manager() == pid; {
			if time.Now().After(deadline) {
				t.Fatalf("after %v the manager is still %s", ask, pid)
			}
		}
	}
	m.goesOn(emit, before)
}
