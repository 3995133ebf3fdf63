// SPDX-License-Identifier: Apache-2.0

package test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestBootStartup: the first event, and what a job is given (init(5), Process
// environment): PATH, TERM, what the event has, and what it asks for.
func TestBootStartup(t *testing.T) {
	t.Parallel()
	m := boot(t, map[string]string{
		"first.conf": "start on startup\ntask\nexec echo first on $UPSTART_EVENTS >/trace\n",
		"env.conf":   "start on stopped first\ntask\nenv HOME\nexec env\n",
		"late.conf":  "start on stopped env\nexec echo late >/trace\n",
	}, "--logdir", "/var/log/upstart")
	m.awaits("first on startup", "late")
	const want = "HOME=/ INSTANCE= JOB=first PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin RESULT=ok TERM=vt52" +
		" UPSTART_EVENTS=stopped UPSTART_INSTANCE= UPSTART_JOB=env"
	if got := sortedLines(m.read("/var/log/upstart/env.log"), "INVOCATION_ID=", "ROUSE_ORDER="); got != want {
		t.Errorf("the environment is\n%s, want\n%s", got, want)
	}
}

// TestBootStandsIn: in a container systemctl finds process 1 where it looks for
// systemd's; a PID namespace that does not say that it is one keeps off.
func TestBootStandsIn(t *testing.T) {
	const job = "start on startup\ntask\nexec echo up >/trace\n"
	for _, c := range []struct {
		name  string
		files map[string]string
		code  int
	}{
		{"container", map[string]string{"a.conf": job, "/.dockerenv": "\n"}, 0},
		{"namespace", map[string]string{"a.conf": job}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := boot(t, c.files)
			m.awaits("up")
			code, out := m.in("rouse", "--socket", "/run/systemd/private", "show", "-p", "Id", "a.service")
			if code == 0 != (c.code == 0) || code == 0 && !strings.Contains(out, "Id=a.service") {
				t.Errorf("status %d: %s", code, out)
			}
		})
	}
}

// TestBootOptions are those of init(8).
func TestBootOptions(t *testing.T) {
	const say = "task\nexec echo "
	for _, c := range []struct {
		name  string
		args  []string
		files map[string]string
		then  []string // is run in the end
		want  []string
		never []string
	}{
		{
			"startup-event", []string{"--startup-event", "hello"},
			map[string]string{"a.conf": "start on startup and stopped b\n" + say + "a of $BY >/trace\n", "b.conf": "start on hello\n" + say + "b >/trace\n"},
			[]string{"initctl", "emit", "startup", "BY=hand"},
			[]string{"b", "a of hand"}, []string{"a of "},
		},
		{
			"no-startup-event", []string{"--no-startup-event"},
			map[string]string{"a.conf": "start on startup\n" + say + "a of $BY >/trace\n"},
			[]string{"initctl", "emit", "startup", "BY=hand"},
			[]string{"a of hand"}, []string{"a of "},
		},
		{
			"confdir", []string{"--confdir", "/one", "--confdir", "/two"},
			map[string]string{
				"a.conf":      "start on startup\n" + say + "etc >/trace\n",
				"/one/a.conf": "start on startup\n" + say + "one a >/trace\n", "/two/a.conf": "start on startup\n" + say + "two a >/trace\n",
				"/two/b.conf": "start on stopped a\n" + say + "two b >/trace\n",
			}, nil, []string{"one a", "two b"}, []string{"etc", "two a"},
		},
		{
			"prepend-append", []string{"--prepend-confdir", "/one", "--append-confdir", "/two"},
			map[string]string{
				"a.conf": "start on startup\n" + say + "etc a >/trace\n", "/one/a.conf": "start on startup\n" + say + "one a >/trace\n",
				"b.conf": "start on stopped a\n" + say + "etc b >/trace\n", "/two/b.conf": "start on stopped a\n" + say + "two b >/trace\n",
				"/two/c.conf": "start on stopped b\n" + say + "two c >/trace\n",
			}, nil, []string{"one a", "etc b", "two c"}, []string{"etc a", "two b"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := boot(t, c.files, c.args...)
			if c.then != nil {
				m.ok(c.then...)
			}
			m.awaits(c.want...)
			m.never(c.never...)
		})
	}
}

