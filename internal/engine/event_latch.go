// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"

	"github.com/rouse-init/rouse/internal/unit"
)

// latch is what has come true of one operand of an expression. It keeps the
// first event that fits, until the whole expression is true.
type latch struct {
	True   bool
	Name   string
	Env    []string
	Source string
	At     Time
	Why    []Cause
	// Held is the event while it waits for the rest of the expression.
	Held uint64
}

// eventful is the part of a node that has to do with events; nil until there
// is something to remember.
type eventful struct {
	// Start and Stop have an entry for each term of the expressions.
	Start, Stop []latch
	// Env and Names (UPSTART_EVENTS) are of the present run, Next of the one
	// that was asked for and has not begun.
	Env, Names []string
	Sources    []string
	// Missed are sources whose event came while it ran already.
	Missed  []string
	Next    trigger
	HasNext bool
	// StopEnv and StopNames come from what asked for the stop.
	StopEnv, StopNames []string
	// SetEnv is what initctl set-env added to this instance.
	SetEnv []string
	// UnsetEnv are the names that initctl unset-env took from it.
	UnsetEnv []string
	Holds    []hold // who waits for its goal
	// Class is 1 + the id of the job that it is an instance of; 0 for none.
	Class     int32
	Instance  string
	Instances []int32 // of a class, rising
	// Burst counts the starts by events at one moment: see tooFast.
	Burst uint32
	// Broken is what its file became while it ran, if that is no job.
	Broken *unit.Unit
	// Last: it has had its one start after everything was told to stop.
	Last    bool
	BurstAt Time

	Expect   timer // TimerExpect
	Forks    uint8 // that were seen in this run
	Asking   bool  // ReadPIDFile asks for what is left of the processes
	Looked   bool  // nothing was left, so the end of the main process is the end
	Notes    []string
	Respawns rate
	// Respawned counts all respawns since the last start that was asked for,
	// LastRespawn is the time of the last one.
	Respawned   uint32
	LastRespawn Time
}

// hold is an event or a client that waits for a unit to reach its goal.
type hold struct {
	Event  uint64
	Client uint64
}

// trigger is what an expression that has come true gives to the job.
type trigger struct {
	Env     []string // in the order of the operands, later ones replace
	Names   []string
	Sources []string
}

// eventful returns n's part, made at need.
func (n *node) eventful() *eventful {
	if n.ev == nil {
		n.ev = &eventful{}
	}
	return n.ev
}

// hear latches all operands that the event fits and that no event has fitted
// before, and tells whether there was one.
func hear(latches []latch, x unit.Expr, v *event, env []string) (heard bool) {
	for i := range x {
		l := &latches[i]
		if x[i].Op != unit.OpEvent || l.True || !matches(&x[i], v.Name, v.Env, env) {
			continue
		}
		*l = latch{True: true, Name: v.Name, Env: v.Env, Source: v.Source, At: v.Since, Why: v.Why, Held: v.ID}
		v.Holders++
		heard = true
	}
	return heard
}

// sized makes the latches fit the expression, which may be new.
func (e *Engine) sized(latches *[]latch, x unit.Expr) []latch {
	if len(*latches) != len(x) {
		e.unlatch(*latches)
		*latches = make([]latch, len(x))
	}
	return *latches
}

// truth evaluates the expression.
func truth(latches []latch, x unit.Expr) bool {
	var stack [64]bool
	s := stack[:0]
	for i := range x {
		n := len(s)
		switch {
		case x[i].Op == unit.OpEvent:
			s = append(s, latches[i].True)
		case n < 2:
			return false // no expression of a format is like that
		case x[i].Op == unit.OpAnd:
			s = append(s[:n-2], s[n-2] && s[n-1])
		default:
			s = append(s[:n-2], s[n-2] || s[n-1])
		}
	}
	return len(s) == 1 && s[0]
}

// contributing tells which operands count: those that are true, below operators
// that are true.
func contributing(latches []latch, x unit.Expr) []bool {
	counts := make([]bool, len(x))
	type part struct {
		from, to int // its terms
		true     bool
	}
	var stack []part
	for i := range x {
		n := len(stack)
		if x[i].Op == unit.OpEvent {
			counts[i] = latches[i].True
			stack = append(stack, part{i, i + 1, latches[i].True})
			continue
		}
		if n < 2 {
			return counts
		}
		a, b := stack[n-2], stack[n-1]
		both := part{a.from, i + 1, a.true && b.true || x[i].Op == unit.OpOr && (a.true || b.true)}
		if !both.true {
			clear(counts[both.from:both.to])
		}
		stack = append(stack[:n-2], both)
	}
	return counts
}

