// SPDX-License-Identifier: Apache-2.0

package upstart_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rouse-init/rouse/internal/bus/bustest"
	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/engine"
)

func TestWaiting(t *testing.T) {
	f := bustest.New()
	s := bustest.Serve(t, f)
	waiting := func(n int) func() bool { return func() bool { return len(f.Upstart.Waiting) == n } }
	for _, failed := range []bool{false, true} {
		ends := make(chan error)
		a, b := dial(t, s), dial(t, s)
		go func() { _, err := a.Job("hang").Start(nil, true); ends <- err }()
		s.Until(t, "start waits", waiting(1))
		go func() { ends <- b.EmitEvent("hang", nil, true) }()
		s.Until(t, "event waits", waiting(2))
		if err := dial(t, s).EmitEvent("hang", nil, false); err != nil {
			t.Error(err)
		}
		select {
		case err := <-ends:
			t.Fatalf("did not wait: %v", err)
		default:
		}
		s.Do(func() { f.Upstart.Release(failed) })
		for range 2 {
			if err := <-ends; failed != (client.IsUpstartError(err, "JobFailed") || client.IsUpstartError(err, "EventFailed")) || !failed && err != nil {
				t.Errorf("failed=%v: %v", failed, err)
			}
		}
		if !failed {
			if err := dial(t, s).Job("hang").Stop(nil, false); err != nil {
				t.Fatal(err)
			}
			s.Do(func() { f.Upstart.States = nil; f.Upstart.States = bustest.NewJobs().States })
		}
	}
	s.Do(func() {
		if n := f.Upstart.Service.Waits(); n != 0 {
			t.Errorf("%d waits are left", n)
		}
	})
}

