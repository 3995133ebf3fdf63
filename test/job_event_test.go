// SPDX-License-Identifier: Apache-2.0

package test

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestSeedGettyOfTTY: a getty lives as long as its terminal does, by events.
// (The seed writes `instance TTY`, without the dollar that it needs.)
func TestSeedGettyOfTTY(t *testing.T) {
	t.Parallel()
	p, _ := jobs(t, map[string]string{
		"getty.conf": "start on tty-added\nstop on tty-removed TTY=$TTY\ninstance $TTY\nexec sh -c 'exec sleep 1000' getty $TTY\n",
	})
	p.ok("emit", "tty-added", "TTY=tty1")
	p.ok("emit", "tty-added", "TTY=tty2")
	p.says("getty (tty1) start/running, process N", "status", "getty", "TTY=tty1")
	one, two := p.pid("getty", "TTY=tty1"), p.pid("getty", "TTY=tty2")
	p.ok("emit", "tty-removed", "TTY=tty1") // complete when the getty has gone
	if alive(one) || !alive(two) {
		t.Errorf("after tty1 has gone: its getty runs: %v, that of tty2: %v", alive(one), alive(two))
	}
	if out := p.ok("list"); masked(out) != "getty (tty2) start/running, process N" {
		t.Errorf("list: %s", out)
	}
	p.ok("emit", "tty-removed", "TTY=nothing")
	p.says("getty (tty2) start/running, process N", "status", "getty", "TTY=tty2")
}

// TestSeedInterface: patterns, positions, an exported variable, and a job that
// is started along with each instance of another and knows its interface.
func TestSeedInterface(t *testing.T) {
	t.Parallel()
	p, _ := jobs(t, map[string]string{
		"net.conf":   "start on interface-up IFACE=eth* ADDRFAM=Ethernet\nstop on interface-down $IFACE\ninstance $IFACE\nexport IFACE\nexec sleep 1000\n",
		"wifi.conf":  "start on interface-up wlan*\ntask\nexec echo wifi $IFACE $ADDRESS >> @D/log\n",
		"guard.conf": "start on started net\nstop on stopping net IFACE=$IFACE\ninstance $IFACE\nscript\n  echo guard $JOB $IFACE >> @D/log\n  exec sleep 1000\nend script\n",
	})
	p.ok("emit", "interface-up", "IFACE=eth0", "ADDRFAM=Ethernet", "ADDRESS=01:23:45:67:89:0a")
	p.ok("emit", "interface-up", "IFACE=eth1", "ADDRFAM=Ethernet")
	p.ok("emit", "interface-up", "IFACE=eth2", "ADDRFAM=Infiniband")
	p.ok("emit", "interface-up", "IFACE=lo", "ADDRFAM=Ethernet")
	for _, nic := range []string{"eth0", "eth1"} {
		p.says("net ("+nic+") start/running, process N", "status", "net", "IFACE="+nic)
		p.awaitState("guard ("+nic+") start/running, process N", "guard", "IFACE="+nic)
	}
	if out := p.ok("list"); strings.Contains(out, "eth2") || strings.Contains(out, "(lo)") {
		t.Errorf("list: %s", out)
	}
	guard, other := p.pid("guard", "IFACE=eth0"), p.pid("guard", "IFACE=eth1")
	p.ok("emit", "interface-down", "IFACE=eth0")
	p.refused([]string{"status", "net", "IFACE=eth0"}, "Unknown instance: eth0")
	if alive(guard) || !alive(other) {
		t.Errorf("eth0 is down: its guard runs: %v, that of eth1: %v", alive(guard), alive(other))
	}
}

// TestSeedPositions: the values of a condition may go by their order.
func TestSeedPositions(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{
		"wifi.conf":  "start on interface-up wlan*\ntask\nexec echo $IFACE $ADDRFAM $ADDRESS >> @D/log\n",
		"fifth.conf": "start on interface-up * * 02:*\ntask\nexec echo second >> @D/log\n",
		"never.conf": "start on interface-up IFACE!=wlan*\ntask\nexec echo never >> @D/log\n",
	})
	log := filepath.Join(dir, "log")
	p.ok("emit", "interface-up", "IFACE=wlan0", "ADDRFAM=Ethernet", "ADDRESS=01:23:45:67:89:0a")
	awaitText(t, log, "wlan0 Ethernet 01:23:45:67:89:0a")
	p.ok("emit", "interface-up", "ADDRFAM=wlan0") // a missing variable matches nothing, not even !=
	awaitText(t, log, "wlan0 Ethernet 01:23:45:67:89:0a", "wlan0")
}

