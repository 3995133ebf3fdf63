// SPDX-License-Identifier: Apache-2.0

package sysv

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rouse-init/rouse/internal/linux/utmp"
)

// pretend is a machine: a manager that records, a clock that jumps, and
// files in a directory of their own.
type pretend struct {
	t     *testing.T
	sys   Sys
	now   time.Time
	calls []string
	env   map[string]string
	// handled are the runlevels that jobs care for.
	handled string
	// noTarget is why no runlevel leads to a target.
	noTarget string
	// cancelAt interrupts the wait.
	cancelAt time.Time
	out, err strings.Builder
}

func newPretend(t *testing.T) *pretend {
	dir := t.TempDir()
	p := &pretend{t: t, now: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC), env: map[string]string{}, handled: "0123456S"}
	for _, name := range []string{"utmp", "wtmp", "pts1", "pts2"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.sys = Sys{
		Err: &p.err, Getenv: func(k string) string { return p.env[k] }, Connect: func() (Manager, error) { return p, nil },
		Utmp: filepath.Join(dir, "utmp"), Wtmp: filepath.Join(dir, "wtmp"), Nologin: filepath.Join(dir, "nologin"),
		PidFile: filepath.Join(dir, "pid"), Dev: dir, Root: true, Host: "box", Kernel: "6.1", User: "joe", Terminal: "/dev/pts/9",
		Now: func() time.Time { return p.now }, Wait: p.wait,
		Interrupt: func(pid int) error { return p.record("interrupt %d", pid) },
		Reboot:    func(what string, sync bool) error { return p.record("reboot(2) %s sync=%v", what, sync) },
	}
	return p
}

func (p *pretend) wait(until time.Time) bool {
	if !p.cancelAt.IsZero() && !p.cancelAt.After(until) {
		p.now = p.cancelAt
		return false
	}
	p.now = until
	return true
}

func (p *pretend) record(format string, args ...any) error {
	p.calls = append(p.calls, fmt.Sprintf(format, args...))
	return nil
}

func (p *pretend) Emit(name string, env []string) error {
	return p.record("emit %s %s", name, strings.Join(env, " "))
}

func (p *pretend) Handles(_, value string) (bool, error) {
	return strings.Contains(p.handled, value), nil
}
func (p *pretend) Power(what string) error { return p.record("power %s", what) }

func (p *pretend) Target(level string) (target, why string, err error) {
	if p.noTarget != "" {
		return "", p.noTarget, nil
	}
	return "target-" + level, "", nil
}
func (p *pretend) Isolate(unit string) error { return p.record("isolate %s", unit) }
func (p *pretend) Reload() error             { return p.record("reload") }
func (p *pretend) Reexec() error             { return p.record("reexec") }

// run runs a command line and returns its exit status.
func (p *pretend) run(line string) int {
	p.out.Reset()
	p.err.Reset()
	p.calls = nil
	p.sys.Out = bufio.NewWriter(&p.out)
	words := strings.Fields(line)
	return Main(words[0], words[1:], p.sys)
}

// check runs a line and compares all that can be seen of it.
func (p *pretend) check(line string, code int, out, errText string, calls ...string) {
	p.t.Helper()
	if got := p.run(line); got != code {
		p.t.Errorf("%s: exit status %d, want %d", line, got, code)
	}
	if got := p.out.String(); got != out {
		p.t.Errorf("%s: prints %q, want %q", line, got, out)
	}
	if got := p.err.String(); got != errText {
		p.t.Errorf("%s: complains %q, want %q", line, got, errText)
	}
	if d := cmp.Diff(calls, p.calls); d != "" {
		p.t.Errorf("%s: calls %s", line, d)
	}
}

const hint = "\nTry `telinit --help' for more information.\n"

func TestTelinit(t *testing.T) {
	p := newPretend(t)
	p.check("runlevel", 1, "unknown\n", "")
	p.check("telinit S", 0, "", "", "emit runlevel RUNLEVEL=S PREVLEVEL=N")
	p.check("runlevel", 0, "N S\n", "")
	p.check("telinit 2", 0, "", "", "emit runlevel RUNLEVEL=2 PREVLEVEL=S")
	p.check("telinit -e A=1 -e B= 3", 0, "", "", "emit runlevel RUNLEVEL=3 PREVLEVEL=2 A=1 B=")
	p.check("runlevel", 0, "2 3\n", "")
	p.check("telinit q", 0, "", "", "reload")
	p.check("telinit U", 0, "", "", "reexec")
	p.check("telinit", 1, "", "telinit: missing runlevel"+hint)
	p.check("telinit 7", 1, "", "telinit: illegal runlevel: 7"+hint)
	p.check("telinit -e", 1, "", "telinit: missing argument: -e"+hint)
	p.check("telinit -e A 2", 1, "", "telinit: Env must be KEY=VALUE pairs\n")
	p.sys.Root = false
	p.check("telinit 2", 1, "", "telinit: Need to be root\n")

	history, err := utmp.Read(p.sys.Wtmp)
	if err != nil || len(history) != 3 {
		t.Errorf("wtmp has %d records, want 3 (%v)", len(history), err)
	}
}

