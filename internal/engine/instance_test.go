// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"testing"

	"github.com/rouse-init/rouse/internal/unit"
)

// An instance whose start is refused has no job whose end would have it
// forgotten. Any client can ask for as many as it likes.
func TestInstanceThatCannotStartIsForgotten(t *testing.T) {
	class := &unit.Unit{
		Name: "getty.service", Kind: unit.KindService,
		Deps:    []unit.Dep{{Kind: unit.Requires, Name: "missing.service"}},
		Events:  &unit.Events{StartOn: unit.Expr{{Event: "tty-added"}}},
		Service: &unit.Service{Type: unit.TypeSimple, Exec: &unit.Exec{}, Job: &unit.Job{Name: "getty", Instance: "$TTY"}},
	}
	for name, in := range map[string]Input{
		"initctl": AskedJob{ID: 1, Verb: Start, Job: "getty.service", Env: []string{"TTY=tty1"}},
		"event":   Happened{ID: 1, Name: "tty-added", Env: []string{"TTY=tty1"}, Wait: true},
	} {
		e := New(Config{})
		e.Step(0, Loaded{Units: []*unit.Unit{class}})
		if r := find[Reply](e.Step(1, in)); r.Err == nil {
			t.Errorf("%s: the test is void: the start was granted", name)
		}
		if st := e.Instances("getty.service"); len(st) > 0 {
			t.Errorf("%s: %s is left", name, st[0].Unit)
		}
	}
}

// A placeholder that becomes another name of a unit of the same load is gone
// when it would be linked.
func TestAliasOfAPlaceholderInOneLoad(t *testing.T) {
	e := New(Config{})
	e.Step(0, Loaded{Units: []*unit.Unit{
		{Name: "b.target", Kind: unit.KindTarget, Load: unit.NotFound},
		{Name: "a.target", Kind: unit.KindTarget, Aliases: []string{"b.target"}},
	}})
	if d := e.Def("b.target"); d == nil || d.Name != "a.target" {
		t.Errorf("b.target is %v", d)
	}
}
