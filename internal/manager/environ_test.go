// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"slices"
	"testing"
)

func TestEnvironLaterWins(t *testing.T) {
	var e environ
	e.add("A=1")
	e.add("AB=2")
	e.add("A=3")
	e.add("nothing")
	e.set("EMPTY", "")
	if want := []string{"A=3", "AB=2"}; !slices.Equal(e.list, want) {
		t.Errorf("%q, want %q", e.list, want)
	}
	e.remove("AB=other")
	e.remove("A")
	if want := []string{"AB=2"}; !slices.Equal(e.list, want) {
		t.Errorf("%q, want %q", e.list, want)
	}
}

func TestInvocationsDiffer(t *testing.T) {
	m := &Manager{saved: saved{Seed: newSeed()}}
	seen := map[string]uint64{}
	for run := range uint64(100000) {
		id := m.invocation(run)
		if len(id) != 32 {
			t.Fatalf("%q is no id", id)
		}
		if other, ok := seen[id]; ok {
			t.Fatalf("runs %d and %d have the id %s", other, run, id)
		}
		seen[id] = run
	}
}
