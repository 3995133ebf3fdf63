// SPDX-License-Identifier: Apache-2.0

package test

import (
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// idleBusUnit sleeps in every pause.
func idleBusUnit(action, more string) string {
	return busUnit + "X-IdleSec=60ms\nX-IdleAction=" + action + "\n" + more
}

// A service of the bus sleeps when nobody calls it, and the next message wakes
// it: frozen it is the same process, stopped another.
func TestBusIdle(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"freeze", "stop"} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			b := newBus(t).begin()
			p, _ := b.up(map[string]string{"echo.service": idleBusUnit(action, ""), "other.service": neighbour})
			b.awaitOffer()
			pid := b.echo()
			for i := range 6 {
				eventually(t, func() bool { return p.asleep("echo.service") }, func() string { return "it does not sleep: " + p.output() })
				if action == "stop" { // the bus hears of its end a moment later, and has a call in between fail
					b.awaitNoOwner(busName)
				}
				if i == 3 {
					if err := syscall.Kill(p.managerPid(), syscall.SIGKILL); err != nil {
						t.Fatal(err)
					}
				}
				now := b.echo()
				if (now == pid) != (action == "freeze") {
					t.Errorf("process %d after %d", now, pid)
				}
				pid = now
			}
		})
	}
}

// Clients that pause now and then: frozen it answers every call. Each of them
// is a connection of its own, so that the bus tells of it, too.
func TestBusIdleUnderLoad(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"freeze", "stop"} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			b := newBus(t).begin()
			p, _ := b.up(map[string]string{"echo.service": idleBusUnit(action, ""), "other.service": neighbour})
			b.awaitOffer()
			var asked, failed atomic.Int64
			var wg sync.WaitGroup
			end := time.Now().Add(long(3 * time.Second))
			for i := range 3 {
				wg.Go(func() {
					for r := rand.New(rand.NewPCG(1, uint64(i))); time.Now().Before(end); {
						asked.Add(1)
						if code, out := b.send("Echo", "string:hello"); code != 0 || !strings.Contains(out, "hello") {
							failed.Add(1)
							t.Logf("status %d: %s", code, out)
						}
						time.Sleep(time.Duration(r.Int64N(int64(600 * time.Millisecond))))
					}
				})
			}
			wg.Wait()
			_, status := p.ctl("status", "echo.service")
			t.Logf("%d calls, %d failed\n%s", asked.Load(), failed.Load(), status)
			if sleeps(status) == 0 {
				t.Error("it never slept")
			}
			if action == "freeze" && failed.Load() > 0 {
				t.Errorf("%d of %d calls failed", failed.Load(), asked.Load())
			}
		})
	}
}

// awaitNoOwner waits until the bus knows that nobody has the name.
func (b *messageBus) awaitNoOwner(name string) {
	b.t.Helper()
	eventually(b.t, func() bool {
		_, out := b.run("dbus-send", "--session", "--print-reply=literal", "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.NameHasOwner", "string:"+name)
		return strings.Contains(out, "false")
	}, func() string { return name + " still has an owner" })
}