func TestRunlevel(t *testing.T) {
	p := newPretend(t)
	p.env["RUNLEVEL"] = "3"
	p.check("runlevel", 0, "N 3\n", "")
	p.env["PREVLEVEL"] = "S"
	p.check("runlevel", 0, "S 3\n", "")
	p.env = nil
	p.check("runlevel /nonexistent/utmp", 1, "", "runlevel:/nonexistent/utmp: no such file or directory\n")
}

// TestWithoutJobs: where no job cares for the runlevel the manager is asked
// for what it stands for.
func TestWithoutJobs(t *testing.T) {
	for _, c := range []struct {
		line  string
		calls []string
	}{
		{"telinit 0", []string{"emit runlevel RUNLEVEL=0 PREVLEVEL=N", "power poweroff"}},
		{"telinit 6", []string{"emit runlevel RUNLEVEL=6 PREVLEVEL=N", "power reboot"}},
		{"telinit S", []string{"emit runlevel RUNLEVEL=S PREVLEVEL=N", "isolate target-S"}},
		{"telinit 3", []string{"emit runlevel RUNLEVEL=3 PREVLEVEL=N", "isolate target-3"}},
		{"shutdown -H now", []string{"emit runlevel RUNLEVEL=0 PREVLEVEL=N INIT_HALT=HALT", "power halt"}},
		{"halt", []string{"emit runlevel RUNLEVEL=0 PREVLEVEL=N INIT_HALT=HALT", "power halt"}},
		{"poweroff", []string{"emit runlevel RUNLEVEL=0 PREVLEVEL=N INIT_HALT=POWEROFF", "power poweroff"}},
		{"reboot", []string{"emit runlevel RUNLEVEL=6 PREVLEVEL=N", "power reboot"}},
	} {
		p := newPretend(t)
		p.handled = ""
		p.check(c.line, 0, "", "", c.calls...)
	}
	p := newPretend(t)
	p.handled, p.noTarget = "", "there is none"
	p.check("telinit 2", 0, "telinit: the event runlevel was emitted; nothing else changes: no job starts on it, and there is none\n", "", "emit runlevel RUNLEVEL=2 PREVLEVEL=N")
	p.check("telinit -q 3", 0, "", "", "emit runlevel RUNLEVEL=3 PREVLEVEL=2")
	p.check("telinit 0", 0, "", "", "emit runlevel RUNLEVEL=0 PREVLEVEL=3", "power poweroff")
}

func TestReboot(t *testing.T) {
	p := newPretend(t)
	p.check("reboot -w", 0, "", "")
	if list, err := utmp.Read(p.sys.Wtmp); err != nil || len(list) != 1 || list[0].User != "shutdown" {
		t.Errorf("wtmp: %v %v", list, err)
	}
	p.check("reboot -f", 0, "", "", "reboot(2) reboot sync=true")
	p.check("halt -fn", 0, "", "", "reboot(2) halt sync=false")
	p.check("halt -f -p", 0, "", "", "reboot(2) poweroff sync=true")
	p.check("halt -p", 0, "", "", "emit runlevel RUNLEVEL=0 PREVLEVEL=N INIT_HALT=POWEROFF")
	// At the end of a shutdown it is meant at once.
	p.check("poweroff", 0, "", "", "reboot(2) poweroff sync=true")
	p.sys.Root = false
	p.check("reboot", 1, "", "reboot: Need to be root\n")
}

func TestShutdownWords(t *testing.T) {
	p := newPretend(t)
	hint := "\nTry `shutdown --help' for more information.\n"
	p.check("shutdown", 1, "", "shutdown: time expected"+hint)
	p.check("shutdown foo", 1, "", "shutdown: illegal time value"+hint)
	p.check("shutdown 25:00", 1, "", "shutdown: illegal hour value"+hint)
	p.check("shutdown 12:60", 1, "", "shutdown: illegal minute value"+hint)
	p.check("shutdown -x now", 1, "", "shutdown: invalid option: -x"+hint)
	p.check("shutdown -c", 1, "", "shutdown: Cannot find pid of running shutdown\n")
	for line, call := range map[string]string{
		"shutdown now":        "emit runlevel RUNLEVEL=1 PREVLEVEL=N",
		"shutdown -r now":     "emit runlevel RUNLEVEL=6 PREVLEVEL=N",
		"shutdown -h now":     "emit runlevel RUNLEVEL=0 PREVLEVEL=N",
		"shutdown -P now bye": "emit runlevel RUNLEVEL=0 PREVLEVEL=N INIT_HALT=POWEROFF",
	} {
		newPretend(t).check(line, 0, "", "", call)
	}
}

