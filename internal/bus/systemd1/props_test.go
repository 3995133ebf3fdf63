// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// nothing is a Backend without units; methods that are not here must not be
// needed for properties.
type nothing struct{ Backend }

func (nothing) Unit(string) (engine.View, bool)    { return engine.View{}, false }
func (nothing) Units(func(*engine.View) bool)      {}
func (nothing) Jobs() []Job                        { return nil }
func (nothing) Usage(string) Usage                 { return Usage{} }
func (nothing) Listens(string) []Listen            { return nil }
func (nothing) NeedReload(string) bool             { return false }
func (nothing) Environment() []string              { return []string{"A=b"} }
func (nothing) Facts() Facts                       { return Facts{State: "running"} }
func (nothing) Files() Files                       { return noFiles{} }
func (nothing) Invocation(v *engine.View) [16]byte { return [16]byte{1} }

type noFiles struct{ Files }

func (noFiles) State(string) (string, error)  { return "static", nil }
func (noFiles) Preset(string) (string, error) { return "", nil }
func (noFiles) Path() []string                { return []string{"/x"} }

// views are units of a kind as empty as they come, and as full: in each load
// state with and without the section of their kind, which what is not found or
// masked has not.
func views(k unit.Kind) []engine.View {
	var list []engine.View
	for load := unit.Loaded; load <= unit.Stub; load++ {
		full, bare := fullView(k), &unit.Unit{Name: "a." + k.Suffix(), Kind: k, Load: load}
		full.Load, full.Unit.Load = load, load
		stopped := fullView(k)
		stopped.Unit, stopped.Load = bare, load // its file vanished while it ran
		list = append(list, engine.View{Unit: bare, Load: load}, engine.View{Unit: emptyUnit(k), Load: load}, full, stopped)
	}
	return list
}

// TestPropertiesHaveTheirType writes every property of every interface and
// reads it by its signature.
func TestPropertiesHaveTheirType(t *testing.T) {
	s := &Service{be: nothing{}, cfg: Config{Now: func() engine.Time { return 9e9 }, Wall: time.Now}}
	s.tables = newTables(s)
	seen := map[string]bool{}
	for k := range s.tables.kinds {
		for _, v := range views(unit.Kind(k)) {
			for _, i := range s.tables.of(unit.Kind(k)) {
				for _, p := range i.Props {
					check(t, i.Name, p.Name, p.Sig, p.Get, &object{svc: s, view: v})
					seen[i.Name] = true
				}
			}
		}
	}
	for _, i := range s.tables.manager {
		for _, p := range i.Props {
			check(t, i.Name, p.Name, p.Sig, p.Get, s)
		}
	}
	for _, p := range s.tables.job[0].Props {
		check(t, IfJob, p.Name, p.Sig, p.Get, &jobObject{s, Job{ID: 3, Unit: "a.service"}})
	}
	for _, name := range []string{IfUnit, Name + ".Service", Name + ".Socket", Name + ".Slice"} {
		if !seen[name] {
			t.Errorf("no unit has %s", name)
		}
	}
}

func check(t *testing.T, iface, name, sig string, get getter, subject any) {
	t.Helper()
	var e wire.Encoder
	e.Variant(sig)
	get(subject, &e)
	d := wire.NewDecoder(e.Data(), binary.LittleEndian)
	d.Variant()
	if d.Err() != nil || !d.Done() {
		t.Errorf("%s.%s is not a %s: %v", iface, name, sig, d.Err())
	}
}

func emptyUnit(k unit.Kind) *unit.Unit {
	u := &unit.Unit{Name: "a." + k.Suffix(), Kind: k}
	switch k {
	case unit.KindService:
		u.Service = &unit.Service{}
	case unit.KindSocket:
		u.Socket = &unit.Socket{}
	}
	return u
}

func fullView(k unit.Kind) engine.View {
	u := emptyUnit(k)
	u.Fragment, u.Aliases, u.DropIns = "/f", []string{"b"}, []string{"/d"}
	u.Deps = []unit.Dep{{Kind: unit.After, Name: "x.service"}}
	u.Conditions = []unit.Condition{{Type: "PathExists", Arg: "/x", Trigger: true}, {Type: "Host", Assert: true}}
	u.Resources = &unit.Resources{Delegate: true, Controllers: []string{"cpu"}, Attributes: []unit.Attribute{{File: "cpu.max", Value: "1000 100000"}, {File: "memory.max", Value: "max"}, {File: "pids.max", Value: "7"}}}
	nice, yes, number := int8(3), true, int32(2)
	x := &unit.Exec{
		Nice: &nice, EnvironmentFile: []unit.EnvFile{{Path: "/e"}}, Limits: []unit.Limit{{Resource: 7, Soft: 1, Hard: 2}},
		Dirs: []unit.ManagedDir{{Kind: unit.RuntimeDir, Name: "d", Symlink: "s"}}, Sched: &unit.Sched{Affinity: []uint32{0, 9}}, Caps: &unit.Caps{SetBounding: true},
	}
	commands := []unit.Command{{Phase: unit.PhaseStart, Path: "/x", Args: []string{"x"}, IgnoreFailure: true, NoEnv: true, Privileged: unit.PrivFull}}
	if u.Service != nil {
		u.Service.Exec, u.Service.Commands = x, commands
		u.Service.SuccessExit = &unit.ExitSet{Codes: []uint8{1}, Signals: []uint8{15}}
		u.Service.OpenFile = []unit.OpenFile{{Path: "/p", Name: "n", ReadOnly: true}}
	}
	if u.Socket != nil {
		u.Socket.Exec, u.Socket.Commands = x, commands
		u.Socket.Options = &unit.SocketOptions{KeepAlive: &yes, Mark: &number, PipeSize: &number}
		u.Socket.Listens = []unit.Listen{{Kind: unit.ListenFIFO, Address: "/x"}}
	}
	return engine.View{Unit: u, Active: engine.Active, Sub: "running", Run: 7, Job: 4, StateChange: 1, MainStart: 2, ConditionTime: 3, MainPid: 5}
}

func TestMatchAny(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"web*", "web.socket", true},
		{`a\x2db.service`, `a\x2db.service`, true},
		{`a\x2d*`, `a\x2db.service`, true},
		{"[!a]*", "a.service", false},
		{"[!a]*", "b.service", true},
		{"web", "web.service", false},
		{"[", "[", false},
	} {
		if got := MatchAny([]string{c.pattern}, c.name); got != c.want {
			t.Errorf("MatchAny(%q, %q) = %v", c.pattern, c.name, got)
		}
	}
}

// Words of the model that have no name would be shown as nothing.
func TestEveryWordHasAName(t *testing.T) {
	for v := engine.Start; v <= engine.Nop; v++ {
		if VerbName(v) == "" {
			t.Errorf("verb %d has no name", v)
		}
		if back, ok := value[engine.Verb](verbs[:], VerbName(v)); !ok || back != v {
			t.Errorf("verb %d is read back as %d", v, back)
		}
	}
	for s := unit.Loaded; s <= unit.Stub; s++ {
		if LoadName(s) == "" {
			t.Errorf("load state %d has no name", s)
		}
	}
}
