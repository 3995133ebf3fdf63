// SPDX-License-Identifier: Apache-2.0

package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// cups is the printing service of the seed: on demand, or when there is work
// in its queue, or late, when the machine is quiet.
const cups = "socket @D/cups.sock\nfile @D/spool/\nstart on idle\nenv LOG=@D/log\nexec "

// TestSeedCUPS: each of the causes starts the one job, and however it was
// started it serves its socket.
func TestSeedCUPS(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, event string
		cause       func(p *process, dir string)
	}{
		{"on demand", "socket", func(*process, string) {}},
		{"work in the queue", "file", func(_ *process, dir string) { release(t, filepath.Join(dir, "spool", "job1")) }},
		{"quiet", "idle", func(p *process, _ string) { p.ok("emit", "-n", "idle") }},
		{"by hand", "", func(p *process, _ string) { p.ok("start", "cups") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, dir := jobs(t, map[string]string{"cups.conf": "pre-start exec mkdir -p @D/spool\n" + cups + self(t, "event-socket") + "\n"})
			if err := os.MkdirAll(filepath.Join(dir, "spool"), 0o755); err != nil {
				t.Fatal(err)
			}
			p.says("cups stop/waiting", "status", "cups")
			c.cause(p, dir)
			answer, err := ask("unix", filepath.Join(dir, "cups.sock"), "print")
			if err != nil || !strings.HasSuffix(answer, " print") {
				t.Fatalf("%q, %v", answer, err)
			}
			p.says("cups start/running, process N", "status", "cups")
			if got := strings.TrimSpace(text(dir, "log")); got != c.event {
				t.Errorf("it was started by %q, want %q", got, c.event)
			}
			pid := p.pid("cups")
			p.killManager()
			if answer, err := ask("unix", filepath.Join(dir, "cups.sock"), "again"); err != nil || !strings.HasSuffix(answer, " again") {
				t.Errorf("after the manager died: %q, %v", answer, err)
			}
			if now := p.pid("cups"); now != pid {
				t.Errorf("process %d became %d", pid, now)
			}
		})
	}
}

// TestSeedSocketAgain: the socket outlives the job: stopped, the job is started
// again by the next connection.
func TestSeedSocketAgain(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{"svc.conf": "socket @D/sock\nenv LOG=@D/log\nexec " + self(t, "event-socket") + "\n"})
	path := filepath.Join(dir, "sock")
	for range 2 {
		if answer, err := ask("unix", path, "hello"); err != nil || !strings.HasSuffix(answer, " hello") {
			t.Fatalf("%q, %v", answer, err)
		}
		p.says("svc stop/waiting", "stop", "svc")
	}
	if got := text(dir, "log"); got != "socket\nsocket\n" {
		t.Errorf("it was started by %q", got)
	}
}

// TestExpanded: each of the higher stanzas is an expression over events, which
// show-config shows.
func TestExpanded(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{
		"cups.conf":  cups + "sleep 1000\n",
		"bus.conf":   "dbus system-bus org.example.Name\nexec sleep 1000\n",
		"daily.conf": "calendar Mon..Fri 08:00\nneeds cups\nexec sleep 1000\n",
	})
	for job, want := range map[string][]string{
		"cups":  {"start on socket", "SOCKET_PATH=" + dir + "/cups.sock", "start on file", "FILE=" + dir + "/spool/", "start on idle"},
		"bus":   {"start on dbus-activation", "NAME=org.example.Name", "BUS=system", "stop on stopping"},
		"daily": {"start on calendar", "SPEC=Mon..Fri 08:00"},
	} {
		out := p.ok("show-config", "-e", job)
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("show-config -e %s has no %q:\n%s", job, w, out)
			}
		}
	}
}
