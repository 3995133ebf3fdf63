// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestIdleCommand: a service that nobody connects to is judged by a command,
// which runs as it does, and sleeps and wakes with its answers.
func TestIdleCommand(t *testing.T) {
	for _, action := range []string{"freeze", "stop"} {
		t.Run(action, func(t *testing.T) {
			dir := t.TempDir()
			idle := filepath.Join(dir, "idle")
			p := up(t, map[string]string{
				"img.service": "[Service]\nX-IdleSec=100ms\nX-IdleAction=" + action + "\nEnvironment=PLACE=" + dir +
					"\nX-IdleCommand=/bin/sh -c 'echo $MAINPID >>$PLACE/asked; [ -e $PLACE/idle ]'\nExecStart=/bin/sleep 1000\n",
				"user.service": "[Unit]\nRequires=img.service\nAfter=img.service\n[Service]\nExecStart=/bin/sleep 1000\n",
			})
			p.ctl("stop", "user.service")
			asked := func() int { b, _ := os.ReadFile(filepath.Join(dir, "asked")); return strings.Count(string(b), "\n") }
			eventually(t, func() bool { return asked() > 5 }, func() string { return "it is not asked" })
			for range 3 { // the manager dies between, or in the middle of, two questions
				before := asked()
				if err := syscall.Kill(p.managerPid(), syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
				eventually(t, func() bool { return asked() > before+1 }, func() string { return "it is not asked any more" })
			}
			main := p.property("img.service", "MainPID")
			if p.asleep("img.service") || p.property("img.service", "SubState") != "running" {
				t.Fatal("it sleeps, though the command says that it is busy")
			}
			if b, _ := os.ReadFile(filepath.Join(dir, "asked")); !strings.HasPrefix(string(b), main+"\n") {
				t.Errorf("MAINPID is %q, not %s", b, main)
			}
			for _, unit := range []string{"img.service", "user.service"} { // a start of it, and of one that needs it
				if err := os.WriteFile(idle, nil, 0o644); err != nil {
					t.Fatal(err)
				}
				eventually(t, func() bool { return p.asleep("img.service") }, func() string { return "it does not sleep" })
				if err := os.Remove(idle); err != nil {
					t.Fatal(err)
				}
				if code, out := p.ctl("start", unit); code != 0 {
					t.Fatal(out)
				}
				eventually(t, func() bool { return !p.asleep("img.service") }, func() string { return unit + " does not wake it" })
				before := asked()
				eventually(t, func() bool { return asked() > before }, func() string { return "it is not asked again" })
			}
			if action == "freeze" && p.property("img.service", "MainPID") != main {
				t.Error("it is another process")
			}
		})
	}
}

// TestIdleCommandFaults: a command that hangs, with a child of its own, and one
// that cannot be run. The service is not harmed, and can be stopped meanwhile.
func TestIdleCommandFaults(t *testing.T) {
	dir := t.TempDir()
	p := up(t, map[string]string{
		"hang.service": "[Service]\nX-IdleSec=20ms\nX-IdleCommand=/bin/sh -c 'echo $$$$ >" + dir + "/pid.new; mv " + dir + "/pid.new " + dir +
			"/pid; sleep 1000; true'\nExecStart=/bin/sleep 1000\n",
		"none.service": "[Service]\nX-IdleSec=20ms\nX-IdleCommand=/no/such/program\nExecStart=/bin/sleep 1000\n",
	})
	p.awaitLine(`none.service:3:15: none.service: cannot start: exec "/no/such/program": no such file or directory`)
	p.awaitLine("none.service: its X-IdleCommand= cannot be relied on")
	if p.property("none.service", "SubState") != "running" || p.property("none.service", "Result") != "success" {
		t.Error("a command that is not there has harmed the service")
	}
	var pid int
	eventually(t, func() bool {
		b, _ := os.ReadFile(dir + "/pid")
		_, err := fmt.Sscan(string(b), &pid)
		return err == nil
	}, func() string { return "it is not asked" })
	if code, out := p.ctl("stop", "hang.service"); code != 0 {
		t.Error(out)
	}
	if err := syscall.Kill(-pid, 0); err != syscall.ESRCH { //nolint:errorlint // a bare errno
		t.Errorf("the command, or its child, is still there: %v", err)
	}
}