// TestBootVerbose: --verbose tells of events and changes, as the priority info
// does; without them process 1 holds its tongue.
func TestBootVerbose(t *testing.T) {
	t.Parallel()
	job := map[string]string{"a.conf": "exec sleep 1000\n"}
	m := boot(t, job, "--verbose")
	m.awaitLine("rouse: event startup\n")
	m.says("info\n", "initctl", "log-priority")
	m.ok("start", "a")
	m.awaitLine("rouse: a start/running\n")
	quiet := boot(t, job)
	quiet.ok("start", "a")
	quiet.ok("initctl", "emit", "something")
	if out := quiet.output(); strings.Contains(out, "a start/running") || strings.Contains(out, "something") {
		t.Errorf("without --verbose it says\n%s", out)
	}
	quiet.ok("initctl", "log-priority", "info")
	quiet.ok("initctl", "emit", "something")
	quiet.awaitLine("rouse: event something\n")
}

// TestBootLogs: the output of a job goes to a file per job and instance, and
// later runs add to it.
func TestBootLogs(t *testing.T) {
	t.Parallel()
	m := boot(t, map[string]string{
		"some/one.conf": "task\npre-start exec echo before\nexec echo hello $N\npost-stop exec echo after >&2\n",
		"inst.conf":     "task\ninstance $WHO\nexec echo I am $WHO\n",
		"none.conf":     "task\nconsole none\nexec echo lost\n",
	}, "--logdir", "/var/log/upstart")
	m.ok("start", "some/one", "N=1")
	m.ok("start", "some/one", "N=2")
	m.ok("start", "inst", "WHO=a/b")
	m.ok("start", "none")
	m.logged("some_one.log", "before\nhello 1\nafter\nbefore\nhello 2\nafter\n")
	m.logged("inst-a_b.log", "I am a/b\n")
	if err := os.Remove(filepath.Join(m.root, "/var/log/upstart/some_one.log")); err != nil {
		t.Fatal(err)
	}
	m.ok("start", "some/one", "N=3")
	m.logged("some_one.log", "before\nhello 3\nafter\n")
	if _, err := os.Stat(filepath.Join(m.root, "/var/log/upstart/none.log")); err == nil {
		t.Error("a job without output has a log")
	}
}

// logged compares a log file, and looks at its mode.
func (m *machine) logged(name, want string) {
	m.t.Helper()
	name = "/var/log/upstart/" + name
	if got := m.read(name); got != want {
		m.t.Errorf("%s has %q, want %q", name, got, want)
	}
	st, err := os.Stat(filepath.Join(m.root, name))
	if err != nil || st.Mode() != 0o640 {
		m.t.Errorf("%s has mode %v, %v", name, st.Mode(), err)
	}
}

// TestBootConsole: console output writes to /dev/console, owner owns it: it is
// the controlling terminal, and Ctrl-C is for the job.
func TestBootConsole(t *testing.T) {
	t.Parallel()
	m := boot(t, map[string]string{
		"output.conf": "start on startup\ntask\nconsole output\nexec echo to the console\n",
		"owner.conf":  "console owner\nnormal exit INT\nscript\necho mine >/dev/tty\nexec sleep 1000\nend script\npost-stop exec echo owner ended >/trace\n",
		"plain.conf":  "task\nexec echo by default\n",
	}, "--default-console", "output")
	m.shows("to the console")
	m.ok("start", "plain")
	m.shows("by default")
	m.ok("start", "owner")
	m.shows("mine")
	if _, err := m.tty.Write([]byte{3}); err != nil {
		t.Fatal(err)
	}
	m.awaits("owner ended")
	m.up()
}

