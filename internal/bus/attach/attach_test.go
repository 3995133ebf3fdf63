// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/rouse-init/rouse/internal/bus/wire"
)

const manager = "org.freedesktop.systemd1"

func TestCallsThroughTheBus(t *testing.T) {
	r := newRig(t, nil)
	r.boot()
	r.saw("up")
	c := r.dial()
	var text string
	for _, name := range []string{manager, "com.ubuntu.Upstart"} {
		r.await(func() error {
			return c.Object(name, "/org/freedesktop/systemd1").Call("t.Echo.Echo", 0, "hallo").Store(&text)
		})
		if text != "hallo" {
			t.Errorf("got %q", text)
		}
	}
	if r.tree.uid != int64(os.Getuid()) || r.tree.pid != int64(os.Getpid()) {
		t.Errorf("caller is uid %d pid %d", r.tree.uid, r.tree.pid)
	}
	r.await(func() error {
		return c.Object(manager, "/org/freedesktop/systemd1").Call("t.Echo.Write", 0).Err
	})
	err := r.try(func() error { return c.Object(manager, "/nothing").Call("t.Echo.Write", 0).Err })
	var e dbus.Error
	if !errors.As(err, &e) || e.Name != "org.freedesktop.DBus.Error.UnknownObject" {
		t.Errorf("call of nothing: %v", err)
	}
	var n uint32
	r.await(func() error {
		return c.Object(manager, "/org/freedesktop/systemd1").Call("t.Echo.Count", 0, dbus.UnixFD(0)).Store(&n)
	})
	if n != 1 {
		t.Errorf("%d descriptors came, want 1", n)
	}
}

func TestBusComesGoesAndComesBack(t *testing.T) {
	r := newRig(t, nil)
	r.bus.WatchName("t.Service")
	r.until("trouble", func() bool { return len(r.seen) > 0 })
	if !strings.Contains(r.seen[0], "cannot connect to "+r.socket()) {
		t.Errorf("told %q", r.seen)
	}
	for range 2 {
		r.boot()
		r.saw("up")
		r.saw("name t.Service false 0")
		c := r.dial()
		r.await(func() error { _, err := c.RequestName("t.Service", 0); return err })
		r.saw("name t.Service true " + strconv.Itoa(os.Getpid()))
		r.await(func() error { _, err := c.ReleaseName("t.Service"); return err })
		r.saw("name t.Service false 0")
		r.kill()
		r.saw("down")
	}
	r.bus.UnwatchName("t.Service")
	if len(r.bus.names) != 0 || len(r.bus.rules) != 0 {
		t.Errorf("left: %v, %v", r.bus.names, r.bus.rules)
	}
}

// TestManyNames: more than a bus allows match rules.
func TestManyNames(t *testing.T) {
	r := newRig(t, nil)
	r.config = strings.Replace(config, " <limit", ` <limit name="max_match_rules_per_connection">250</limit><limit`, 1)
	const n = 600
	for i := range n {
		r.bus.WatchName("t.N" + strconv.Itoa(i))
	}
	for range 2 {
		r.boot()
		r.saw("up")
		r.until("all names", func() bool {
			r.bus.Tick(now() + returnTime) // those of the first round have not come back
			return len(r.seen) == n
		})
		r.seen = nil
		c := r.dial()
		for _, i := range []int{0, n - 1} {
			r.await(func() error { _, err := c.RequestName("t.N"+strconv.Itoa(i), 0); return err })
			r.saw("name t.N" + strconv.Itoa(i) + " true " + strconv.Itoa(os.Getpid()))
		}
		r.kill()
		r.saw("down")
	}
}

func TestSignalsAreForSubscribers(t *testing.T) {
	r := newRig(t, nil)
	r.boot()
	r.saw("up")
	c := r.dial()
	signals := make(chan *dbus.Signal, 10)
	c.Signal(signals)
	r.await(func() error { return c.AddMatchSignal(dbus.WithMatchInterface("t.Echo")) })
	emit := func(path, text string) {
		r.srv.Emit(path, "t.Echo", "Said", "s", func(e *wire.Encoder) { e.String(text) })
	}
	emit("/org/freedesktop/systemd1", "nobody asked for this")
	if r.srv.Audience() {
		t.Error("somebody listens before Subscribe")
	}
	r.await(func() error {
		return c.Object(manager, "/org/freedesktop/systemd1").Call("org.freedesktop.systemd1.Manager.Subscribe", 0).Err
	})
	emit("/com/ubuntu/Upstart/jobs", "nobody has called Upstart")
	emit("/org/freedesktop/systemd1/unit/x", "asked for")
	var s *dbus.Signal
	r.await(func() error {
		for s = range signals {
			if s.Name == "t.Echo.Said" {
				break
			}
		}
		return nil
	})
	if s.Body[0] != "asked for" {
		t.Errorf("got %v", s)
	}
	r.await(c.Close)
	r.until("the end of the subscription", func() bool { return !r.srv.Audience() })
	if len(r.bus.rules) != 0 || len(r.bus.peers.byName) != 0 {
		t.Errorf("left: %v, %v", r.bus.rules, r.bus.peers.byName)
	}
}

func TestLateAnswerToNobody(t *testing.T) {
	r := newRig(t, nil)
	r.boot()
	r.saw("up")
	c := r.dial()
	c.Object(manager, "/org/freedesktop/systemd1").Go("t.Echo.Later", 0, nil)
	r.until("the call", func() bool { return len(r.tree.later) == 1 })
	_ = c.Close()
	r.kill()
	r.saw("down")
	r.tree.later[0].Return()
	r.boot()
	r.saw("up")
}

func TestNameOfAnother(t *testing.T) {
	r := newRig(t, nil)
	r.boot()
	r.bus.Hold(true)
	c := r.dial()
	r.await(func() error { _, err := c.RequestName(manager, dbus.NameFlagDoNotQueue); return err })
	r.bus.Hold(false)
	r.saw("trouble message bus: name " + manager + " has another owner; waiting for it")
	r.saw("up")
	r.await(c.Close)
	d := r.dial()
	r.await(func() error { return d.Object(manager, "/org/freedesktop/systemd1").Call("t.Echo.Write", 0).Err })
}

func TestMatches(t *testing.T) {
	r := newRig(t, nil)
	var got []string
	m := r.bus.Match(Rule{Interface: "t.I", Member: "M", Arg0: "it's"}, func(m *wire.Message) { got = append(got, m.Decoder().String()) })
	r.boot()
	r.saw("up")
	c := r.dial()
	r.await(func() error { return c.Emit("/a", "t.I.M", "no") })
	r.await(func() error { return c.Emit("/a", "t.I.M", "it's") })
	r.until("the signal", func() bool { return len(got) > 0 })
	r.bus.Unmatch(m)
	r.await(func() error { return c.Emit("/a", "t.I.M", "it's") })
	r.await(func() error { return c.Object(manager, "/org/freedesktop/systemd1").Call("t.Echo.Write", 0).Err })
	if !slices.Equal(got, []string{"it's"}) {
		t.Errorf("got %q", got)
	}
	if len(r.seen) != 0 {
		t.Errorf("told %q", r.seen)
	}
}
