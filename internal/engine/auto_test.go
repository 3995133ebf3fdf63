// SPDX-License-Identifier: Apache-2.0

package engine

import "testing"

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