// collect gathers what the operands that count bring along, lets go of all of
// them, and returns the events that they held.
func collect(latches []latch, x unit.Expr) (t trigger, held []uint64) {
	counts := contributing(latches, x)
	for i := range latches {
		l := &latches[i]
		if !l.True {
			continue
		}
		if !counts[i] {
			if l.Held != 0 {
				held = append(held, l.Held)
			}
			*l = latch{}
			continue
		}
		for _, v := range l.Env {
			t.Env = setEnv(t.Env, v)
		}
		t.Names = append(t.Names, l.Name)
		if l.Source != "" && !slices.Contains(t.Sources, l.Source) {
			t.Sources = append(t.Sources, l.Source)
		}
		if l.Held != 0 {
			held = append(held, l.Held)
		}
		*l = latch{}
	}
	return t, held
}

// setEnv replaces or appends one NAME=value.
func setEnv(env []string, entry string) []string {
	for i, old := range env {
		for k := 0; k < len(old) && k < len(entry) && old[k] == entry[k]; k++ {
			if old[k] == '=' {
				env[i] = entry
				return env
			}
		}
	}
	return append(env, entry)
}

// unlatch forgets what has come true, and lets the events go.
func (e *Engine) unlatch(latches []latch) {
	for i := range latches {
		if h := latches[i].Held; h != 0 {
			e.unhold(h, false)
		}
		latches[i] = latch{}
	}
}

// letGo lets the events of half an expression complete, which stays as it is:
// the unit runs, so that nobody should wait for its next start.
func (e *Engine) letGo(latches []latch) {
	for i := range latches {
		if h := latches[i].Held; h != 0 {
			latches[i].Held = 0
			e.unhold(h, false)
		}
	}
}

// hearStart takes an event that may start n, a job or the class of one.
func (e *Engine) hearStart(n *node, v *event) {
	if e.down && !n.isTask() {
		return // nothing starts any more but what follows from the stops
	}
	x := n.eventful()
	on := n.def.Events.StartOn
	latches := e.sized(&x.Start, on)
	if !hear(latches, on, v, e.jobEnv(n)) {
		return
	}
	if !truth(latches, on) {
		if !e.isClass(n) && e.goalUp(n) || e.down {
			e.letGo(latches)
		}
		return
	}
	t, held := collect(latches, on)
	x.Start = nil // most are never needed again
	e.startBy(n, t, held)
}

// hearStop takes an event that may stop n, or the instances of n.
func (e *Engine) hearStop(n *node, v *event) {
	if !e.isClass(n) {
		e.hearStopOne(n, v)
		return
	}
	if n.ev == nil {
		return
	}
	for _, id := range slices.Clone(n.ev.Instances) {
		if m := e.nodes[id]; m != nil {
			e.hearStopOne(m, v)
		}
	}
}

func (e *Engine) hearStopOne(n *node, v *event) {
	if n.def.Events == nil {
		return
	}
	if !e.goalUp(n) {
		e.holdEnding(n, v)
		return
	}
	x := n.eventful()
	on := n.def.Events.StopOn
	latches := e.sized(&x.Stop, on)
	if !hear(latches, on, v, e.jobEnv(n)) || !truth(latches, on) {
		return
	}
	t, held := collect(latches, on)
	x.Stop = nil
	e.stopBy(n, t, held)
}

// holdEnding lets an event wait for a unit that would stop because of it and is
// on its way down already: what it depends on stays until it is gone, also when
// everything stops at once. At its own gate it waits for others itself, and
// holds nobody.
func (e *Engine) holdEnding(n *node, v *event) {
	s := n.service
	if s == nil || s.State == svcStopping || s.State.down() || n.job != nil && n.job.Blocked > 0 {
		return
	}
	on := n.def.Events.StopOn
	env := e.jobEnv(n)
	alone := make([]latch, len(on))
	for i := range on {
		alone[i].True = on[i].Op == unit.OpEvent && matches(&on[i], v.Name, v.Env, env)
	}
	if truth(alone, on) {
		v.Holders++
		n.eventful().Holds = append(n.ev.Holds, hold{Event: v.ID})
	}
}
