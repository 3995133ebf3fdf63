// SPDX-License-Identifier: Apache-2.0

package upstart_test

import (
	"math/rand/v2"
	"testing"

	"github.com/rouse-init/rouse/internal/bus"
	"github.com/rouse-init/rouse/internal/bus/bustest"
	"github.com/rouse-init/rouse/internal/bus/upstart"
)

// FuzzCalls makes random calls with random arguments. Each is answered, and
// none is an internal error.
func FuzzCalls(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(seed, 400)
	}
	f.Fuzz(func(t *testing.T, seed uint64, n int) {
		fake := bustest.New()
		fake.Broken = func(msg string) { t.Error(msg) }
		fake.Upstart.Session = seed%2 == 1
		s := bustest.Serve(t, fake)
		c := &caller{all: upstart.Interfaces()}
		c.Caller = bustest.Caller{Rand: rand.New(rand.NewPCG(seed, 2)), Conn: dial(t, s).Conn(), Word: c.word}
		if seed%3 == 0 { // and somebody listens
			heard(t, s)
		}
		for range min(n, 1000) {
			if err := c.call(); err != nil {
				t.Fatal(err)
			}
		}
		s.Do(func() {
			if n := fake.Upstart.Service.Waits(); n != 0 {
				t.Errorf("%d waits are left", n)
			}
		})
	})
}

type caller struct {
	bustest.Caller
	all []*bus.Interface
}

var words = []string{
	"", "apache", "mysql", "getty", "tty1", "broken", "net/portmap", "nginx", "typo", "TTY=tty1", "TTY=", "A=b", "A", "=", "=x", "a b=c", "*", "_", "_2d", "☃=☃",
	"debug", "unix:path=/x", "name", "goal", "processes", "start_on", upstart.IfJob, upstart.IfInstance, upstart.IfManager, "PATH", "bad",
}

func (c *caller) word() string { return words[c.Rand.IntN(len(words))] }

func (c *caller) path(iface string) string {
	switch {
	case c.Rand.IntN(10) == 0:
		return upstart.Path + "/jobs/" + []string{"_", "_2", "_2D", "apache/_/_", "plain_61"}[c.Rand.IntN(5)]
	case iface == upstart.IfManager:
		return upstart.Path
	case iface == upstart.IfJob:
		return upstart.JobPath(c.word())
	}
	return upstart.InstancePath(c.word(), []string{"", "tty1", c.word()}[c.Rand.IntN(3)])
}

func (c *caller) call() error {
	iface := c.all[c.Rand.IntN(len(c.all))]
	name, member, sig, path := iface.Name, "GetAll", "s", c.path(iface.Name)
	n := c.Rand.IntN(6)
	if len(iface.Methods) == 0 {
		n %= 3
	}
	switch n {
	case 0:
		name = "org.freedesktop.DBus.Properties"
	case 1:
		name, member, sig = "org.freedesktop.DBus.Properties", "Get", "ss"
	case 2:
		name, member, sig = "org.freedesktop.DBus.Introspectable", "Introspect", ""
	default:
		m := &iface.Methods[c.Rand.IntN(len(iface.Methods))]
		member, sig = m.Name, m.In
	}
	return c.Call(path, name, member, sig)
}
