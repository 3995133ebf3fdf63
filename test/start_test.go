// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestDemo is the first thing that a reader of the README does.
func TestDemo(t *testing.T) {
	out, err := exec.Command(rouse, "demo").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "All of it held.") {
		t.Fatalf("%v\n%s", err, out)
	}
}

// TestParallelStart: services of one second each are up in less than two.
func TestParallelStart(t *testing.T) {
	units := map[string]string{}
	for i := range 20 {
		units[fmt.Sprintf("s%d.service", i)] = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sleep 1\n[Install]\nWantedBy=default.target\n"
	}
	began := time.Now()
	up(t, units)
	t.Logf("20 services of one second each: %v", time.Since(began))
	if d := time.Since(began); d < time.Second || d > 10*time.Second {
		t.Errorf("they took %v", d)
	}
}

// TestMutualConnect: two services connect to each other's sockets at start,
// without an order between them.
func TestMutualConnect(t *testing.T) {
	dir, err := os.MkdirTemp("", "rm") //nolint:usetesting // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	units := map[string]string{}
	for _, pair := range [][2]string{{"a", "b"}, {"b", "a"}} {
		sock := func(n string) string { return filepath.Join(dir, n+".sock") }
		units[pair[0]+".socket"] = "[Socket]\nListenStream=" + sock(pair[0]) + "\n[Install]\nWantedBy=default.target\n"
		units[pair[0]+".service"] = "[Service]\nType=notify\nExecStart=" + self(t, "friend", sock(pair[1])) + "\n[Install]\nWantedBy=default.target\n"
	}
	p := up(t, units)
	for _, name := range []string{"a.socket", "b.socket"} {
		if code, out := p.ctl("is-active", name); code != 0 {
			t.Errorf("%s: %s", name, out)
		}
	}
	if code, out := p.ctl("start", "a.service", "b.service"); code != 0 {
		t.Errorf("status %d: %s", code, out)
	}
	for _, name := range []string{"a.service", "b.service"} {
		if got := p.property(name, "ActiveState"); got != "active" {
			t.Errorf("%s is %s", name, got)
		}
	}
}

// TestRunaway: a service that forks twice, leaves its session and closes
// everything is found and stopped.
func TestRunaway(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "pid")
	script := filepath.Join(dir, "run")
	// setsid -f forks; the inner shell forks once more and leaves.
	text := "#!/bin/sh\nsetsid -f sh -c '(exec 0<&- 1>&- 2>&-; sh -c \"echo \\$\\$ >" + file + "; exec sleep 1000\") & exit 0' >/dev/null 2>&1 </dev/null\nexec sleep 1000\n"
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	p := up(t, map[string]string{"away.service": "[Service]\nExecStart=" + script + "\nTimeoutStopSec=5s\n[Install]\nWantedBy=default.target\n"})
	pid := 0
	for deadline := time.Now().Add(patience); pid == 0 && time.Now().Before(deadline); {
		if b, err := os.ReadFile(file); err == nil {
			pid, _ = strconv.Atoi(strings.TrimSpace(string(b)))
		}
	}
	if pid == 0 {
		t.Fatal("it did not run away")
	}
	if code, out := p.ctl("stop", "away.service"); code != 0 {
		t.Fatalf("stop: status %d: %s", code, out)
	}
	if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err == nil {
		t.Errorf("process %d is still there", pid)
	}
}

// TestOneBrokenUnit: it costs itself and nothing more.
func TestOneBrokenUnit(t *testing.T) {
	units := map[string]string{}
	for i := range 100 {
		units[fmt.Sprintf("good%d.service", i)] = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n[Install]\nWantedBy=default.target\n"
	}
	units["broken.service"] = "[Service]\nExecStart=relative/path\n[Install]\nWantedBy=default.target\n"
	p := up(t, units)
	code, out := p.ctl("list-units", "--state=active", "--no-legend", "--plain", "good*")
	if n := strings.Count(out, "\n"); code != 0 || n != 100 {
		t.Errorf("%d of 100 good units run", n)
	}
	for _, want := range []string{"broken.service:2:11: broken.service: ", "fix: "} {
		if !strings.Contains(p.output(), want) {
			t.Errorf("it did not say %q:\n%s", want, p.output())
		}
	}
}

// TestFailureSaysWhy: status in words, the service's last lines, the line.
func TestFailureSaysWhy(t *testing.T) {
	p := up(t, map[string]string{
		"sad.service":  "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo the disk is full; exit 3'\n",
		"typo.service": "[Service]\nType=exec\nExecStart=/bin/slepp 1\n",
		"on.service":   "[Service]\nType=oneshot\nExecStart=/bin/true\n[Install]\nWantedBy=default.target\n",
	})
	code, out := p.ctl("start", "sad.service")
	for _, want := range []string{"the disk is full", "status 3", "sad.service:3"} {
		if code != 1 || !strings.Contains(out, want) {
			t.Errorf("status %d, and it did not say %q:\n%s", code, want, out)
		}
	}
	code, out = p.ctl("start", "typo.service")
	for _, want := range []string{"typo.service:3:11", "no such file or directory", `did you mean "/bin/sleep"`} {
		if code != 1 || !strings.Contains(out, want) {
			t.Errorf("status %d, and it did not say %q:\n%s", code, want, out)
		}
	}
}
