// SPDX-License-Identifier: Apache-2.0

package test

import (
	"strings"
	"sync"
	"testing"
)

// activated are the ways to say that a message starts something: the file of
// the unit or job, and its name to initctl and systemctl.
var activated = []struct {
	name, file, text string
}{
	{"unit", "echo.service", busUnit},
	{"job", "echo.conf", busJob},
	{"session job", "echo.conf", strings.Replace(busJob, "system-bus", "session-bus", 1)},
}

// A message to a name without an owner starts its unit, or its job, and is
// answered by it.
func TestBusMessageStarts(t *testing.T) {
	t.Parallel()
	for _, c := range activated {
		for _, how := range []string{"declared", "installed"} {
			t.Run(c.name+" "+how, func(t *testing.T) {
				t.Parallel()
				b := newBus(t)
				if how == "installed" {
					b.offer(busName, "echo.service")
				}
				b.begin()
				p, dir := b.up(map[string]string{c.file: c.text, "other.service": neighbour})
				p.await("echo.service", "ActiveState", "inactive")
				pid := b.echo()
				if got := b.echo(); got != pid {
					t.Errorf("the second message was answered by %d, the first by %d", got, pid)
				}
				p.await("echo.service", "ActiveState", "active")
				if strings.HasSuffix(c.file, ".conf") {
					if got := p.pid("echo"); got != pid {
						t.Errorf("the job has process %d, and %d has answered", got, pid)
					}
				}
				awaitText(t, dir+"/trace", "start")
			})
		}
	}
}

// A hundred senders at once: one start, and each gets its reply.
func TestBusHundredSenders(t *testing.T) {
	t.Parallel()
	for _, c := range activated[:2] {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBus(t).begin()
			_, dir := b.up(map[string]string{c.file: c.text, "other.service": neighbour})
			var all sync.WaitGroup
			var pids [100]string
			for i := range pids {
				all.Go(func() {
					code, out := b.send("Echo", "string:hello")
					if code != 0 {
						t.Errorf("sender %d: status %d: %s", i, code, out)
					}
					pids[i], _, _ = strings.Cut(strings.TrimSpace(out), " ")
				})
			}
			all.Wait()
			for i, pid := range pids {
				if pid != pids[0] {
					t.Errorf("sender %d was answered by %s, the first by %s", i, pid, pids[0])
				}
			}
			awaitText(t, dir+"/trace", "start")
		})
	}
}
