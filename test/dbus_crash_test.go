// SPDX-License-Identifier: Apache-2.0

package test

import (
	"strings"
	"syscall"
	"testing"
)

// The manager is killed while the bus holds a message: the service goes on
// starting, and the sender gets its reply.
func TestBusManagerKilledWhileStarting(t *testing.T) {
	t.Parallel()
	for _, c := range activated[:2] {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBus(t).begin()
			p, dir := b.up(map[string]string{c.file: strings.Replace(c.text, "@S", "@S wait=@D/go", 1), "other.service": neighbour})
			b.awaitOffer()
			s := b.sendAsync(busName)
			awaitText(t, dir+"/trace", "start")
			p.killManager()
			release(t, dir+"/go")
			s.replied(t, 0, "hello")
			p.await("echo.service", "ActiveState", "active")
			awaitText(t, dir+"/trace", "start")
			b.tell("GiveUp")
			p.await("echo.service", "ActiveState", "inactive")
		})
	}
}

// The name appears while there is no manager.
func TestBusNameAppearsWithoutManager(t *testing.T) {
	t.Parallel()
	b := newBus(t).begin()
	p, dir := b.up(map[string]string{"echo.conf": strings.Replace(busJob, "@S", "@S wait=@D/go", 1)})
	b.awaitOffer()
	start := p.background("start", "echo")
	awaitText(t, dir+"/trace", "start")
	start.blocked()
	pid := p.managerPid()
	release(t, dir+"/go")
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.awaitState("echo start/running, process N", "echo")
	b.echo()
	start.returns(0)
}

// The start fails under another manager than the one that was asked.
func TestBusManagerKilledBeforeFailure(t *testing.T) {
	t.Parallel()
	b := newBus(t).begin()
	p, dir := b.up(map[string]string{
		"echo.conf": "dbus system-bus " + busName + "\nscript\necho start >@D/trace\n" + hold("@D/go") + "\nexit 9\nend script\n",
	})
	b.awaitOffer()
	s := b.sendAsync(busName)
	awaitText(t, dir+"/trace", "start")
	p.killManager()
	release(t, dir+"/go")
	s.replied(t, 1, "status 9")
}

// The manager is killed as messages come, again and again: none is lost.
func TestBusManagerKilledAtMessages(t *testing.T) {
	t.Parallel()
	b := newBus(t).begin()
	p, _ := b.up(map[string]string{"echo.conf": busJob})
	b.awaitOffer()
	for range 10 {
		s := b.sendAsync(busName)
		p.killManager()
		s.replied(t, 0, "hello")
		if t.Failed() {
			return
		}
		p.ok("stop", "echo")
	}
}

// With rouse's own bus: it and its services outlive the manager.
func TestBusUnderneathOutlivesManager(t *testing.T) {
	t.Parallel()
	for _, under := range []string{"dbus unit", "dbus job"} {
		t.Run(under, func(t *testing.T) {
			t.Parallel()
			b := newBus(t)
			bus := busUnits(b)[under]
			p, dir := b.up(map[string]string{"echo.conf": busJob, bus.file: bus.text, "other.service": neighbour})
			p.ok("start", "dbus")
			pid := b.awaitOffer().echo()
			p.killManager()
			if got := b.echo(); got != pid {
				t.Errorf("process %d has answered, before it was %d", got, pid)
			}
			p.awaitState("echo start/running, process N", "echo")
			p.ok("stop", "dbus")
			awaitText(t, dir+"/trace", "start", "end", "bus down")
			p.says("echo stop/waiting", "status", "echo")
		})
	}
}
