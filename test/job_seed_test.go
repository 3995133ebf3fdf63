// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestSeedMinimal: exec alone is a whole job.
func TestSeedMinimal(t *testing.T) {
	t.Parallel()
	p, _ := jobs(t, map[string]string{"dbus.conf": "exec sleep 1000\n"})
	p.says("dbus stop/waiting", "status", "dbus")
	p.says("dbus start/running, process N", "start", "dbus")
	pid := p.pid("dbus")
	p.says("dbus stop/waiting", "stop", "dbus")
	if alive(pid) {
		t.Errorf("process %d is still there", pid)
	}
}

// TestSeedDBus: a directory is made before the daemon runs, and removed after
// it has ended: also when it crashes, and when pre-start fails.
func TestSeedDBus(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{"dbus.conf": `
pre-start script
    mkdir @D/dbus
    if [ -e @D/refuse ]; then exit 3; fi
end script

script
    echo daemon >> @D/dbus/log
    echo run >> @D/runs
    exec sleep 1000
end script

post-stop script
    cp @D/dbus/log @D/last || true
    rm -rf @D/dbus
end script
`})
	run := filepath.Join(dir, "dbus")
	gone := func(when string) {
		t.Helper()
		if _, err := os.Stat(run); err == nil {
			t.Errorf("%s: %s is still there", when, run)
		}
	}
	p.says("dbus start/running, process N", "start", "dbus")
	awaitText(t, filepath.Join(run, "log"), "daemon")
	p.says("dbus stop/waiting", "stop", "dbus")
	gone("stopped")
	awaitText(t, filepath.Join(dir, "last"), "daemon")

	p.ok("start", "dbus")
	awaitText(t, filepath.Join(dir, "runs"), "run", "run")
	if err := syscall.Kill(p.pid("dbus"), syscall.SIGSEGV); err != nil {
		t.Fatal(err)
	}
	p.awaitState("dbus stop/waiting", "dbus")
	gone("crashed")

	release(t, filepath.Join(dir, "refuse"))
	p.refused([]string{"start", "dbus"}, "Job failed to start", "pre-start", "status 3", "dbus.conf:")
	p.says("dbus stop/waiting", "status", "dbus")
	gone("refused")
	awaitText(t, filepath.Join(dir, "runs"), "run", "run")
}

// TestSeedLifecycle: all five processes in their order, over start, restart
// and stop, and what each of them is told.
func TestSeedLifecycle(t *testing.T) {
	t.Parallel()
	const say = ` exec echo $UPSTART_JOB %s $START $STOP >> @D/log` + "\n"
	job := "env START=none\nenv STOP=none\nscript\n  echo main >> @D/log\n  exec sleep 1000\nend script\n"
	for _, process := range []string{"pre-start", "post-start", "pre-stop", "post-stop"} {
		job += process + fmt.Sprintf(say, process)
	}
	p, dir := jobs(t, map[string]string{"svc.conf": strings.Replace(job, "echo main", "echo $UPSTART_JOB main $START $STOP", 1)})
	log := filepath.Join(dir, "log")
	p.says("svc start/running, process N", "start", "svc", "START=a")
	lines := func() []string { return strings.Split(strings.TrimSpace(text(log)), "\n") }
	eventually(t, func() bool { return len(lines()) == 3 }, func() string { return "start ran\n" + text(log) })
	got := lines()
	slices.Sort(got[1:]) // post-start runs beside the main process
	if want := []string{"svc pre-start a none", "svc main a none", "svc post-start a none"}; !slices.Equal(got, want) {
		t.Errorf("start ran %q, want %q", got, want)
	}
	before := p.pid("svc")
	p.says("svc start/running, process N", "restart", "svc", "STOP=r")
	if p.pid("svc") == before {
		t.Error("restart did not replace the process")
	}
	eventually(t, func() bool { return strings.Count(text(log), "main") == 2 }, func() string { return text(log) })
	if err := os.Truncate(log, 0); err != nil {
		t.Fatal(err)
	}
	p.says("svc stop/waiting", "stop", "svc", "STOP=s")
	awaitText(t, log, "svc pre-stop a s", "svc post-stop a s")
}

