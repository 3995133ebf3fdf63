// SPDX-License-Identifier: Apache-2.0

package sysv

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rouse-init/rouse/internal/bus/bustest"
	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/unit"
)

func TestRemote(t *testing.T) {
	fake := bustest.New()
	s, stop, err := bustest.Start(fake, filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	place := client.UpstartPlace{Getenv: func(name string) string { return map[string]string{"UPSTART_SESSION": "unix:path=" + s.Path}[name] }}
	m, err := Connect(place)
	if err != nil {
		t.Fatal(err)
	}
	for event, want := range map[string]bool{"now": true, "net-up": true, "runlevel": false} { // runlevel is a stop condition only
		if got, err := m.Handles(event, "0"); got != want || err != nil {
			t.Errorf("%s: %v %v, want %v", event, got, err, want)
		}
	}
	for _, err := range []error{m.Emit("runlevel", []string{"RUNLEVEL=0"}), m.Power("reboot"), m.Reload(), m.Reexec()} {
		if err != nil {
			t.Error(err)
		}
	}
	if err := m.Isolate("nope.target"); err == nil {
		t.Error("no error for a unit that is not there")
	}
	s.Do(func() {
		for _, want := range []string{"emit runlevel [RUNLEVEL=0] wait=false", "reload", "reexec"} {
			if !slices.Contains(fake.Upstart.Calls, want) {
				t.Errorf("%q is not among %q", want, fake.Upstart.Calls)
			}
		}
		if !slices.ContainsFunc(fake.Calls, func(c string) bool { return len(c) > 8 && c[:8] == "shutdown" }) {
			t.Errorf("no shutdown among %q", fake.Calls)
		}
	})
}

// TestSystemdOnly: a manager without events is asked in systemd's language.
func TestSystemdOnly(t *testing.T) {
	fake := bustest.New()
	fake.Upstart = nil
	s, stop, err := bustest.Start(fake, filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	p := newPretend(t)
	p.sys.Connect = func() (Manager, error) {
		return Connect(client.UpstartPlace{Socket: s.Path, Getenv: func(string) string { return "" }})
	}
	p.check("shutdown -P now", 0, "", "")
	s.Do(func() {
		if !slices.Equal(fake.Calls, []string{fmt.Sprintf("shutdown %d 0", unit.ActionPoweroff)}) {
			t.Errorf("manager was asked for %q", fake.Calls)
		}
	})
}
