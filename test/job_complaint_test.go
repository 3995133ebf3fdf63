// SPDX-License-Identifier: Apache-2.0

package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestHelperBeforeDaemon: the first fork of the script is not the daemon, so
// `expect fork` is wrong. The job runs, is told apart, and can be stopped.
func TestHelperBeforeDaemon(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{"svc.conf": "expect fork\nexpect timeout 1\nscript\n  /bin/true\n  mkfifo @D/fifo\n  ( echo up > @D/up; read never < @D/fifo ) &\n  exit 0\nend script\n"})
	p.ok("start", "svc")
	eventually(t, func() bool { return exists(dir, "up") }, func() string { return "the daemon did not come up" })
	p.awaitState("svc start/running, process N", "svc")
	eventually(t, func() bool { return alive(p.pid("svc")) }, func() string { return "status names a process that is no more" })
	pid := p.pid("svc")
	p.says("svc stop/waiting", "stop", "svc")
	if alive(pid) {
		t.Errorf("process %d is left", pid)
	}
}

// TestRespawnIsSlow: a job that dies again and again is started again more and
// more slowly, which can be seen; a start by hand begins anew.
func TestRespawnIsSlow(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{
		"crash.conf": "respawn\nrespawn limit unlimited\nscript\n  echo run >> @D/log\n  exit 1\nend script\n",
		"limit.conf": "respawn\nrespawn limit 2 5\nscript\n  exit 1\nend script\n",
	})
	runs := func() int { return strings.Count(text(dir, "log"), "run") }
	p.initctl("start", "crash")
	eventually(t, func() bool { return runs() >= 4 }, func() string { return "it was not respawned" })
	began := time.Now()
	eventually(t, func() bool { return runs() >= 7 }, func() string { return "it was not respawned any more" })
	if took := time.Since(began); took < 200*time.Millisecond {
		t.Errorf("three respawns took %v: there is no pause", took)
	}
	_, out := p.ctl("status", "crash")
	if !strings.Contains(out, "Respawned: ") || !strings.Contains(out, " times, the last ") {
		t.Errorf("status does not tell of the respawns:\n%s", out)
	}
	p.ok("stop", "crash")
	before := runs()
	p.says("crash stop/waiting", "status", "crash")

	p.initctl("start", "limit")
	p.awaitState("limit stop/waiting", "limit")
	_, out = p.ctl("status", "limit")
	for _, want := range []string{"failed", "respawned 2 times in 5s"} {
		if !strings.Contains(out, want) {
			t.Errorf("status does not say %q:\n%s", want, out)
		}
	}
	p.initctl("start", "crash")
	eventually(t, func() bool { return runs() >= before+3 }, func() string { return "a start by hand did not begin anew" })
}

// TestRestartTakesNewFile: it keeps what the start was given, and works for a
// job with pre-stop.
func TestRestartTakesNewFile(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{
		"svc.conf": "instance $N\nenv V=old\npre-start exec echo $V $N $ARG >> @D/log\npre-stop exec echo pre-stop >> @D/log\nexec sleep 1000\n",
	})
	log := filepath.Join(dir, "log")
	p.ok("start", "svc", "N=1", "ARG=x")
	before := p.pid("svc", "N=1")
	change(t, p, "svc.conf", "V=old", "V=new")
	p.ok("reload-configuration")
	p.says("svc (1) start/running, process N", "restart", "svc", "N=1")
	if now := p.pid("svc", "N=1"); now == before {
		t.Errorf("restart kept process %d", now)
	}
	awaitText(t, log, "old 1 x", "pre-stop", "new 1 x")
	p.ok("stop", "svc", "N=1")
	p.refused([]string{"restart", "svc", "N=1"}, "Unknown instance", "fix: start svc N=1")
	p.refused([]string{"stop", "svc", "N=1"}, "Unknown instance: 1")
}

