// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus/bustest"
	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

func TestWhy(t *testing.T) {
	fake := bustest.New()
	fake.Views["web.service"].Unit.Service.Job = &unit.Job{Name: "web", Manual: true}
	s := bustest.Serve(t, fake)
	c := dial(t, s.Path)
	if x, err := c.Why("web.service"); err != nil || len(x.Notes) != 1 || !strings.HasPrefix(x.Notes[0], "manual: ") {
		t.Errorf("a manual job is %+v, %v", x, err)
	}
	if got := c.Fragment("web.service"); got != "/lib/systemd/system/web.service" {
		t.Errorf("web.service is defined by %q", got)
	}
	x, err := c.Why("broken.service")
	if err != nil || x.Unit != "broken.service" || x.Active != "failed" || !strings.Contains(x.Failure, "no such file") || x.Causes[0].What != "start asked for by uid 0" {
		t.Errorf("why is %+v, %v", x, err)
	}
	if _, err := c.Why("nope.service"); err == nil || !strings.Contains(err.Error(), "not loaded") {
		t.Errorf("why of nothing: %v", err)
	}
}

// called waits until the manager was asked for something.
func called(t *testing.T, s *bustest.Server, what string) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		var yes bool
		if s.Do(func() { yes = slices.Contains(s.Fake.Calls, what) }); yes {
			return
		}
		_, _ = unix.Poll(nil, 1)
	}
	t.Errorf("manager was not asked for %q within 5 s", what)
}

// Events are told to those who asked, and to nobody else.
func TestWatchEvents(t *testing.T) {
	f := bustest.New()
	s := bustest.Serve(t, f)
	plain := dial(t, s.Path)
	plain.OnSignal(func(sig *client.Signal) {
		if sig.Member == "Event" {
			t.Error("an event came that was not asked for")
		}
	})
	if _, err := plain.Active("web.service"); err != nil {
		t.Fatal(err)
	}
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		called(t, s, "follow events true")
		s.Do(func() {
			f.Service.EventEmitted(engine.Emitted{ID: 7, Name: "started", Env: []string{"JOB=web", "INSTANCE="}, Cause: "web.service runs"})
			f.Service.EventCompleted(engine.Completed{ID: 7, Failed: true})
		})
	}()
	var got []string
	c := dial(t, s.Path)
	err := c.WatchEvents(func(e *client.Event, raw json.RawMessage) bool {
		if e.When().Year() < 2020 || !json.Valid(raw) {
			t.Errorf("line %s", raw)
		}
		got = append(got, fmt.Sprint(e.ID, e.Name, e.Env, e.Cause, e.Completed, e.Failed))
		return !e.Completed
	})
	<-watching
	if want := []string{"7started[JOB=web INSTANCE=]web.service runsfalse false", "7[]true true"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("events are %q, %v", got, err)
	}
	c.Close()
	called(t, s, "follow events false")
	if _, err := plain.Active("web.service"); err != nil {
		t.Fatal(err)
	}
}

func TestAddresses(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", "/run/user/7")
	for _, c := range []struct{ address, want string }{
		{"/run/rouse/private", "[/run/rouse/private]"},
		{"@/com/ubuntu/upstart", "[@/com/ubuntu/upstart]"},
		{"unix:abstract=/com/ubuntu/upstart-session/1000/7,guid=00ff", "[@/com/ubuntu/upstart-session/1000/7]"},
		{"unix:path=/a%20b;unix:path=/c", "[/a b /c]"},
		{"tcp:host=localhost,port=1;unix:runtime=yes", "[/run/user/7/bus]"},
		{"", ""},
		{"nonsense", ""},
		{"tcp:host=localhost", ""},
		{"unix:guid=1", ""},
		{"unix:path=%zz", ""},
	} {
		names, err := client.ParseAddress(c.address)
		if got := fmt.Sprint(names); (err == nil) != (c.want != "") || err == nil && got != c.want {
			t.Errorf("%q: %s, %v", c.address, got, err)
		}
	}
}

// A path may be relative, as `rouse up --socket` takes it; only a colon makes a
// D-Bus address.
func TestRelativePath(t *testing.T) {
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for address, path := range map[string]string{"rel": wd + "/rel", "./a:b": wd + "/a:b", "../x/y": filepath.Dir(wd) + "/x/y"} {
		if _, err := client.DialAddress(address); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v, want one that says %s", address, err, path)
		}
	}
}

// TestMessageBus reaches a name through a real bus.
func TestMessageBus(t *testing.T) {
	daemon, err := exec.LookPath("dbus-daemon")
	if err != nil {
		t.Skip("dbus-daemon is not installed")
	}
	dir, err := os.MkdirTemp("", "bus") //nolint:usetesting // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	address := "unix:path=" + filepath.Join(dir, "bus")
	cmd := exec.Command(daemon, "--session", "--nofork", "--nopidfile", "--print-address", "--address="+address)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	c, err := client.DialBus(address, "org.freedesktop.DBus")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	d, err := c.Call("/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner", "s", func(e *wire.Encoder) { e.String("com.ubuntu.Upstart") })
	if err != nil || d.Bool() {
		t.Errorf("call through the bus: %v", err)
	}
	u, err := client.DialUpstartBus(address, "")
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	if _, err := u.Version(); !client.IsUpstartError(err, "ServiceUnknown") {
		t.Errorf("call of a name that nobody has: %v", err)
	}
}
