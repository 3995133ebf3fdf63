// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// front serves descriptor 3 by asking a backend, over one connection to it for
// each connection of its own, and is as quick to give up as a real one.
func front(backend string) int {
	l, err := net.FileListener(os.NewFile(3, "socket"))
	if err != nil {
		return 1
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return 1
		}
		go func() {
			defer c.Close()
			b, err := net.DialTimeout("tcp", backend, 10*time.Second)
			if err != nil {
				fmt.Fprintln(c, "no backend:", err)
				return
			}
			defer b.Close()
			answers := bufio.NewReader(b)
			for s := bufio.NewScanner(c); s.Scan(); {
				_ = b.SetDeadline(time.Now().Add(10 * time.Second))
				fmt.Fprintln(b, s.Text())
				answer, err := answers.ReadString('\n')
				if err != nil {
					fmt.Fprintln(c, "no answer:", err)
					return
				}
				fmt.Fprint(c, os.Getpid(), " ", answer)
			}
		}()
	}
}

// groupUnits are an application behind a socket, and its database.
func groupUnits(t *testing.T, port int, action, needs, group string) map[string]string {
	db := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	return map[string]string{
		"app.socket":  fmt.Sprintf("[Socket]\nListenStream=127.0.0.1:%d\nX-IdleSec=20ms\nX-IdleAction=%s\n[Install]\nWantedBy=sockets.target\n", port, action),
		"app.service": needs + "[Service]\nExecStart=" + self(t, "front", db) + "\n",
		"db.service": "[Unit]\n" + group + "Type=exec\nExecStart=" + self(t, "bind", db) +
			"\nExecStartPost=/bin/bash -c 'until (exec 3<>/dev/tcp/127.0.0.1/" + db[len("127.0.0.1:"):] + ") 2>/dev/null; do :; done'\n",
	}
}

// TestGroupUnderLoad: the application and its database sleep in the pauses of
// the clients and come back together, and no request is lost.
func TestGroupUnderLoad(t *testing.T) {
	for _, c := range []struct{ name, action, needs, group string }{
		{"freeze", "freeze", "[Unit]\nRequires=db.service\nAfter=db.service\n", "[Service]\nX-IdleWhenUnneeded=yes\n"},
		{"application stops", "stop", "[Unit]\nRequires=db.service\nAfter=db.service\n", "[Service]\nX-IdleWhenUnneeded=yes\n"},
		{"pair", "freeze", "[Unit]\nBindsTo=db.service\nAfter=db.service\n", "BindsTo=app.service\n[Service]\n"},
		{"both stop", "stop", "[Unit]\nRequires=db.service\nAfter=db.service\n", "StopWhenUnneeded=yes\n[Service]\n"},
		{"both stop as a pair", "stop", "[Unit]\nBindsTo=db.service\nAfter=db.service\n", "BindsTo=app.service\n[Service]\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			port := freePort(t)
			units := groupUnits(t, port, c.action, c.needs, c.group)
			p := up(t, units)
			asked, failed := load(t, port, 4, long(3*time.Second))
			_, status := p.ctl("status", "app.service", "db.service")
			t.Logf("%d requests, %d failed\n%s", asked, failed, status)
			if failed > 0 || asked == 0 {
				t.Errorf("%d of %d requests failed", failed, asked)
			}
			if n := sleeps(status); n == 0 {
				t.Error("nobody ever slept")
			}
			both := func() bool { return p.asleep("app.service") && p.asleep("db.service") }
			eventually(t, both, func() string { return "they do not sleep together: " + p.output() })
		})
	}
}

// asleep tells whether a service is frozen or down.
func (p *process) asleep(unit string) bool {
	return p.property(unit, "FreezerState") == "frozen" || p.property(unit, "ActiveState") == "inactive"
}

// sleeps is how often the unit has fallen asleep.
func (p *process) sleeps(unit string) int {
	p.t.Helper()
	_, status := p.ctl("status", unit)
	return sleeps(status)
}

// TestGroupOutlivesManager: the manager is killed while the group sleeps, and
// in the midst of waking it.
func TestGroupOutlivesManager(t *testing.T) {
	port := freePort(t)
	p := up(t, groupUnits(t, port, "freeze", "[Unit]\nRequires=db.service\nAfter=db.service\n", "[Service]\nX-IdleWhenUnneeded=yes\n"))
	var wg sync.WaitGroup
	for i := range 10 {
		eventually(t, func() bool { return p.asleep("app.service") && p.asleep("db.service") },
			func() string { return "they do not sleep together: " + p.output() })
		manager, sleeps := p.managerPid(), p.sleeps("app.service")
		wg.Go(func() {
			line := "request " + strconv.Itoa(i)
			if answer, err := ask("tcp", "127.0.0.1:"+strconv.Itoa(port), line); err != nil || !strings.HasSuffix(answer, line) {
				t.Errorf("%q, %v", answer, err)
			}
		})
		if i%2 == 1 {
			eventually(t, func() bool { return !p.asleep("app.service") || p.sleeps("app.service") > sleeps }, func() string { return "it is not woken" })
		}
		if err := syscall.Kill(manager, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
	}
}