// change edits a job file as an editor does: a new file in its place.
func change(t *testing.T, p *process, name, old, with string) {
	t.Helper()
	path := filepath.Join(p.dir(), name)
	s := text(path)
	if !strings.Contains(s, old) {
		t.Fatalf("%s has no %q", name, old)
	}
	if err := os.WriteFile(path+".new", []byte(strings.ReplaceAll(s, old, with)), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// TestJobThatCannotRun: the client is told what is wrong, and where.
func TestJobThatCannotRun(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{
		"syntax.conf":  "exec sleep 1000\nrespan\n",
		"absent.conf":  "env A=1\nexec @D/absent --option\n",
		"nodir.conf":   "chdir @D/absent\nexec sleep 1000\n",
		"exits.conf":   "pre-start script\n  echo the disk is full\n  exit 3\nend script\nexec sleep 1000\n",
		"down.conf":    "exec sleep 1000\n",
		"events.conf":  "start on started absent or starting absent\ntask\nexec echo $UPSTART_EVENTS >> @D/log\n",
		"failure.conf": "start on stopped absent RESULT=failed\ntask\nexec echo stopped $PROCESS ${EXIT_STATUS-none} >> @D/log\n",
	})
	p.refused([]string{"start", "syntax"}, "Unknown job: syntax", "syntax.conf:2:1", "respan", "respawn")
	p.refused([]string{"start", "absent"}, "Job failed to start", "absent.conf:2", "no such file")
	p.refused([]string{"start", "nodir"}, "Job failed to start", "nodir.conf:1", "no such file")
	p.refused([]string{"start", "exits"}, "Job failed to start", "exits.conf:1", "status 3")
	p.refused([]string{"stop", "down"}, "job down is not running")
	awaitText(t, filepath.Join(dir, "log"), "starting", "stopped main none")
	for _, job := range []string{"absent", "nodir", "exits"} {
		p.says(job+" stop/waiting", "status", job)
	}
	var out string
	eventually(t, func() bool {
		_, out = p.ctl("status", "exits")
		return strings.Contains(out, "the disk is full")
	}, func() string { return "status does not show what it printed:\n" + out })
}

// TestNothingSurvivesStop: a shell around the service, a child in a session of
// its own, one that ignores TERM: stop ends them all.
func TestNothingSurvivesStop(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{"app.conf": `
kill timeout 1
script
  setsid -f sh -c 'trap "" TERM; echo up > @D/away; while :; do sleep 0.05; : @D/app; done'
  sh -c 'echo up > @D/child; sleep 1000; : @D/app'
end script
`})
	p.ok("start", "app")
	for _, name := range []string{"away", "child"} {
		eventually(t, func() bool { return exists(dir, name) }, func() string { return name + " did not come up" })
	}
	p.ok("stop", "app")
	nothingLeft(t, dir+"/app")
}

// TestHangingStep: a pre-start or post-start that never ends does not keep the
// job from being stopped, nor everything else.
func TestHangingStep(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{
		"before.conf": "kill timeout 1\npre-start exec sh -c 'sleep 1000; : @D/hang'\nexec sleep 1000\n",
		"beside.conf": "kill timeout 1\npost-start exec sh -c 'sleep 1000; : @D/hang'\nexec sleep 1000\n",
	})
	for job, state := range map[string]string{"before": "before start/pre-start, process N", "beside": "beside start/post-start, process N\n\tpost-start process N"} {
		start := p.background("start", job)
		p.awaitState(state, job)
		began := time.Now()
		p.says(job+" stop/waiting", "stop", job)
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("stop of %s took %v", job, took)
		}
		start.returns(0)
	}
	nothingLeft(t, dir+"/hang")
}

// TestLostHalf: a condition that waits for an event that does not come is
// reported by name, the client that waits with it can be told why, and an event
// that nobody will complete does not block a second client.
func TestLostHalf(t *testing.T) {
	t.Parallel()
	p, _ := jobs(t, map[string]string{
		"web.conf": "start on (local-filesystems and net-device-up IFACE!=lo)\nexec sleep 1000\n",
	})
	first := p.background("emit", "local-filesystems")
	p.awaitWhy("web", "still needs: net-device-up IFACE!=lo")
	p.ok("emit", "local-filesystems") // it is true already
	p.ok("emit", "net-device-up", "IFACE=lo")
	p.says("web stop/waiting", "status", "web")
	first.blocked()
	p.awaitLine("event local-filesystems has been waited for 10s: web waits for the rest of its start condition: net-device-up IFACE!=lo")
	p.ok("emit", "net-device-up", "IFACE=eth0")
	first.returns(0)
	p.says("web start/running, process N", "status", "web")
}

// TestLatchOfRunningJob: half of an `and` that comes true while the job runs
// blocks nobody.
func TestLatchOfRunningJob(t *testing.T) {
	t.Parallel()
	p, _ := jobs(t, map[string]string{"both.conf": "start on a and b\nexec sleep 1000\n"})
	p.ok("start", "both")
	p.ok("emit", "a")
	p.ok("emit", "b")
	p.says("both start/running, process N", "status", "both")
}

// TestWithoutManager: what is wrong is said, with what to do.
func TestWithoutManager(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "nobody")
	for _, args := range [][]string{{"list"}, {"start", "svc"}, {"emit", "x"}} {
		out, err := exec.Command(rouse, append([]string{"--socket", socket, "initctl"}, args...)...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "Unable to connect to Upstart: ") || !strings.Contains(string(out), socket) {
			t.Errorf("initctl %v: %v: %s", args, err, out)
		}
	}
}

