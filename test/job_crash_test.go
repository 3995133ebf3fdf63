// SPDX-License-Identifier: Apache-2.0

package test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestJobsOutliveManager: the manager is killed in the middle of everything
// that takes time. Its successor knows it all, and what was blocked completes.
func TestJobsOutliveManager(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{
		"both.conf":   "start on a-up and b-up\nexec sleep 1000\npre-start exec echo both $A $B >> @D/log\n",
		"getty.conf":  "start on tty-added\nstop on tty-removed TTY=$TTY\ninstance $TTY\nexec sh -c 'exec sleep 1000' getty $TTY\n",
		"gated.conf":  "exec sleep 1000\n",
		"helper.conf": "start on starting gated\ntask\nscript\n  " + hold("@D/helped") + "\nend script\n",
		"task.conf":   "start on go\ntask\nscript\n  " + hold("@D/done") + "\nend script\n",
		"after.conf":  "start on stopped task RESULT=ok\nexec sleep 1000\n",
	})
	p.ok("start", "getty", "TTY=tty1")
	p.ok("emit", "tty-added", "TTY=tty2")
	p.ok("emit", "-n", "a-up", "A=1")
	p.ok("emit", "-n", "go")
	p.ok("start", "-n", "gated")
	p.awaitState("task start/running, process N", "task")
	p.awaitState("helper start/running, process N", "helper")
	p.awaitWhy("both", "still needs: b-up")
	p.awaitState("gated start/starting", "gated")
	state := func() string { return sorted(p.ok("list")) }
	before := state()
	for range 2 {
		p.killManager()
		if after := state(); after != before {
			t.Errorf("before the manager was killed:\n%s\nafter:\n%s", before, after)
		}
	}
	// A latched half of an `and`.
	p.awaitWhy("both", "✓ a-up")
	p.ok("emit", "b-up", "B=2")
	p.says("both start/running, process N", "status", "both")
	awaitText(t, filepath.Join(dir, "log"), "both 1 2")
	// A gate that is held.
	p.says("gated start/starting", "status", "gated")
	release(t, filepath.Join(dir, "helped"))
	p.awaitState("gated start/running, process N", "gated")
	// A task that runs, and what waits for its end.
	release(t, filepath.Join(dir, "done"))
	p.awaitState("after start/running, process N", "after")
	// Instances, and what each of them stops on.
	p.ok("emit", "tty-removed", "TTY=tty2")
	p.refused([]string{"status", "getty", "TTY=tty2"}, "Unknown instance: tty2")
	p.says("getty (tty1) start/running, process N", "status", "getty", "TTY=tty1")
	p.refused([]string{"start", "getty", "TTY=tty1"}, "already running")
}

// sorted puts the lines of a text in order.
func sorted(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// TestStopGateOutlivesManager: a dependent is on its way down when the manager
// dies; the stop of what it depends on still waits for it, and then goes on.
func TestStopGateOutlivesManager(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{
		"dbus.conf": "exec sleep 1000\npost-stop exec echo dbus down >> @D/log\n",
		"hal.conf":  "start on started dbus\nstop on stopping dbus\nkill timeout 60\nscript\n  trap '" + hold("@D/go") + "; exit 0' TERM\n  touch @D/up\n  while :; do sleep 0.01; done\nend script\npost-stop exec echo hal down >> @D/log\n",
	})
	p.ok("start", "dbus")
	eventually(t, func() bool { return exists(dir, "up") }, func() string { return "hal is not up" })
	stop := p.background("stop", "dbus")
	p.awaitState("dbus stop/stopping, process N", "dbus")
	p.awaitState("hal stop/killed, process N", "hal")
	stop.blocked()
	p.killManager()
	p.says("dbus stop/stopping, process N", "status", "dbus")
	p.says("hal stop/killed, process N", "status", "hal")
	release(t, filepath.Join(dir, "go"))
	awaitText(t, filepath.Join(dir, "log"), "hal down", "dbus down")
	p.awaitState("dbus stop/waiting", "dbus")
}

// TestRespawnOutlivesManager: the manager dies again and again while a job is
// respawned; the job comes up, and the counting goes on where it was.
func TestRespawnOutlivesManager(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{
		"crash.conf": "respawn\nrespawn limit 6 100\nscript\n  echo run >> @D/log\n  exit 1\nend script\n",
		"told.conf":  "start on stopped crash\ntask\nexec echo $RESULT $PROCESS >> @D/told\n",
	})
	p.initctl("start", "-n", "crash")
	for range 3 {
		p.killManager()
	}
	awaitText(t, filepath.Join(dir, "told"), "failed respawn")
	if n := strings.Count(text(dir, "log"), "run"); n != 7 {
		t.Errorf("with a limit of 6 it ran %d times, want 7", n)
	}
	p.says("crash stop/waiting", "status", "crash")
}

