// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"
	"testing"

	"github.com/rouse-init/rouse/internal/unit"
)

// Two targets that uphold what conflicts would turn it up and down for ever,
// all in one Step, because targets need no answer from the world.
func TestUpholdersThatDisagreeAreBounded(t *testing.T) {
	e := bench(t, []string{
		"yes.target Upholds=torn.target", "no.target Upholds=other.target",
		"torn.target Conflicts=other.target", "other.target Conflicts=torn.target",
	})
	e.Step(0, Asked{Unit: "yes.target"})
	jobs, retry := 0, Token{}
	for _, f := range e.Step(0, Asked{Unit: "no.target"}) {
		switch f := f.(type) {
		case JobQueued:
			jobs++
		case ArmTimer:
			retry = f.Token
		}
	}
	if jobs > 6*int(autoBurst) || retry == (Token{}) {
		t.Fatalf("%d jobs, retry %v", jobs, retry)
	}
	again := 0
	for _, f := range e.Step(autoInterval, TimerFired{Token: retry, Timer: TimerAuto}) {
		if _, ok := f.(JobQueued); ok {
			again++
		}
	}
	if again == 0 {
		t.Error("after the interval it was not tried again")
	}
	if late := e.Late(); late != 0 {
		t.Errorf("%d late answers", late)
	}
	e.Step(autoInterval, TimerFired{Token: retry, Timer: TimerAuto})
	if e.Late() != 1 {
		t.Error("a doubled timer was not dropped")
	}
}

// The simulator found this one: a job that fails for its dependencies starts
// the handler, whose job fails likewise and has the first as its handler.
func TestHandlersOfEachOtherAreBounded(t *testing.T) {
	e := bench(t, []string{
		"a.target Requisite=down.target OnFailure=b.target", "b.target Requisite=down.target OnFailure=a.target",
		"down.target",
	})
	removed := 0
	for _, f := range e.Step(0, Asked{Unit: "a.target"}) {
		if r, ok := f.(JobRemoved); ok && r.Result == JobDependency {
			removed++
		}
	}
	if removed < 2 || removed > 3*int(autoBurst) {
		t.Errorf("%d jobs failed for a dependency", removed)
	}
}

// At the shutdown a ring of order must not keep any unit up.
func TestShutdownBreaksRings(t *testing.T) {
	e := bench(t, []string{
		"a.target After=b.target", "b.target After=c.target", "c.target After=a.target", "d.target After=a.target",
	}, "a.target", "b.target", "c.target", "d.target")
	finished := false
	for _, f := range e.Step(0, AskedShutdown{}) {
		if _, ok := f.(Finished); ok {
			finished = true
		}
	}
	if !finished {
		t.Errorf("not finished: %+v", slices.Collect(e.Jobs()))
	}
}

// Jobs that are queued one by one are checked against those that wait already.
func TestRingThroughQueuedJobsIsFound(t *testing.T) {
	e := bench(t, []string{
		"a.target After=b.target,hold.target", "b.target After=c.target", "c.target After=a.target", "hold.target",
	})
	for _, c := range []struct {
		unit, want string
	}{
		{"hold.target", "hold/start"},
		{"a.target", "a/start hold/start"},
		{"b.target", "a/start b/start hold/start"},
		{"c.target", "TransactionOrderIsCyclic"},
	} {
		if got := plan(e, c.unit, Start, unit.ModeReplace); got != c.want {
			t.Errorf("start %s: %q, want %q", c.unit, got, c.want)
		}
		checkBlocked(t, e)
	}
}
