// SPDX-License-Identifier: Apache-2.0

package test

import (
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A service is ready when its name appears, and not before: what comes after
// it waits.
func TestBusReadyWithName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, file, text, after, next string }{
		{"unit", "echo.service", busUnit, "next.service",
			"[Unit]\nRequires=echo.service\nAfter=echo.service\n[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo next >>@D/trace'\n"},
		{"job", "echo.conf", busJob, "next.conf", "start on started echo\ntask\nexec echo next >>@D/trace\n"},
		{"unit after job", "echo.conf", busJob, "next.service",
			"[Unit]\nRequires=echo.service\nAfter=echo.service\n[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo next >>@D/trace'\n"},
		{"job after unit", "echo.service", busUnit, "next.conf", "start on started echo\ntask\nexec echo next >>@D/trace\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBus(t).begin()
			p, dir := b.up(map[string]string{
				c.file: strings.Replace(c.text, "@S", "@S wait=@D/go", 1), c.after: c.next, "other.service": neighbour,
			})
			first := "echo"
			if c.after == "next.service" {
				first = "next"
			}
			start := p.background("start", first)
			awaitText(t, dir+"/trace", "start")
			start.blocked()
			if got := p.property("echo.service", "ActiveState") + " " + p.property("next.service", "ActiveState"); got != "activating inactive" {
				t.Errorf("before the name is there: %s", got)
			}
			release(t, dir+"/go")
			start.returns(0)
			awaitText(t, dir+"/trace", "start", "next")
			p.await("echo.service", "ActiveState", "active")
		})
	}
}

// A service that gives up its name is stopped, and the next message starts it
// again.
func TestBusNameGivenUp(t *testing.T) {
	t.Parallel()
	for _, c := range activated[:2] {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBus(t).begin()
			p, dir := b.up(map[string]string{
				c.file: c.text, "other.service": neighbour,
				"watch.conf": "start on stopped echo\ntask\nexec echo \"stopped $RESULT\" >>@D/trace\n",
			})
			pid := b.echo()
			b.tell("GiveUp")
			awaitText(t, dir+"/trace", "start", "end", "stopped ok")
			p.await("echo.service", "ActiveState", "inactive")
			if b.echo() == pid {
				t.Error("it is the same process")
			}
			awaitText(t, dir+"/trace", "start", "end", "stopped ok", "start")
		})
	}
}

// busUnits are the ways to have rouse run the bus itself. Both write when they
// have ended.
func busUnits(b *messageBus) map[string]struct{ file, text string } {
	return map[string]struct{ file, text string }{
		"dbus unit": {"dbus.service", "[Service]\nType=notify\nRestart=always\nRestartSec=0\nExecStart=" + b.daemon() +
			" --nofork\nExecStopPost=/bin/sh -c 'echo bus down >>@D/trace'\n"},
		"dbus job": {"dbus.conf", "expect fork\nrespawn\nexec " + b.daemon() +
			" --fork\npost-stop exec echo bus down >>@D/trace\n"},
	}
}

// A service of the bus runs only while the bus runs: starting it by hand
// starts the bus, and stopping the bus stops it first, while it can still
// take its leave.
func TestBusUnderneath(t *testing.T) {
	t.Parallel()
	for _, under := range []string{"dbus unit", "dbus job"} {
		for _, c := range activated {
			t.Run(c.name+" on "+under, func(t *testing.T) {
				t.Parallel()
				b := newBus(t)
				bus := busUnits(b)[under]
				p, dir := b.up(map[string]string{c.file: c.text, bus.file: bus.text, "other.service": neighbour})
				p.await("dbus.service", "ActiveState", "inactive")
				p.ok("start", "echo")
				p.await("dbus.service", "ActiveState", "active")
				p.await("echo.service", "ActiveState", "active")
				pid := b.echo()
				p.ok("stop", "dbus")
				awaitText(t, dir+"/trace", "start", "end", "bus down")
				p.await("echo.service", "ActiveState", "inactive")
				if alive(pid) {
					t.Error("the service runs without the bus")
				}
				p.ok("start", "dbus")
				if b.awaitOffer().echo() == pid {
					t.Error("the old process has answered")
				}
				awaitText(t, dir+"/trace", "start", "end", "bus down", "start")
			})
		}
	}
}

// A bus that rouse runs is killed: it comes back, and messages start services
// again.
func TestBusKilledUnderneath(t *testing.T) {
	t.Parallel()
	for _, under := range []string{"dbus unit", "dbus job"} {
		for _, c := range activated[:2] {
			t.Run(c.name+" on "+under, func(t *testing.T) {
				t.Parallel()
				b := newBus(t)
				bus := busUnits(b)[under]
				p, _ := b.up(map[string]string{c.file: c.text, bus.file: bus.text, "other.service": neighbour})
				p.ok("start", "dbus")
				b.awaitOffer()
				for range 3 {
					pid := b.echo()
					old := p.property("dbus.service", "MainPID")
					n, _ := strconv.Atoi(old)
					if err := syscall.Kill(n, syscall.SIGKILL); n < 2 || err != nil {
						t.Fatalf("cannot kill the bus, process %s: %v", old, err)
					}
					eventually(t, func() bool {
						now := p.property("dbus.service", "MainPID")
						return now != old && now != "0" && p.property("dbus.service", "ActiveState") == "active"
					}, func() string { return "the bus is not started again" })
					if b.awaitOffer().echo() == pid {
						t.Error("the old process has answered")
					}
				}
			})
		}
	}
}