// TestSeedRestartOrder: main is killed, then post-stop, pre-start, main. A
// restart that is taken back after post-stop runs post-stop again.
func TestSeedRestartOrder(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{"svc.conf": `
pre-start script
  echo pre-start >> @D/log
  ` + hold("@D/go") + `
end script
script
  trap 'echo killed >> @D/log; exit 0' TERM
  echo main >> @D/log
  while :; do sleep 0.01; done
end script
post-stop exec echo post-stop >> @D/log
`})
	log, gate := filepath.Join(dir, "log"), filepath.Join(dir, "go")
	release(t, gate)
	p.ok("start", "svc")
	awaitText(t, log, "pre-start", "main")
	p.ok("restart", "svc")
	awaitText(t, log, "pre-start", "main", "killed", "post-stop", "pre-start", "main")

	_ = os.Remove(gate)
	restart := p.background("restart", "svc")
	p.awaitState("svc start/pre-start, process N", "svc")
	restart.blocked()
	stop := p.background("stop", "svc")
	p.awaitState("svc stop/pre-start, process N", "svc")
	restart.returns(0) // a contrary command releases it
	stop.blocked()
	release(t, gate)
	stop.returns(0)
	awaitText(t, log, "pre-start", "main", "killed", "post-stop", "pre-start", "main", "killed", "post-stop", "pre-start", "post-stop")
}

// TestSeedStopAtOnce: stopped while its start is announced, a job runs neither
// pre-start nor main; post-stop runs.
func TestSeedStopAtOnce(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{
		"svc.conf":    "pre-start exec echo pre-start >> @D/log\npost-stop exec echo post-stop >> @D/log\nscript\n  echo main >> @D/log\n  exec sleep 1000\nend script\n",
		"helper.conf": "start on starting svc\ntask\nscript\n  " + hold("@D/go") + "\nend script\n",
	})
	start := p.background("start", "svc")
	p.awaitState("svc start/starting", "svc")
	start.blocked()
	p.says("svc stop/waiting", "stop", "svc")
	start.returns(0)
	awaitText(t, filepath.Join(dir, "log"), "post-stop")
	release(t, filepath.Join(dir, "go"))
	p.awaitState("helper stop/waiting", "helper")
	awaitText(t, filepath.Join(dir, "log"), "post-stop")
}

// TestSeedKilled: until the process has really gone the job is killed, not
// stopped; KILL comes after the time that the job asks for.
func TestSeedKilled(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{
		"slow.conf": "script\n  trap '" + hold("@D/go") + "; exit 0' TERM\n  echo up > @D/slow\n  while :; do sleep 0.01; done\nend script\npost-stop exec echo down >> @D/slow\n",
		"deaf.conf": "kill timeout 1\nscript\n  trap '' TERM\n  echo up > @D/deaf\n  while :; do sleep 0.01; done\nend script\n",
	})
	p.ok("start", "slow")
	awaitText(t, filepath.Join(dir, "slow"), "up")
	stop := p.background("stop", "slow")
	p.awaitState("slow stop/killed, process N", "slow")
	stop.blocked()
	awaitText(t, filepath.Join(dir, "slow"), "up")
	release(t, filepath.Join(dir, "go"))
	stop.returns(0)
	awaitText(t, filepath.Join(dir, "slow"), "up", "down")

	p.ok("start", "deaf")
	awaitText(t, filepath.Join(dir, "deaf"), "up")
	pid := p.pid("deaf")
	p.says("deaf stop/waiting", "stop", "deaf")
	if alive(pid) {
		t.Errorf("process %d outlived KILL", pid)
	}
}

// TestSeedPostStart: a job is ready when post-start has ended, and not before.
func TestSeedPostStart(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{
		"svc.conf":   "exec sleep 1000\npost-start script\n  " + hold("@D/go") + "\nend script\n",
		"after.conf": "start on started svc\nexec sleep 1000\n",
	})
	start := p.background("start", "svc")
	p.awaitState("svc start/post-start, process N\n\tpost-start process N", "svc")
	start.blocked()
	p.says("after stop/waiting", "status", "after")
	release(t, filepath.Join(dir, "go"))
	start.returns(0)
	p.awaitState("after start/running, process N", "after")
}

// TestSeedPreStop: it runs for a request only, beside the main process, and can
// have the request ignored.
func TestSeedPreStop(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{"svc.conf": "exec sleep 1000\npre-stop script\n  echo asked $WHY >> @D/log\n  if [ \"$WHY\" = joke ]; then @D/start; fi\nend script\n"})
	log := filepath.Join(dir, "log")
	p.ok("start", "svc")
	pid := p.pid("svc")
	p.ok("stop", "svc", "WHY=joke")
	p.awaitState("svc start/running, process N", "svc")
	if now := p.pid("svc"); now != pid {
		t.Errorf("process %d became %d", pid, now)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.awaitState("svc stop/waiting", "svc")
	awaitText(t, log, "asked joke")
	p.ok("start", "svc")
	p.says("svc stop/waiting", "stop", "svc", "WHY=really")
	awaitText(t, log, "asked joke", "asked really")
}

