// SPDX-License-Identifier: Apache-2.0

package sysv

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rouse-init/rouse/internal/bus/bustest"
	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/bus/systemd1"
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

// filed is a bustest.Fake of a machine with a default target of its own.
type filed struct {
	*bustest.Fake
	scope, target string
}

func (f filed) Facts() systemd1.Facts {
	x := f.Fake.Facts()
	x.Scope = f.scope
	return x
}

func (f filed) Files() systemd1.Files { return filedFiles{f.Fake.Files(), f.target} }

type filedFiles struct {
	systemd1.Files
	target string
}

func (f filedFiles) DefaultTarget() (string, error) {
	if f.target == "" {
		return "", errors.New("there is none")
	}
	return f.target, nil
}

// TestTarget: only a machine whose files have runlevels is taken to one.
func TestTarget(t *testing.T) {
	for _, c := range []struct {
		scope, def, level string
		target, why       string
	}{
		{"init", "multi-user.target", "3", "runlevel3.target", ""},
		{"init", "graphical.target", "3", "runlevel3.target", ""},
		{"init", "multi-user.target", "4", "", "no file defines runlevel4.target"}, // built in
		{"init", "multi-user.target", "5", "", "no file defines runlevel5.target"}, // not there
		{"init", "mine.target", "3", "", "the default target is mine.target"},
		{"init", "", "3", "", "the machine has no default target"},
		{"init", "mine.target", "1", "rescue.target", ""},
		{"init", "mine.target", "S", "rescue.target", ""},
		{"up", "multi-user.target", "3", "", "this manager is not that of a machine"},
		{"up", "multi-user.target", "S", "", "this manager is not that of a machine"},
		{"user", "multi-user.target", "1", "", "this manager is not that of a machine"},
	} {
		fake := bustest.New()
		fake.Add(&unit.Unit{Name: "runlevel3.target", Kind: unit.KindTarget, Fragment: "/lib/systemd/system/multi-user.target"})
		fake.Add(&unit.Unit{Name: "runlevel4.target", Kind: unit.KindTarget})
		fake.Backend = filed{fake, c.scope, c.def}
		s, stop, err := bustest.Start(fake, filepath.Join(t.TempDir(), "s"))
		if err != nil {
			t.Fatal(err)
		}
		m, err := Connect(client.UpstartPlace{Socket: s.Path, Getenv: func(string) string { return "" }})
		if err != nil {
			t.Fatal(err)
		}
		target, why, err := m.Target(c.level)
		if target != c.target || why != c.why || err != nil {
			t.Errorf("%s with %s, level %s: %q, %q, %v; want %q, %q", c.scope, c.def, c.level, target, why, err, c.target, c.why)
		}
		stop()
	}
}
