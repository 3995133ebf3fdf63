// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"container/heap"

	"github.com/rouse-init/rouse/internal/engine"
)

// timers is what ArmTimer asked for, soonest first. The kernel knows of the
// soonest only, as the timeout of the loop.
type timers struct {
	heap  timerHeap
	index map[timerKey]*timer
}

type timerKey struct {
	unit string
	kind engine.Timer
}

type timer struct {
	at    engine.Time
	token engine.Token
	kind  engine.Timer
	pos   int
}

type timerHeap []*timer

func (h timerHeap) Len() int { return len(h) }
func (h timerHeap) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].token.Gen < h[j].token.Gen
}

func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].pos, h[j].pos = i, j
}

func (h *timerHeap) Push(x any) {
	t := x.(*timer)
	t.pos = len(*h)
	*h = append(*h, t)
}

func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return t
}

func (ts *timers) arm(e engine.ArmTimer) {
	key := timerKey{e.Token.Unit, e.Timer}
	if t := ts.index[key]; t != nil {
		t.at, t.token = e.At, e.Token
		heap.Fix(&ts.heap, t.pos)
		return
	}
	t := &timer{at: e.At, token: e.Token, kind: e.Timer}
	if ts.index == nil {
		ts.index = make(map[timerKey]*timer)
	}
	ts.index[key] = t
	heap.Push(&ts.heap, t)
}

func (ts *timers) disarm(unit string, kind engine.Timer) {
	key := timerKey{unit, kind}
	if t := ts.index[key]; t != nil {
		heap.Remove(&ts.heap, t.pos)
		delete(ts.index, key)
	}
}

// next is when the soonest timer is due.
func (ts *timers) next() (engine.Time, bool) {
	if len(ts.heap) == 0 {
		return 0, false
	}
	return ts.heap[0].at, true
}

// due takes out the soonest timer if its time has come.
func (ts *timers) due(now engine.Time) (engine.TimerFired, bool) {
	if len(ts.heap) == 0 || ts.heap[0].at > now {
		return engine.TimerFired{}, false
	}
	t := heap.Pop(&ts.heap).(*timer)
	delete(ts.index, timerKey{t.token.Unit, t.kind})
	return engine.TimerFired{Token: t.token, Timer: t.kind}, true
}

// forget drops all timers of a unit.
func (ts *timers) forget(unit string) {
	for k := engine.Timer(0); k < engine.NumTimers; k++ {
		ts.disarm(unit, k)
	}
}

// list is every timer, soonest first, for the snapshot.
func (ts *timers) list() []engine.ArmTimer {
	all := make([]engine.ArmTimer, 0, len(ts.heap))
	for _, t := range ts.heap {
		all = append(all, engine.ArmTimer{Token: t.token, Timer: t.kind, At: t.at})
	}
	return all
}

// disarmIf drops the timer that has fired, for replay, where it is still
// in the heap.
func (ts *timers) disarmIf(f engine.TimerFired) {
	key := timerKey{f.Token.Unit, f.Timer}
	if t := ts.index[key]; t != nil && t.token == f.Token {
		ts.disarm(f.Token.Unit, f.Timer)
	}
}
