// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"testing"

	"github.com/rouse-init/rouse/internal/engine"
)

// TestReclaimsTakeTurns: however many sleepers are paged out at one time, the loop
// comes back after one step. One that is woken meanwhile is left out.
func TestReclaimsTakeTurns(t *testing.T) {
	m := &Manager{engine: engine.New(engine.Config{}), reclaims: map[string]*reclaiming{}}
	var steps string
	for i, name := range []string{"a", "b", "c"} {
		more := i + 1
		m.beginReclaim(&reclaiming{
			token: engine.Token{Unit: name, Gen: uint64(i)}, left: reclaimMax, close: func() {},
			step: func() (bool, error) {
				steps += name
				more--
				return more == 0, nil
			},
		})
	}
	for len(m.alarms) > 0 {
		before := len(steps)
		m.ring(m.alarms[0].at)
		if n := len(steps) - before; n > 1 {
			t.Errorf("%d steps at once: %s", n, steps[before:])
		}
		if steps == "abcb" {
			m.endReclaim("c")
		}
	}
	if steps != "abcb" || len(m.queue) != 3 || len(m.reclaims)+len(m.paging) > 0 {
		t.Errorf("steps %q, %d answers, %d under way, %d wait", steps, len(m.queue), len(m.reclaims), len(m.paging))
	}
}
