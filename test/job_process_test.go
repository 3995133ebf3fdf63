// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestJobEnvironment: a process has PATH and TERM, what its job says, what the
// start said, and who it is; the later wins. A respawn and a restart keep it.
func TestJobEnvironment(t *testing.T) {
	t.Parallel()
	const show = "env > @D/env.new; mv @D/env.new @D/env; exec sleep 1000\n"
	p, dir := jobs(t, map[string]string{
		"one.conf": "env A=job\nenv B=job\nenv HOME\nrespawn\nscript\n  " + show + "end script\n",
		"two.conf": "start on go\nenv A=job\nenv B=job\nscript\n  " + show + "end script\n",
	})
	file := filepath.Join(dir, "env")
	environ := func() []string { return strings.Split(strings.TrimSpace(text(file)), "\n") }
	has := func(when string, want ...string) {
		t.Helper()
		eventually(t, func() bool { return text(file) != "" }, func() string { return when + ": nothing ran" })
		have := environ()
		for _, v := range want {
			if !slices.Contains(have, v) {
				t.Errorf("%s: no %s in %q", when, v, have)
			}
		}
		_ = os.Remove(file)
	}
	p.ok("start", "one", "B=start", "C=start")
	has("start", "A=job", "B=start", "C=start", "UPSTART_JOB=one", "UPSTART_INSTANCE=", "HOME="+os.Getenv("HOME"))
	kill(t, p.pid("one"))
	has("respawn", "A=job", "B=start", "C=start")
	p.ok("restart", "one")
	has("restart", "A=job", "B=start", "C=start")
	p.ok("stop", "one")
	p.ok("start", "one")
	has("start again", "A=job", "B=job")
	p.ok("stop", "one")

	p.ok("emit", "go", "B=event", "X=1")
	has("event", "A=job", "B=event", "X=1", "UPSTART_JOB=two", "UPSTART_EVENTS=go")
	path, term := false, false
	p.ok("restart", "two")
	eventually(t, func() bool { return text(file) != "" }, func() string { return "it did not run again" })
	for _, v := range environ() {
		path = path || strings.HasPrefix(v, "PATH=/")
		term = term || strings.HasPrefix(v, "TERM=")
	}
	if !path || !term {
		t.Errorf("PATH or TERM is missing: %q", environ())
	}
}

// TestJobProcess: session, group, standard input, and every limit that a job
// can set, as the kernel tells them.
func TestJobProcess(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{
		"tuned.conf":  "limit nofile 64 128\nlimit core 0 0\numask 027\nnice 5\nchdir @D\noom score 100\nexec sleep 1000\n",
		"plain.conf":  "exec sleep 1000\n",
		"silent.conf": "console none\nexec sleep 1000\n",
	})
	for _, job := range []string{"tuned", "plain", "silent"} {
		p.ok("start", job)
	}
	proc := func(job string, file ...string) string {
		return text(append([]string{"/proc", strconv.Itoa(p.pid(job))}, file...)...)
	}
	link := func(job, name string) string {
		s, _ := os.Readlink(fmt.Sprintf("/proc/%d/%s", p.pid(job), name))
		return s
	}
	limits := strings.Join(strings.Fields(proc("tuned", "limits")), " ")
	for _, want := range []string{"Max open files 64 128", "Max core file size 0 0"} {
		if !strings.Contains(limits, want) {
			t.Errorf("limits: no %q in %s", want, limits)
		}
	}
	if s := proc("tuned", "status"); !strings.Contains(s, "Umask:\t0027\n") {
		t.Errorf("umask: %s", s)
	}
	if s := proc("plain", "status"); !strings.Contains(s, "Umask:\t0022\n") {
		t.Errorf("umask without a stanza: %s", s)
	}
	if got := strings.TrimSpace(proc("tuned", "oom_score_adj")); got != "100" {
		t.Errorf("oom_score_adj is %s", got)
	}
	if got := link("tuned", "cwd"); got != dir {
		t.Errorf("it works in %s, not %s", got, dir)
	}
	if got := link("plain", "fd/0"); got != "/dev/null" {
		t.Errorf("standard input is %s", got)
	}
	for _, fd := range []string{"0", "1", "2"} {
		if got := link("silent", "fd/"+fd); got != "/dev/null" {
			t.Errorf("with console none descriptor %s is %s", fd, got)
		}
	}
	stat := strings.Fields(proc("tuned", "stat"))
	if stat[4] != stat[0] || stat[5] != stat[0] {
		t.Errorf("process %s is in group %s, session %s", stat[0], stat[4], stat[5])
	}
	if stat[18] != "5" {
		t.Errorf("its nice value is %s", stat[18])
	}
}

// TestJobOutput: what a job prints appears with its name.
func TestJobOutput(t *testing.T) {
	t.Parallel()
	p, _ := jobs(t, map[string]string{
		"talk.conf":  "start on stopped quiet\npre-start exec echo before\nexec echo hello\npost-start exec echo after\n",
		"quiet.conf": "start on startup\ntask\nconsole none\nexec echo never\n",
	})
	for _, line := range []string{"talk | before", "talk | hello", "talk | after"} {
		p.awaitLine(line)
	}
	if strings.Contains(p.output(), "never") {
		t.Error("console none was printed")
	}
}

// TestJobUser: all processes of a job run as its user.
func TestJobUser(t *testing.T) {
	t.Parallel()
	need(t, "root", os.Getuid() == 0, "only root may run jobs as another user")
	p, dir := jobs(t, map[string]string{
		"nobody.conf": "setuid nobody\npre-start exec id -un > @D/out/before\nexec sleep 1000\n",
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "out"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "out"), 0o777); err != nil {
		t.Fatal(err)
	}
	p.ok("start", "nobody")
	awaitText(t, filepath.Join(dir, "out", "before"), "nobody")
	id, err := exec.Command("id", "-u", "nobody").Output()
	if err != nil {
		t.Fatal(err)
	}
	if s := text("/proc", strconv.Itoa(p.pid("nobody")), "status"); !strings.Contains(s, "Uid:\t"+strings.TrimSpace(string(id))+"\t") {
		t.Errorf("main does not run as nobody:\n%s", s)
	}
}

// TestJobSignals: the kill signal and the reload signal that the job asks for.
func TestJobSignals(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{"svc.conf": `
kill signal INT
reload signal USR1
script
  trap 'echo reload >> @D/log' USR1
  trap 'echo int >> @D/log; exit 0' INT
  trap 'echo term >> @D/log; exit 0' TERM
  echo up >> @D/log
  while :; do sleep 0.01; done
end script
`})
	log := filepath.Join(dir, "log")
	p.ok("start", "svc")
	awaitText(t, log, "up")
	if out := p.ok("reload", "svc"); out != "" {
		t.Errorf("reload said %q", out)
	}
	awaitText(t, log, "up", "reload")
	p.ok("stop", "svc")
	awaitText(t, log, "up", "reload", "int")
	p.refused([]string{"reload", "svc"}, "svc")
}