// TestBootRunlevel: telinit emits runlevel, jobs follow it, and utmp tells.
func TestBootRunlevel(t *testing.T) {
	t.Parallel()
	m := boot(t, map[string]string{
		"rc.conf":    "start on runlevel [0123456]\nstop on runlevel [!$RUNLEVEL]\nexport RUNLEVEL PREVLEVEL\ntask\nexec echo rc $PREVLEVEL $RUNLEVEL $EXTRA >/trace\n",
		"multi.conf": "start on runlevel [2345]\nstop on runlevel [!2345]\npre-start exec echo multi up >/trace\nexec sleep 1000\npost-stop exec echo multi down >/trace\n",
		"late.conf":  "start on stopped rc RUNLEVEL=[2345]\ntask\nexec sh -c 'echo late in $(runlevel) >/trace'\n",
	})
	code, out := m.in("runlevel")
	if code != 1 || out != "unknown\n" {
		t.Errorf("runlevel before the first: status %d, %q", code, out)
	}
	m.says("", "telinit", "2")
	m.says("N 2\n", "runlevel")
	m.awaits("late in N 2")
	for _, want := range []string{"rc N 2", "multi up"} {
		m.had(want)
	}
	m.ok("telinit", "-e", "EXTRA=more", "3")
	m.says("2 3\n", "runlevel")
	m.awaits("rc 2 3 more")
	m.ok("telinit", "1")
	m.awaits("multi down")
	m.says("3 1\n", "runlevel")
	m.await("multi", "multi stop/waiting")
	if code, out := m.in("telinit", "9"); code != 1 || !strings.Contains(out, "illegal runlevel: 9") {
		t.Errorf("telinit 9: status %d, %s", code, out)
	}
}

// had fails the test if the line has not come.
func (m *machine) had(line string) {
	m.t.Helper()
	for _, l := range m.seen {
		if l == line {
			return
		}
	}
	m.t.Errorf("%q is not in the trace %q", line, m.seen)
}

// TestBootEnds: all ways to end a machine. reboot(2) in a process namespace
// ends process 1 by SIGHUP for a restart, SIGINT for the others.
func TestBootEnds(t *testing.T) {
	service := "start on startup\nexec sleep 1000\npost-stop exec echo down >/trace\n"
	// As Ubuntu's /etc/init.d/reboot and halt do it, in the end of rc.
	rc := "start on runlevel [06]\ntask\nscript\necho rc $RUNLEVEL $INIT_HALT >/trace\nif [ $RUNLEVEL = 6 ]; then reboot -f; fi\nif [ \"$INIT_HALT\" = HALT ]; then halt -f; else poweroff -f; fi\nend script\n"
	for _, c := range []struct {
		command string
		how     syscall.Signal
		rc      string // what a job for the runlevel sees
	}{
		{"reboot", unix.SIGHUP, "rc 6 "},
		{"poweroff", unix.SIGINT, "rc 0 POWEROFF"},
		{"halt", unix.SIGINT, "rc 0 HALT"},
		{"halt -p", unix.SIGINT, "rc 0 POWEROFF"},
		{"shutdown -r now", unix.SIGHUP, "rc 6 "},
		{"shutdown -P now going down", unix.SIGINT, "rc 0 POWEROFF"},
		{"shutdown -h now", unix.SIGINT, "rc 0 "},
		{"telinit 6", unix.SIGHUP, "rc 6 "},
		{"telinit 0", unix.SIGINT, "rc 0 "},
	} {
		t.Run(strings.ReplaceAll(c.command, " ", "_"), func(t *testing.T) {
			t.Parallel()
			plain := boot(t, map[string]string{"service.conf": service})
			plain.in(strings.Fields(c.command)...)
			plain.awaits("down")
			if ws := plain.ends(); ws.Signal() != c.how {
				t.Errorf("without jobs process 1 ended by %v, want %v", ws.Signal(), c.how)
			}
			withJob := boot(t, map[string]string{"rc.conf": rc})
			withJob.in(strings.Fields(c.command)...)
			withJob.awaits(strings.TrimSpace(c.rc))
			if ws := withJob.ends(); ws.Signal() != c.how {
				t.Errorf("with a job process 1 ended by %v, want %v", ws.Signal(), c.how)
			}
		})
	}
}

// TestBootStop: a container's runtime stops it by SIGTERM: jobs are stopped
// with all that belongs to it, and process 1 exits.
func TestBootStop(t *testing.T) {
	t.Parallel()
	m := boot(t, map[string]string{
		"a.conf": "start on startup\nexec sleep 1000\npre-stop exec echo a pre-stop >/trace\npost-stop exec echo a post-stop >/trace\n",
		"b.conf": "start on started a\nstop on stopping a\nexec sleep 1000\npost-stop exec echo b post-stop >/trace\n",
	})
	m.await("b", "start/running")
	m.signal(syscall.SIGTERM)
	if ws := m.ends(); !ws.Exited() || ws.ExitStatus() != 0 {
		t.Errorf("process 1 ended with %v", m.cmd.ProcessState)
	}
	m.awaits("a post-stop")
	m.had("a pre-stop")
	m.had("b post-stop")
}
