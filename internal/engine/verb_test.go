// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"testing"

	"github.com/rouse-init/rouse/internal/unit"
)

var jobTypes = []Verb{Start, VerifyActive, Stop, Reload, Restart}

var activeStates = []ActiveState{Inactive, Activating, Active, Reloading, Deactivating, Failed}

// The table of systemd.unit(5) and job.c, upper triangle; Nop means that the
// two contradict each other.
func TestMergeTable(t *testing.T) {
	want := map[[2]Verb]Verb{
		{Start, VerifyActive}: Start, {Start, Stop}: Nop, {Start, Reload}: ReloadOrStart, {Start, Restart}: Restart,
		{VerifyActive, Stop}: Nop, {VerifyActive, Reload}: Reload, {VerifyActive, Restart}: Restart,
		{Stop, Reload}: Nop, {Stop, Restart}: Nop, {Reload, Restart}: Restart,
	}
	for pair, v := range want {
		got, ok := mergeTypes(pair[0], pair[1])
		if ok != (v != Nop) || ok && got != v {
			t.Errorf("merge %s and %s = %s, %v, want %s", pair[0], pair[1], got, ok, v)
		}
	}
}

func TestMergeIsCommutativeAndIdempotent(t *testing.T) {
	for _, s := range activeStates {
		for _, a := range jobTypes {
			if got, ok := merge(a, a, s); !ok || got != a {
				t.Errorf("%s with itself = %s, %v", a, got, ok)
			}
			for _, b := range jobTypes {
				ab, ok1 := merge(a, b, s)
				ba, ok2 := merge(b, a, s)
				if ok1 != ok2 || ok1 && ab != ba {
					t.Errorf("%s: %s+%s = %s, %v but %s+%s = %s, %v", s, a, b, ab, ok1, b, a, ba, ok2)
				}
				if ok1 == conflicting(a, b) {
					t.Errorf("%s+%s: mergeable and conflicting", a, b)
				}
			}
		}
	}
}

// In any one state the order of merging makes no difference.
func TestMergeIsAssociative(t *testing.T) {
	for _, s := range activeStates {
		for _, a := range jobTypes {
			for _, b := range jobTypes {
				for _, c := range jobTypes {
					left, okl := merge3(a, b, c, s)
					right, okr := merge3(c, b, a, s)
					if okl != okr || okl && left != right {
						t.Errorf("%s: (%s+%s)+%s = %s, %v; %s+(%s+%s) = %s, %v", s, a, b, c, left, okl, a, b, c, right, okr)
					}
				}
			}
		}
	}
}

func merge3(a, b, c Verb, s ActiveState) (Verb, bool) {
	m, ok := merge(a, b, s)
	if !ok {
		return 0, false
	}
	return merge(m, c, s)
}

// systemd relies on it when it drops one of several: if a and b merge but
// their sum contradicts c, then a or b alone contradicts c.
func TestContradictionComesFromOnePart(t *testing.T) {
	for _, a := range jobTypes {
		for _, b := range jobTypes {
			m, ok := mergeTypes(a, b)
			if !ok {
				continue
			}
			for _, c := range jobTypes {
				if conflicting(m, c) && !conflicting(a, c) && !conflicting(b, c) {
					t.Errorf("%s+%s contradicts %s, neither alone does", a, b, c)
				}
			}
		}
	}
}

func TestCollapse(t *testing.T) {
	for _, c := range []struct {
		v         Verb
		canReload bool
		up, down  Verb // in states active or activating, and inactive or deactivating
	}{
		{TryRestart, false, Restart, Nop},
		{ReloadOrStart, true, Reload, Start},
		{ReloadOrRestart, true, Reload, Start},
		{ReloadOrRestart, false, Restart, Restart},
		{TryReloadOrRestart, true, Reload, Nop},
		{TryReloadOrRestart, false, Restart, Nop},
		{Start, false, Start, Start},
		{Stop, false, Stop, Stop},
	} {
		for _, s := range activeStates {
			want := c.up
			if falling(s) {
				want = c.down
			}
			if got := collapse(c.v, s, c.canReload); got != want {
				t.Errorf("%s in state %s (reload %v) = %s, want %s", c.v, s, c.canReload, got, want)
			}
		}
	}
}

// Of two units in order, exactly one job waits for the other, whichever side
// it is seen from.
func TestOrderIsAntisymmetric(t *testing.T) {
	for _, a := range jobTypes {
		for _, b := range jobTypes {
			if waitsFor(a, b, true) == waitsFor(b, a, false) {
				t.Errorf("a before b: a's %s waits: %v, b's %s waits: %v", a, waitsFor(a, b, true), b, waitsFor(b, a, false))
			}
		}
	}
	if waitsFor(Start, Start, true) || !waitsFor(Stop, Stop, true) {
		t.Error("a before b: a must start first and stop last")
	}
	for _, stop := range []Verb{Stop, Restart} {
		if waitsFor(stop, Start, true) || waitsFor(stop, Start, false) {
			t.Errorf("a %s must go before a start, whatever the direction", stop)
		}
	}
}

// A panic that somebody recovers must not leave an engine that goes on from
// the middle of a Step.
func TestStepThatPanicked(t *testing.T) {
	panics := func(f func()) (did bool) {
		defer func() { did = recover() != nil }()
		f()
		return false
	}
	e := New(Config{})
	e.Step(1, Loaded{})
	if !panics(func() { e.Step(2, Loaded{Units: []*unit.Unit{nil}}) }) {
		t.Fatal("the test is void: a nil unit is taken")
	}
	if !panics(func() { e.Step(3, AskedReset{}) }) {
		t.Error("the next Step went on")
	}
	if !panics(func() { e.State() }) {
		t.Error("a snapshot was taken")
	}
}