// TestSeedAndOr: both halves of an `and`, either of an `or`, and after a stop
// both again. What waits says what it waits for.
func TestSeedAndOr(t *testing.T) {
	t.Parallel()
	p, _ := jobs(t, map[string]string{"both.conf": "start on a-up and b-up\nstop on a-down or b-down\nexec sleep 1000\n"})
	for _, down := range []string{"a-down", "b-down"} {
		first := p.background("emit", "a-up", "X=1")
		p.awaitWhy("both", "still needs: b-up")
		first.blocked()
		p.says("both stop/waiting", "status", "both")
		p.ok("emit", "b-up", "Y=2")
		first.returns(0)
		p.says("both start/running, process N", "status", "both")
		p.ok("emit", down)
		p.says("both stop/waiting", "status", "both")
	}
	// One of the two is not enough again.
	p.ok("emit", "-n", "b-up")
	p.awaitWhy("both", "still needs: a-up")
	p.says("both stop/waiting", "status", "both")
}

// TestSeedEmit: an event is complete when the services that it started run,
// the tasks that it started have ended and what it stopped has stopped; it has
// failed if one of them has. Nobody need know it.
func TestSeedEmit(t *testing.T) {
	t.Parallel()
	p, dir := jobs(t, map[string]string{
		"svc.conf":    "start on go\nstop on halt\nscript\n  trap '" + hold("@D/halt") + "; exit 0' TERM\n  echo up > @D/svc\n  while :; do sleep 0.01; done\nend script\npost-start script\n  " + hold("@D/svc") + "\nend script\n",
		"task.conf":   "start on go\ntask\nscript\n  " + hold("@D/task") + "\nend script\n",
		"broken.conf": "start on trouble\npre-start exec exit 3\nexec sleep 1000\n",
		"sorry.conf":  "start on trouble/failed\ntask\nexec echo sorry $WHAT > @D/sorry\n",
		"start.conf":  "start on start\ntask\nexec echo event > @D/heard\n",
	})
	p.ok("emit", "nobody-knows-this", "A=1")
	go1 := p.background("emit", "go")
	p.awaitState("svc start/running, process N", "svc")
	p.awaitState("task start/running, process N", "task")
	go1.blocked()
	release(t, filepath.Join(dir, "task"))
	go1.returns(0)
	halt := p.background("emit", "halt")
	p.awaitState("svc stop/killed, process N", "svc")
	halt.blocked()
	release(t, filepath.Join(dir, "halt"))
	halt.returns(0)
	p.refused([]string{"emit", "trouble", "WHAT=disk"}, "Event failed")
	awaitText(t, filepath.Join(dir, "sorry"), "sorry disk")
	// The commands are no events: starting a job emits no event "start".
	p.ok("start", "svc")
	if text(dir, "heard") != "" {
		t.Error("the command start was an event")
	}
	p.ok("emit", "start")
	awaitText(t, filepath.Join(dir, "heard"), "event")
}

// TestJobEvents: the four events of a job, in their order, with what they tell.
func TestJobEvents(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"svc.conf": "export COLOR\nenv COLOR=red\ninstance $N\nexec sleep 1000\npre-stop exec echo pre-stop >> @D/log\npost-stop exec echo post-stop >> @D/log\n",
	}
	for _, event := range []string{"starting", "started", "stopping", "stopped"} {
		files[event+".conf"] = "start on " + event + " svc\ntask\nexec echo $UPSTART_EVENTS $JOB $INSTANCE $COLOR ${RESULT-} ${PROCESS-} ${EXIT_STATUS-} ${EXIT_SIGNAL-} >> @D/log\n"
	}
	p, dir := jobs(t, files)
	log := filepath.Join(dir, "log")
	p.ok("start", "svc", "N=1")
	awaitText(t, log, "starting svc 1 red", "started svc 1 red")
	p.ok("stop", "svc", "N=1")
	want := []string{"starting svc 1 red", "started svc 1 red", "pre-stop", "stopping svc 1 red ok", "post-stop", "stopped svc 1 red ok"}
	awaitText(t, log, want...)
	p.ok("start", "svc", "N=1", "COLOR=blue")
	want = append(want, "starting svc 1 blue", "started svc 1 blue")
	awaitText(t, log, want...)
	kill(t, p.pid("svc", "N=1"))
	awaitText(t, log, append(want, "stopping svc 1 blue failed main KILL", "post-stop", "stopped svc 1 blue failed main KILL")...)
}

// TestStartup is the event from which everything else comes.
func TestStartup(t *testing.T) {
	t.Parallel()
	p, _ := jobs(t, map[string]string{
		"root.conf":  "start on startup\nexec sleep 1000\n",
		"child.conf": "start on started root\nexec sleep 1000\n",
		"never.conf": "exec sleep 1000\n",
	})
	p.awaitState("child start/running, process N", "child")
	p.says("never stop/waiting", "status", "never")
	if _, out := p.ctl("why", "child"); !strings.Contains(out, "startup") || !strings.Contains(out, "started JOB=root") {
		t.Errorf("why does not tell the chain of causes:\n%s", out)
	}
}