// TestInAnyProcess: neither process 1 nor root nor a bus is needed.
func TestInAnyProcess(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "rn") //nolint:usetesting // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.WriteFile(filepath.Join(dir, "svc.conf"), []byte("start on startup\ntask\nexec echo user $(id -u)\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(rouse, "--socket", filepath.Join(dir, "s"), "up", dir)
	cmd.Env = append(os.Environ(), "DBUS_SESSION_BUS_ADDRESS=", "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nowhere")
	if os.Getuid() == 0 {
		const nobody = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		cmd.Env = append(cmd.Env, "HOME=/", "XDG_RUNTIME_DIR="+dir)
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	p := &process{t: t, cmd: cmd, socket: filepath.Join(dir, "s"), lines: make(chan struct{}, 1), ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p, p
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = cmd.Wait(); close(p.ended) }()
	t.Cleanup(p.stop)
	uid := os.Getuid()
	if uid == 0 {
		uid = 65534
	}
	p.awaitLine("user " + strconv.Itoa(uid))
}

// TestZeroes: kill timeout 0 is at once, kill signal 0 is refused at its
// place; both end Upstart itself.
func TestZeroes(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{
		"now.conf":  "kill timeout 0\nscript\n  trap '' TERM\n  echo up > @D/up\n  while :; do sleep 0.01; done\nend script\n",
		"null.conf": "kill signal 0\nexec sleep 1000\n",
	})
	p.ok("start", "now")
	awaitText(t, filepath.Join(dir, "up"), "up")
	p.says("now stop/waiting", "stop", "now")
	p.refused([]string{"start", "null"}, "null.conf:1:13")
	p.ok("list")
}

// TestUnsetEnv removes the variable of that name, not one that begins so.
func TestUnsetEnv(t *testing.T) {
	t.Parallel()
	p, _ := jobs(t, map[string]string{"svc.conf": "exec sleep 1000\n"})
	p.ok("set-env", "-g", "FOO=1")
	p.ok("set-env", "-g", "FOOBAR=2")
	p.ok("unset-env", "-g", "FOOBAR")
	if out := p.ok("get-env", "-g", "FOO"); out != "1" {
		t.Errorf("FOO is %q", out)
	}
	p.refused([]string{"get-env", "-g", "FOOBAR"}, "No such variable: FOOBAR")
}

// TestPatternInValue: an instance with the name of a pattern ends for itself
// alone.
func TestPatternInValue(t *testing.T) {
	t.Parallel()
	p, _ := jobs(t, map[string]string{"getty.conf": "stop on tty-removed TTY=$TTY\ninstance $TTY\nexec sleep 1000\n"})
	for _, tty := range []string{"*", "tty1"} {
		p.ok("start", "getty", "TTY="+tty)
	}
	p.ok("emit", "tty-removed", "TTY=tty1")
	p.refused([]string{"status", "getty", "TTY=tty1"}, "Unknown instance: tty1")
	p.says("getty (*) start/running, process N", "status", "getty", "TTY=*")
	p.ok("emit", "tty-removed", "TTY=*")
	p.refused([]string{"status", "getty", "TTY=*"}, "Unknown instance: *")
}

// TestBrokenOverride: of an override with an error nothing is applied, and it is
// said where the error is.
func TestBrokenOverride(t *testing.T) {
	t.Parallel()
	p, _ := jobs(t, map[string]string{
		"good.conf":     "start on startup\nexec sleep 1000\n",
		"good.override": "manual\n",
		"bad.conf":      "exec sleep 1000\n",
		"bad.override":  "exec false\nrespawn limit x y\n",
	})
	p.says("good stop/waiting", "status", "good")
	p.says("bad start/running, process N", "start", "bad")
	p.awaitLine("bad.override:2:15: ")
	if !strings.Contains(p.output(), "ignoring the whole override") {
		t.Errorf("it did not say what it does:\n%s", p.output())
	}
}

// TestGoneWhileRunning: the job's file is removed while it runs: it can be seen
// and stopped like any other, and is unknown after that.
func TestGoneWhileRunning(t *testing.T) {
	t.Parallel()
	p, _ := jobs(t, map[string]string{"svc.conf": "exec sleep 1000\n", "other.conf": "exec sleep 1000\n"})
	p.ok("start", "svc")
	pid := p.pid("svc")
	if err := os.Remove(filepath.Join(p.dir(), "svc.conf")); err != nil {
		t.Fatal(err)
	}
	p.ok("reload-configuration")
	p.says("svc start/running, process N", "status", "svc")
	p.says("svc stop/waiting", "stop", "svc")
	if alive(pid) {
		t.Errorf("process %d is left", pid)
	}
	p.refused([]string{"status", "svc"}, "Unknown job: svc")
}