// A bus of others is killed and comes back. A service that outlives it and
// takes its name again goes on; another is started by the next message.
func TestBusRestartsBeside(t *testing.T) {
	t.Parallel()
	for _, c := range activated[:2] {
		for _, stay := range []string{"", "stay"} {
			t.Run(strings.TrimSpace(c.name+" "+stay), func(t *testing.T) {
				t.Parallel()
				b := newBus(t).begin()
				p, _ := b.up(map[string]string{c.file: strings.Replace(c.text, "@S", "@S "+stay, 1), "other.service": neighbour})
				pid := b.echo()
				for range 3 {
					b.kill()
					if stay == "" {
						eventually(t, func() bool { return !alive(pid) }, func() string { return "the service lives on" })
					}
					b.begin().awaitOffer()
					if stay != "" {
						b.awaitOwner(busName)
					}
					got := b.echo()
					if (got == pid) != (stay != "") {
						t.Errorf("process %d has answered, before it was %d", got, pid)
					}
					pid = got
					p.await("echo.service", "ActiveState", "active")
				}
			})
		}
	}
}

// A start that fails gives the sender the reason, with the line of the file.
func TestBusStartFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, file, text, want string }{
		{"no program in a unit", "echo.service", "[Service]\nType=dbus\nBusName=" + busName + "\nExecStart=/no/such/program\n", "echo.service:4"},
		{"no program in a job", "echo.conf", "dbus system-bus " + busName + "\nexec /no/such/program\n", "echo.conf:2"},
		{"unit ends", "echo.service", "[Service]\nType=dbus\nBusName=" + busName + "\nExecStart=/bin/sh -c 'exit 9'\n", "status 9"},
		{"job ends", "echo.conf", "dbus system-bus " + busName + "\nexec /bin/sh -c 'exit 9'\n", "status 9"},
		{"pre-start", "echo.conf", "dbus system-bus " + busName + "\npre-start exec /bin/sh -c 'exit 9'\nexec @S\n", "echo.conf:2"},
		{"bad unit", "echo.service", "[Service]\nType=dbus\nBusName=" + busName + "\nExecStart=relative*\n", "echo.service:4"},
		{"bad job", "echo.conf", "dbus system-bus " + busName + "\nexec @S\nrespawn limit many\n", "echo.conf:3"},
		{"condition", "echo.service", "[Unit]\nConditionPathExists=/no/such\n" + busUnit, "condition"},
		{"no unit", "x.conf", "exec true\n", "echo.service not found"},
		{"too late", "echo.service", strings.Replace(busUnit, "@S", "@S wait=@D/go\nTimeoutStartSec=300ms", 1), "imeout"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBus(t).offer(busName, "echo.service").begin()
			p, _ := b.up(map[string]string{c.file: c.text, "other.service": neighbour})
			b.awaitOwner("org.freedesktop.systemd1")
			for range 2 {
				s := b.sendAsync(busName)
				s.replied(t, 1, c.want)
				if t.Failed() {
					break
				}
			}
			if c.name != "no unit" {
				return
			}
			// A file that appears is found by the next message.
			dir := p.cmd.Args[len(p.cmd.Args)-1]
			put(t, filepath.Join(dir, "echo.service"), strings.Replace(busUnit, "@S", self(t, "bus", b.address, busName, dir+"/trace"), 1))
			b.echo()
		})
	}
}

// A bus behind a socket of rouse sleeps until somebody sends a message, which
// then starts the bus and the service.
func TestBusBehindSocket(t *testing.T) {
	t.Parallel()
	for _, c := range activated[:2] {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBus(t)
			p, _ := b.up(map[string]string{
				c.file: c.text, "other.service": neighbour,
				"dbus.socket":  "[Socket]\nListenStream=@B/bus\n[Install]\nWantedBy=default.target\n",
				"dbus.service": "[Service]\nType=notify\nExecStart=" + b.daemon() + " --nofork --address=systemd:\n",
			})
			p.await("other.service", "ActiveState", "inactive") // it has run: all is at rest
			if got := p.property("dbus.service", "ActiveState"); got != "inactive" {
				t.Fatalf("nobody has sent a message, and the bus is %s", got)
			}
			pid := b.echo()
			p.await("echo.service", "ActiveState", "active")
			p.ok("stop", "dbus")
			p.await("dbus.service", "ActiveState", "inactive")
			if b.echo() == pid && c.file == "echo.conf" {
				t.Error("the job has outlived the bus")
			}
		})
	}
}
