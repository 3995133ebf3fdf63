// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
)

// offer writes .service files for the daemon.
func (r *rig) offer(units map[string]string) bool {
	r.t.Helper()
	changed, err := WriteActivationFiles(filepath.Join(r.dir, "services"), units)
	if err != nil {
		r.t.Fatal(err)
	}
	return changed
}

// ask sends a call to a name from n connections at once. The answers arrive
// on the channel.
func (r *rig) ask(n int, name string) <-chan error {
	answers := make(chan error, n)
	for range n {
		call := r.dial().Object(name, "/o").Go("t.Fake.Echo", 0, make(chan *dbus.Call, 1), "x") // it is written when this returns
		go func() {
			var text string
			err := (<-call.Done).Store(&text)
			if err == nil && text != "x!" {
				err = errors.New("wrong answer " + text)
			}
			answers <- err
		}()
	}
	return answers
}

// fake is the service that is started.
type fake struct{}

func (fake) Echo(s string) (string, *dbus.Error) { return s + "!", nil }

func TestManySendersOneStart(t *testing.T) {
	const senders = 100
	r := newRig(t, nil)
	r.boot()
	r.saw("up")
	// The name is offered while the bus runs already.
	if !r.offer(map[string]string{"t.Fake": "fake.service"}) {
		t.Error("nothing was written")
	}
	r.reload()
	answers := r.ask(senders, "t.Fake")
	r.bus.WatchName("t.Fake")
	r.settle()
	r.saw("activate fake.service")
	c := r.dial()
	r.await(func() error { return c.Export(fake{}, "/o", "t.Fake") })
	r.await(func() error { _, err := c.RequestName("t.Fake", 0); return err })
	for range senders {
		r.await(func() error { return <-answers })
	}
	var names int
	for _, s := range r.seen {
		switch {
		case strings.HasPrefix(s, "name t.Fake true "):
			names++
		case s == "name t.Fake false 0":
		default:
			t.Errorf("told %q, want one activation only", s)
		}
	}
	if names != 1 {
		t.Errorf("told %q, want the name once", r.seen)
	}
}

// reload has the daemon read its .service files.
func (r *rig) reload() {
	r.t.Helper()
	done := false
	r.bus.Reload(func(err error) {
		done = true
		if err != nil {
			r.t.Error(err)
		}
	})
	r.until("the daemon to read its files", func() bool { return done })
}

func TestActivationFailureReachesSenders(t *testing.T) {
	r := newRig(t, nil)
	r.boot()
	r.saw("up")
	r.offer(map[string]string{"t.Fake": "fake.service"})
	r.reload()
	answers := r.ask(2, "t.Fake")
	r.saw("activate fake.service")
	r.taken()
	r.bus.ActivationFailed("fake.service", "", "/etc/init/fake.conf:3:1: fake: cannot start: exec \"/no\": no such file or directory")
	for range 2 {
		err := r.try(func() error { return <-answers })
		var e dbus.Error
		if !errors.As(err, &e) || e.Name != "org.freedesktop.DBus.Error.Spawn.Failed" || !strings.Contains(e.Error(), `exec "/no"`) {
			t.Errorf("sender got %v", err)
		}
	}
}

// taken waits until the daemon has taken in what the clients wrote: a later
// call of each of them is answered.
func (r *rig) taken() {
	r.t.Helper()
	r.await(func() error {
		for _, c := range r.clients {
			if err := c.BusObject().Call("org.freedesktop.DBus.GetId", 0).Err; err != nil {
				return err
			}
		}
		return nil
	})
}

// TestManagerIsAway: the bus keeps the message and the request until there is
// a manager again.
func TestManagerIsAway(t *testing.T) {
	r := newRig(t, nil)
	r.bus.Hold(true)
	if err := os.MkdirAll(filepath.Join(r.dir, "services"), 0o755); err != nil {
		t.Fatal(err)
	}
	r.offer(map[string]string{"t.Fake": "fake.service"})
	r.boot()
	answers := r.ask(1, "t.Fake")
	r.taken()
	r.bus.Hold(false)
	r.saw("activate fake.service")
	r.bus.ActivationFailed("fake.service", "t.Error.Away", "not today")
	var e dbus.Error
	if err := r.try(func() error { return <-answers }); !errors.As(err, &e) || e.Name != "t.Error.Away" {
		t.Errorf("sender got %v", err)
	}
}

// TestFalseRequests: only the bus itself is believed.
func TestFalseRequests(t *testing.T) {
	r := newRig(t, nil)
	r.boot()
	r.saw("up")
	c := r.dial()
	send := &dbus.Message{
		Type: dbus.TypeSignal, Body: []any{"evil.service"},
		Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldDestination: dbus.MakeVariant(manager), dbus.FieldPath: dbus.MakeVariant(dbus.ObjectPath(driverPath)),
			dbus.FieldInterface: dbus.MakeVariant(activator), dbus.FieldMember: dbus.MakeVariant("ActivationRequest"),
			dbus.FieldSignature: dbus.MakeVariant(dbus.SignatureOf("")), dbus.FieldSender: dbus.MakeVariant(driver),
		},
	}
	c.Send(send, nil)
	r.await(func() error { return c.Object(manager, "/com/ubuntu/Upstart").Call("t.Echo.Write", 0).Err })
	if len(r.seen) > 0 {
		t.Errorf("told %q", r.seen)
	}
}

func TestActivationFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	write := func(units map[string]string, want bool) {
		t.Helper()
		if changed, err := WriteActivationFiles(dir, units); err != nil || changed != want {
			t.Errorf("WriteActivationFiles(%v) = %v, %v, want %v", units, changed, err, want)
		}
	}
	write(nil, false)
	write(map[string]string{"a.b": "a.service", "c.d": "c.service"}, true)
	write(map[string]string{"a.b": "a.service", "c.d": "c.service"}, false)
	foreign := filepath.Join(dir, "e.f.service")
	if err := os.WriteFile(foreign, []byte("[D-BUS Service]\nName=e.f\nExec=/bin/e\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	write(map[string]string{"a.b": "a2.service", "e.f": "e.service"}, true)
	if data, _ := os.ReadFile(foreign); !strings.Contains(string(data), "Exec=/bin/e") {
		t.Errorf("a file of others now says %s", data)
	}
	if data, _ := os.ReadFile(filepath.Join(dir, "a.b.service")); !strings.Contains(string(data), "SystemdService=a2.service\n") {
		t.Errorf("file says %s", data)
	}
	write(nil, true)
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%d files are left", len(entries))
	}
	if _, err := WriteActivationFiles(dir, map[string]string{"../x": "a.service", "x.y": "a\nExec=b"}); err == nil {
		t.Error("names that are none were offered")
	}
}
