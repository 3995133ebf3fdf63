// SPDX-License-Identifier: Apache-2.0

// Package sim is a pretend machine around the engine: a virtual clock, pretend
// processes, sockets and timers, and faults drawn from a seed. It answers every
// order, late, failing or twice, and checks after every step that what the engine
// says and what the machine does fit together. It imports engine and unit only.
package sim

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// Config says what to simulate. The same Config gives the same Result.
type Config struct {
	Seed  uint64
	Units int
	// Asks is the number of wishes of clients, knocks, reloads and the like
	// that come after the boot, over 30 s and 2 ms each of virtual time.
	Asks int
	// Faults is the chance, of 1,000, that an answer is a failure, and again
	// that it comes twice.
	Faults int
	// Shape adds jobs and events.
	Shape Shape
	// Restart gives the engine that goes on in the place of the one given,
	// every RestartEvery steps: the manager's death. Nil: it never dies.
	Restart      func(*engine.Engine) *engine.Engine
	RestartEvery int
	// Trace gets every input and order in words; nil for none.
	Trace func(string)
}

// Result is what a run came to.
type Result struct {
	Steps, Spawns, Jobs, Late int
	// Told counts the events that were reported as waited for.
	Told int
	// Grouped counts how often a frozen service of a group was looked at.
	Grouped int
	// Waited counts the services that were seen to wait for room.
	Waited int
	Clock  engine.Time
	Hash   uint64 // of all inputs and orders
	// Violations says what went wrong, in the order of happening; the run
	// ends at the tenth.
	Violations []string
	Finished   bool
}

// World is the pretend machine.
type World struct {
	cfg      Config
	rng      *rand.Rand
	e        *engine.Engine
	now      engine.Time
	events   events
	seq      uint64
	procs    map[int32]*process
	pid      int32
	byName   map[string]*item
	names    []string // of the units that were made at the start
	socks    []*item
	groups   []*group
	input    engine.Input // of this step
	jobs     map[uint32]string
	slices   []string
	rooms    map[string]int         // X-RunningMax= of slices
	admitted map[string]engine.Time // when they let somebody in last
	scarce   bool                   // some slice has, or had, an X-RunningMemory=, or some service upholds another
	asked    map[uint64]bool
	conns    map[uint64]bool // accepted and neither served nor dropped
	ask      uint64
	// emitted are the events from outside that have neither completed nor been
	// reported as waited for.
	emitted map[uint64]bool
	dirty   []*item
	down    bool
	res     Result
}

// item is what the machine knows of one unit.
type item struct {
	name     string
	def      *unit.Unit
	procs    []*process
	watch    engine.Token // WatchCgroup that is not answered yet
	spawning int
	frozen   bool
	held     bool                     // a person may have frozen it
	timers   [engine.NumTimers]uint64 // gens of the armed ones
	was      engine.ActiveState
	job      uint32
	lastJob  uint32 // that was queued, whether it has ended or not
	jobStep  int    // in which it was queued
	firstJob uint32 // of that step
	jobType  engine.Verb
	stopJob  uint32 // the job that stops it; 0 for none
	stopStep int    // since which stopJob does
	loaded   int    // the step of its last definition
	dirty    bool
	// unordered: a ring of order was broken here when everything had to stop.
	unordered bool

	open, armed   bool        // of a socket unit
	waits         engine.Time // for room, since then; 0: it does not
	asleep        bool        // it has fallen asleep and neither woken nor died since
	wakes, sleeps uint32      // as last seen
	ran           bool        // as last seen; it waits for a restart with its seat
	watched       bool        // a byte on its connections is to be told
	queued        int
	idle          time.Duration // X-IdleSec= of a member
	leaving       bool          // LeaveGroup is in force
	counting      uint64        // the look at a socket that leaves, by its Gen
}

// event is a fact that will be, if make still says so when its time comes.
type event struct {
	at   engine.Time
	seq  uint64
	make func() engine.Input
}

type events []event

func (h events) Len() int { return len(h) }
func (h events) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].seq < h[j].seq
}
func (h events) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push is part of heap.Interface.
func (h *events) Push(x any) { *h = append(*h, x.(event)) }

// Pop is part of heap.Interface.
func (h *events) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

const (
	millisecond engine.Time = 1_000_000
	second                  = 1000 * millisecond
)

// Run simulates a boot, a life and a shutdown.
func Run(cfg Config) Result {
	w := &World{
		cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 1)), e: engine.New(engine.Config{MinIdleLook: 5 * millisecond}),
		procs: map[int32]*process{}, byName: map[string]*item{}, jobs: map[uint32]string{},
		asked: map[uint64]bool{}, emitted: map[uint64]bool{}, conns: map[uint64]bool{}, now: second, pid: 1,
	}
	w.res.Hash = 14695981039346656037
	w.boot()
	for len(w.events) > 0 && len(w.res.Violations) < 10 {
		ev := heap.Pop(&w.events).(event)
		w.now = max(w.now, ev.at)
		if in := ev.make(); in != nil {
			w.step(in)
		}
	}
	w.checkAll()
	w.checkEnd()
	w.res.Clock, w.res.Late = w.now, int(w.e.Late())
	return w.res
}

// step feeds one fact, performs the orders, and checks what they touched.
func (w *World) step(in engine.Input) {
	w.res.Steps++
	if w.res.Steps > 10_000+100*(w.cfg.Units+w.cfg.Asks) {
		w.violate("there is no end of it: %s", w.stuck())
		w.events = nil
		return
	}
	w.note("> ", in)
	w.input = in
	for _, f := range w.e.Step(w.now, in) {
		w.note("  ", f)
		w.perform(f)
	}
	for _, it := range w.dirty {
		it.dirty = false
		w.check(it)
	}
	w.checkRooms()
	w.dirty = w.dirty[:0]
	if w.res.Steps%1000 == 0 && (w.cfg.Units <= 10_000 || w.res.Steps%20_000 == 0) {
		w.checkAll()
	}
	if w.cfg.Restart != nil && w.res.Steps%w.cfg.RestartEvery == 0 {
		w.e = w.cfg.Restart(w.e)
	}
}

// after lets a fact happen in between a and b from now.
func (w *World) after(a, b engine.Time, mk func() engine.Input) {
	w.seq++
	heap.Push(&w.events, event{at: w.now + a + engine.Time(w.rng.Int64N(int64(b-a)+1)), seq: w.seq, make: mk})
}

// fault says whether this answer is one of the bad ones.
func (w *World) fault() bool { return w.cfg.Faults > 0 && w.rng.IntN(1000) < w.cfg.Faults }

// answer lets in happen soon, and sometimes again later.
func (w *World) answer(in engine.Input) {
	w.after(0, 20*millisecond, func() engine.Input {
		if w.fault() {
			w.after(0, second, func() engine.Input { return in })
		}
		return in
	})
}

func (w *World) item(name string) *item {
	it := w.byName[name]
	if it == nil {
		it = &item{name: name}
		w.byName[name] = it
	}
	return it
}

// touch has the unit checked at the end of the step.
func (w *World) touch(name string) *item {
	it := w.item(name)
	if !it.dirty {
		it.dirty = true
		w.dirty = append(w.dirty, it)
	}
	return it
}

func (w *World) violate(format string, args ...any) {
	w.res.Violations = append(w.res.Violations, fmt.Sprintf("step %d: ", w.res.Steps)+fmt.Sprintf(format, args...))
}