// TestExpectOutlivesManager: the manager dies between the forks of a daemon,
// before SIGSTOP, and before listen(). Start completes, and stop leaves nothing.
func TestExpectOutlivesManager(t *testing.T) {
	t.Parallel()
	address := "127.0.0.1:" + strconv.Itoa(freePort(t))
	files := map[string]string{
		"stop.conf":   "expect stop\nscript\n  touch @D/stop.up\n  " + hold("@D/go") + "\n  kill -STOP $$\n  exec sleep 1000\nend script\n",
		"fork.conf":   "expect fork\nexec @D/fork\n",
		"daemon.conf": "expect daemon\nexec @D/daemon\n",
		"listen.conf": "expect listen\nexec " + self(t, "late-listen", address) + "\n",
	}
	p, dir := jobs(t, files)
	for name, script := range map[string]string{
		"fork":   "#!/bin/sh\ntouch @D/fork.up\n" + hold("@D/go") + "\nmkfifo @D/f1\n( read never < @D/f1 ) &\nexit 0\n",
		"daemon": "#!/bin/sh\nmkfifo @D/f2\n( touch @D/daemon.up; while [ ! -e @D/go ]; do :; done; ( read never < @D/f2 ) & exit 0 ) &\nexit 0\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.ReplaceAll(script, "@D", dir)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name := range files {
		p.ok("start", "-n", strings.TrimSuffix(name, ".conf"))
	}
	for _, name := range []string{"stop", "fork", "daemon"} {
		eventually(t, func() bool { return exists(dir, name+".up") }, func() string { return name + " did not come up" })
	}
	p.killManager()
	release(t, filepath.Join(dir, "go"))
	for _, name := range []string{"stop", "fork", "daemon", "listen"} {
		p.awaitState(name+" start/running, process N", name)
		pid := p.pid(name)
		if !alive(pid) {
			t.Errorf("%s: process %d does not exist", name, pid)
		}
		p.says(name+" stop/waiting", "stop", name)
		if alive(pid) {
			t.Errorf("%s: process %d is left", name, pid)
		}
	}
	nothingLeft(t, dir+"/")
}

// TestBlockedClients: a client that waits while the manager dies is told, or
// gets what it waited for; its wish is carried out in any case.
func TestBlockedClients(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{
		"slow.conf": "pre-start script\n  " + hold("@D/go") + "\nend script\nexec sleep 1000\n",
		"task.conf": "start on go\ntask\nscript\n  " + hold("@D/go") + "\nend script\n",
	})
	start, emit := p.background("start", "slow"), p.background("emit", "go")
	p.awaitState("slow start/pre-start, process N", "slow")
	p.awaitState("task start/running, process N", "task")
	pid := p.pid("task")
	p.killManager()
	if now := p.pid("task"); now != pid {
		t.Errorf("the task was started again: process %d is now %d", pid, now)
	}
	release(t, filepath.Join(dir, "go"))
	p.awaitState("slow start/running, process N", "slow")
	p.awaitState("task stop/waiting", "task")
	for _, c := range []*pending{start, emit} {
		<-c.done
		if c.code != 0 && (c.code != 1 || c.out == "") {
			t.Errorf("initctl %s: status %d: %q", c.args, c.code, c.out)
		}
		t.Logf("initctl %s: status %d: %s", c.args, c.code, c.out)
	}
}

// TestManagerKilledAtRandom: under a storm of events with the manager killed
// all the time, every instance that was announced is there, none twice, and
// those that were taken away are gone. A client that gets an error asks again.
func TestManagerKilledAtRandom(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{
		"disk.conf": "start on disk-added\nstop on disk-removed DISK=$DISK\ninstance $DISK\nscript\n  echo $DISK >> @D/log\n  exec sleep 1000\nend script\n",
	})
	const disks = 12
	emitted := make([]bool, disks)
	var clients sync.WaitGroup
	for i := range disks {
		clients.Go(func() {
			for end := time.Now().Add(patience); !emitted[i] && time.Now().Before(end); {
				code, _ := p.initctl("emit", "-n", "disk-added", "DISK="+strconv.Itoa(i))
				emitted[i] = code == 0
			}
		})
		if i%4 == 3 {
			if err := syscall.Kill(p.managerPid(), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	clients.Wait()
	for i, ok := range emitted {
		if !ok {
			t.Fatalf("the event of disk %d was never taken", i)
		}
		n := strconv.Itoa(i)
		p.awaitState("disk ("+n+") start/running, process N", "disk", "DISK="+n)
		eventually(t, func() bool { return slices.Contains(strings.Fields(text(dir, "log")), n) }, func() string { return "disk " + n + " does not run" })
	}
	if lines := strings.Fields(text(dir, "log")); len(lines) != disks {
		t.Errorf("%d starts of %d disks: %q", len(lines), disks, lines)
	}
	for i := range disks {
		p.ok("emit", "disk-removed", "DISK="+strconv.Itoa(i))
	}
	if out := p.ok("list"); out != "disk stop/waiting" {
		t.Errorf("left:\n%s", out)
	}
}