// login puts somebody on a terminal.
func (p *pretend) login(line string) {
	if err := utmp.Put(p.sys.Utmp, utmp.Record{Type: utmp.User, Line: line, ID: line, User: "ann"}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *pretend) screen(line string) string {
	b, err := os.ReadFile(filepath.Join(p.sys.Dev, line))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(b)
}

// TestCountDown: people are told at the right minutes, and logins end five
// minutes before.
func TestCountDown(t *testing.T) {
	p := newPretend(t)
	p.login("pts1")
	p.login("../outside")
	var forbidden time.Time
	wait := p.sys.Wait
	p.sys.Wait = func(until time.Time) bool {
		if _, err := os.Stat(p.sys.Nologin); err == nil && forbidden.IsZero() {
			forbidden = p.now
		}
		return wait(until)
	}
	// The messages are appended: a terminal has no position.
	p.check("shutdown -r +61 new disk", 0, "", "", "emit runlevel RUNLEVEL=6 PREVLEVEL=N")
	if want := time.Date(2026, 11, 21, 11, 1, 0, 0, time.UTC); !p.now.Equal(want) {
		t.Errorf("went down at %v, want %v", p.now, want)
	}
	if left := time.Date(2026, 11, 21, 11, 1, 0, 0, time.UTC).Sub(forbidden); left != 5*time.Minute {
		t.Errorf("logins were forbidden %v before", left)
	}
	text, err := os.ReadFile(p.sys.Nologin)
	if err != nil || string(text) != "The system is going down for reboot in 5 minutes!\n" {
		t.Errorf("nologin: %q %v", text, err)
	}
	want := "\r\n\aBroadcast message from joe@box\r\n\t(/dev/pts/9) at 11:01 ...\r\n\r\nThe system is going down for reboot NOW!\r\nnew disk\r\n"
	if got := p.screen("pts1"); !strings.HasPrefix(got, want) {
		t.Errorf("the terminal shows %q, want %q", got, want)
	}
	if got := p.screen("pts2"); got != "" {
		t.Errorf("nobody is on pts2, but it shows %q", got)
	}
	if _, err := os.Stat(p.sys.PidFile); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the pid file is left: %v", err)
	}
}

func TestWarnings(t *testing.T) {
	var told []int
	for minutes := 200; minutes >= 0; minutes-- {
		if warnAt(minutes) {
			told = append(told, minutes)
		}
	}
	if d := cmp.Diff([]int{180, 150, 120, 90, 60, 45, 30, 15, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}, told); d != "" {
		t.Error(d)
	}
}

func TestCancelled(t *testing.T) {
	p := newPretend(t)
	p.cancelAt = p.now.Add(8 * time.Minute)
	p.check("shutdown -h +10", 1, "", "shutdown: Shutdown cancelled\n")
	if _, err := os.Stat(p.sys.Nologin); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("logins are still forbidden: %v", err)
	}
	if err := os.WriteFile(p.sys.PidFile, []byte(fmt.Sprintln(os.Getppid())), 0o600); err != nil {
		t.Fatal(err)
	}
	p.check("shutdown -r +1", 1, "", "shutdown: Another shutdown is already running\n    fix: cancel it with shutdown -c\n")
	p.login("pts1")
	p.check("shutdown -c stay here", 0, "", "", fmt.Sprintf("interrupt %d", os.Getppid()))
	if got := p.screen("pts1"); !strings.HasSuffix(got, "\r\n\r\nstay here\r\n") {
		t.Errorf("the terminal shows %q", got)
	}
	// Left behind by one that was killed.
	if err := os.WriteFile(p.sys.PidFile, []byte("4194303\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.cancelAt = time.Time{}
	p.check("shutdown -k +1", 0, "", "")
	if _, err := os.Stat(p.sys.Nologin); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("logins are still forbidden after warnings only: %v", err)
	}
}

func TestWhen(t *testing.T) {
	now := time.Date(2026, 11, 21, 23, 30, 20, 0, time.UTC)
	for text, want := range map[string]string{
		"now": "2026-11-21 23:30:20", "+0": "2026-11-21 23:30:20", "5": "2026-11-21 23:35:20", "+90": "2026-11-22 01:00:20",
		"23:30": "2026-11-21 23:30:00", "23:45": "2026-11-21 23:45:00", "6:05": "2026-11-22 06:05:00",
	} {
		at, err := when(text, now)
		if got := at.Format(time.DateTime); err != nil || got != want {
			t.Errorf("%s: %s %v, want %s", text, got, err, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	if got := printable("a\x1b[31m\u009b2J\tü\n\x7f"); got != "a?[31m?2J\tü\n?" {
		t.Errorf("%q", got)
	}
}

func TestHandles(t *testing.T) {
	for term, want := range map[string]bool{
		"runlevel": true, "runlevel [016]": true, "runlevel [!2345]": true, "runlevel RUNLEVEL=0": true, "runlevel RUNLEVEL!=0": false,
		"runlevel [2345]": false, "runlevel PREVLEVEL=3": true, "runlevel 0 3": true, "startup": false,
	} {
		if got := handles(strings.Fields(term), "runlevel", "0"); got != want {
			t.Errorf("%s: %v", term, got)
		}
	}
}