// Clients that vanish while they wait leave nothing behind, and the answer
// that comes too late hurts nobody.
func TestClientVanishes(t *testing.T) {
	f := bustest.New()
	s := bustest.Serve(t, f)
	const n = 50
	for range n {
		c := dial(t, s).Conn()
		// Sent and not waited for, as by a client that is killed.
		if err := c.Post("/com/ubuntu/Upstart", "com.ubuntu.Upstart0_6", "EmitEvent", "sasb", func(e *wire.Encoder) {
			e.String("hang")
			e.Strings(nil)
			e.Bool(true)
		}); err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	s.Until(t, "all wait", func() bool { return len(f.Upstart.Waiting) == n })
	s.Until(t, "all have gone", func() bool { return f.Service.Clients() == 0 })
	s.Do(func() { f.Upstart.Release(true) })
	s.Do(func() {
		if n := f.Upstart.Service.Waits(); n != 0 {
			t.Errorf("%d waits are left", n)
		}
	})
	if _, err := dial(t, s).Version(); err != nil {
		t.Error(err)
	}
}

// heard collects signals of a client that calls c once, so that it is known to
// be there.
func heard(t *testing.T, s *bustest.Server, rules ...string) (turn func(until string), lines *[]string) {
	t.Helper()
	c, err := client.Dial(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	lines = new([]string)
	c.OnSignal(func(sig *client.Signal) {
		line := sig.Member + " " + strings.TrimPrefix(sig.Path, "/com/ubuntu/Upstart")
		switch sig.Member {
		case "EventEmitted":
			line += fmt.Sprint(" ", sig.Args.String(), sig.Args.Strings())
		case "Failed":
			line += fmt.Sprint(" ", sig.Args.Int32())
		case "Restarted":
		case "GoalChanged", "StateChanged":
			line += " " + sig.Args.String()
		default:
			line += " " + strings.TrimPrefix(sig.Args.Path(), "/com/ubuntu/Upstart/jobs/")
		}
		*lines = append(*lines, line)
	}, rules...)
	if _, err := c.Upstart().Version(); err != nil {
		t.Fatal(err)
	}
	return func(until string) {
		t.Helper()
		if err := c.Wait(func() bool { return slices.Contains(*lines, until) }); err != nil {
			t.Fatal(err)
		}
	}, lines
}

func TestSignals(t *testing.T) {
	f := bustest.New()
	s := bustest.Serve(t, f)
	turn, got := heard(t, s) // plain, as clients of the private socket are
	turnOne, one := heard(t, s, "type='signal',path='/com/ubuntu/Upstart/jobs/broken/_'")
	_, other := heard(t, s, "type='signal',interface='org.freedesktop.systemd1.Manager'")
	u := dial(t, s)
	if _, err := u.Job("mysql").Start(nil, true); err != nil {
		t.Fatal(err)
	}
	_ = u.Job("mysql").Stop(nil, true)
	_ = u.Job("apache").Stop(nil, true) // ran before anybody listened
	_, _ = u.Job("broken").Start(nil, true)
	_ = u.EmitEvent("ev", []string{"A=b"}, true)
	s.Do(func() {
		up := f.Upstart.Service
		up.JobAdded("net-portmap.service")
		up.JobRemoved("net-portmap.service")
		up.UnitChanged("getty.service") // a class is no instance
		f.Upstart.States["app.slice"] = engine.JobStatus{Unit: "app.slice", Job: "app.slice", Goal: "start", State: "running"}
		up.UnitChanged("app.slice")
		up.UnitForgotten("getty@tty1.service")
		up.UnitForgotten("never.service")
		up.Restarted()
	})
	turn("Restarted ")
	want := []string{
		"InstanceAdded /jobs/mysql mysql/_", "GoalChanged /jobs/mysql/_ start", "StateChanged /jobs/mysql/_ starting", "StateChanged /jobs/mysql/_ running",
		"GoalChanged /jobs/mysql/_ stop", "StateChanged /jobs/mysql/_ stopping", "StateChanged /jobs/mysql/_ waiting", "InstanceRemoved /jobs/mysql mysql/_",
		"GoalChanged /jobs/apache/_ stop", "StateChanged /jobs/apache/_ stopping", "StateChanged /jobs/apache/_ waiting", "InstanceRemoved /jobs/apache apache/_",
		"InstanceAdded /jobs/broken broken/_", "GoalChanged /jobs/broken/_ start", "StateChanged /jobs/broken/_ starting",
		"GoalChanged /jobs/broken/_ stop", "StateChanged /jobs/broken/_ stopping", "Failed /jobs/broken/_ 1", "StateChanged /jobs/broken/_ waiting", "InstanceRemoved /jobs/broken broken/_",
		"EventEmitted  ev[A=b]", "JobAdded  net_2fportmap", "JobRemoved  net_2fportmap",
		"GoalChanged /jobs/getty/tty1 stop", "StateChanged /jobs/getty/tty1 waiting", "InstanceRemoved /jobs/getty getty/tty1", "Restarted ",
	}
	if !slices.Equal(*got, want) {
		t.Errorf("signals are\n%s\nwant\n%s", strings.Join(*got, "\n"), strings.Join(want, "\n"))
	}
	turnOne("StateChanged /jobs/broken/_ waiting")
	if w := want[13:19]; !slices.Equal(*one, w) {
		t.Errorf("with a rule for one object\n%s\nwant\n%s", strings.Join(*one, "\n"), strings.Join(w, "\n"))
	}
	if len(*other) != 0 {
		t.Errorf("client of another service got %v", *other)
	}
}

// Who wants events is told to the manager when it changes and only then; the
// client of a command that listens to nothing costs it nothing.
func TestListenersAreFollowed(t *testing.T) {
	f := bustest.New()
	s := bustest.Serve(t, f)
	u := dial(t, s)
	for range 3 {
		_, _ = u.Job("mysql").Start(nil, true)
		_ = u.Job("mysql").Stop(nil, true)
		_ = u.EmitEvent("unheard", nil, true)
	}
	check := func(want string) {
		t.Helper()
		s.Do(func() {
			var watch []string
			for _, call := range f.Upstart.Calls {
				if strings.HasPrefix(call, "watch") {
					watch = append(watch, call)
				}
			}
			if got := strings.Join(watch, ", "); got != want {
				t.Errorf("manager was told %q, want %q", got, want)
			}
		})
	}
	check("")
	s.Do(func() {
		if n := f.Upstart.Service.Told(); n != 0 {
			t.Errorf("%d instances are remembered for nobody", n)
		}
	})
	c, err := client.Dial(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	c.OnSignal(func(*client.Signal) {}, "type='signal',member='EventEmitted'")
	if _, err := c.Upstart().Version(); err != nil {
		t.Fatal(err)
	}
	check("watch true")
	c.Close()
	s.Until(t, "nobody listens", func() bool { return slices.Contains(f.Upstart.Calls, "watch false") })
	check("watch true, watch false")
}