// TestSeedSobby: it is started again whenever it ends, until its limit or one
// of the ends that its job calls normal.
func TestSeedSobby(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{
		"sobby.conf": "exec sleep 1000\nrespawn\nrespawn limit 10 5\nnormal exit 0 ABRT\n",
		"crash.conf": "respawn\nrespawn limit 10 5\nscript\n  echo run >> @D/crash\n  exit 1\nend script\n",
		"told.conf":  "start on stopped crash\ntask\nexec echo $RESULT $PROCESS ${EXIT_STATUS-none} >> @D/told\n",
	})
	p.ok("start", "sobby")
	for _, sig := range []syscall.Signal{syscall.SIGSEGV, syscall.SIGTERM} {
		pid := p.pid("sobby")
		if err := syscall.Kill(pid, sig); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() bool {
			_, out := p.initctl("status", "sobby")
			return masked(out) == "sobby start/running, process N\n" && !strings.Contains(out, fmt.Sprint(pid))
		}, func() string { return "sobby was not respawned" })
	}
	p.refused([]string{"start", "sobby"}, "already running: sobby")
	if err := syscall.Kill(p.pid("sobby"), syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	p.awaitState("sobby stop/waiting", "sobby")

	p.initctl("start", "crash")
	awaitText(t, filepath.Join(dir, "told"), "failed respawn none")
	if n := strings.Count(text(dir, "crash"), "run"); n != 11 {
		t.Errorf("with a limit of 10 it ran %d times, want 11", n)
	}
}

// TestSeedSomeCheck: a task is run again until it ends well, and its starter
// waits for that.
func TestSeedSomeCheck(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{"check.conf": "task\nrespawn\nscript\n  echo $DEVICE >> @D/log\n  [ $(wc -l < @D/log) -ge 3 ]\nend script\n"})
	p.says("check stop/waiting", "start", "check", "DEVICE=sda")
	awaitText(t, filepath.Join(dir, "log"), "sda", "sda", "sda")
}

// TestSeedSingleton: the second start is refused, in words and in the status.
func TestSeedSingleton(t *testing.T) {
	t.Parallel()
	p, _ := jobs(t, map[string]string{
		"sobby.conf": "exec sleep 1000\n",
		"getty.conf": "instance $TTY\nenv SPEED=38400\nexec sleep 1000 $SPEED\n",
	})
	p.says("sobby start/running, process N", "start", "sobby")
	p.says("sobby start/running, process N", "status", "sobby")
	p.refused([]string{"start", "sobby"}, "Job is already running: sobby")
	p.says("getty (tty1) start/running, process N", "start", "getty", "TTY=tty1")
	p.says("getty (tty2) start/running, process N", "start", "getty", "TTY=tty2", "SPEED=9600")
	p.refused([]string{"start", "getty", "TTY=tty1"}, "Job is already running: getty (tty1)")
	p.refused([]string{"start", "getty"}, "Unknown parameter: TTY")
	for tty, speed := range map[string]string{"tty1": "38400", "tty2": "9600"} {
		line := func() string { return text("/proc", fmt.Sprint(p.pid("getty", "TTY="+tty)), "cmdline") }
		eventually(t, func() bool { return line() == "sleep\x001000\x00"+speed+"\x00" },
			func() string { return fmt.Sprintf("%s runs %q, want the speed %s", tty, line(), speed) })
	}
	p.says("getty stop/waiting", "stop", "getty", "TTY=tty1")
	p.says("getty (tty2) start/running, process N", "status", "getty", "TTY=tty2")
	p.refused([]string{"stop", "getty", "TTY=tty1"}, "Unknown instance: tty1")
}

// TestSeedOnlyOne: the manager guarantees that there is one, so that a failed
// bind is a true error: of many starts at once one is carried out, and no
// restart meets the process before it.
func TestSeedOnlyOne(t *testing.T) {
	t.Parallel()
	address := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	p, _ := jobs(t, map[string]string{"web.conf": "expect listen\nexec " + self(t, "late-listen", address) + "\n"})
	var starts []*pending
	for range 8 {
		starts = append(starts, p.background("start", "web"))
	}
	started := 0
	for _, s := range starts {
		<-s.done
		if s.code == 0 {
			started++
		} else if !strings.Contains(s.out, "already running: web") {
			t.Errorf("start: %s", s.out)
		}
	}
	if started != 1 {
		t.Errorf("%d of 8 starts at once were carried out", started)
	}
	for range 3 {
		p.says("web start/running, process N", "restart", "web")
		answer, err := ask("tcp", address, "who")
		if pid, _, _ := strings.Cut(answer, " "); err != nil || pid != fmt.Sprint(p.pid("web")) {
			t.Errorf("after a restart %q answers (%v), status has %d", answer, err, p.pid("web"))
		}
	}
}
