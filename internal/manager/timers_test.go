// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"testing"

	"github.com/rouse-init/rouse/internal/engine"
)

func arm(unit string, gen uint64, kind engine.Timer, at engine.Time) engine.ArmTimer {
	return engine.ArmTimer{Token: engine.Token{Unit: unit, Gen: gen}, Timer: kind, At: at}
}

func TestTimersFireInOrder(t *testing.T) {
	var ts timers
	ts.arm(arm("a", 1, engine.TimerState, 30))
	ts.arm(arm("b", 2, engine.TimerState, 10))
	ts.arm(arm("c", 3, engine.TimerState, 20))
	ts.arm(arm("a", 4, engine.TimerState, 5)) // moves the first
	ts.disarm("c", engine.TimerState)
	ts.disarm("nobody", engine.TimerState)
	var got []string
	for {
		f, ok := ts.due(30)
		if !ok {
			break
		}
		got = append(got, f.Token.Unit)
	}
	if len(got) != 2 || got[0] != "a" || got[1] != "b" {
		t.Errorf("fired %q, want a and b", got)
	}
	if _, ok := ts.next(); ok {
		t.Error("a timer is left")
	}
}

func TestTimersNotBeforeTheirTime(t *testing.T) {
	var ts timers
	ts.arm(arm("a", 1, engine.TimerRestart, 30))
	if _, ok := ts.due(29); ok {
		t.Error("fired too early")
	}
	ts.disarmIf(engine.TimerFired{Token: engine.Token{Unit: "a", Gen: 9}, Timer: engine.TimerRestart})
	if at, ok := ts.next(); !ok || at != 30 {
		t.Error("the answer to another order disarmed it")
	}
	ts.forget("a")
	if len(ts.list()) != 0 {
		t.Error("a forgotten unit has a timer")
	}
}
