// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"github.com/rouse-init/rouse/internal/unit"
)

// job is one queued or running job. A unit has at most one.
type job struct {
	ID   uint32
	Unit int32
	// Type is Start, VerifyActive, Stop, Reload or Restart; Restart becomes
	// Start, under the same ID, once the unit has stopped.
	Type         Verb
	Running      bool // else waiting
	Manual       bool // a person asked for it, and for nothing else
	Irreversible bool
	IgnoreOrder  bool
	Queued       bool // in the run queue
	Asleep       bool // it stops a unit because what needs it has fallen asleep
	// Blocked counts the jobs that must end before this one may run. It is
	// kept up to date by install, retype, remove and orderChanged, so that the
	// end of a job costs its own links and not those of its neighbours.
	Blocked int32
	Since   Time // when it was queued
	// Gens of the orders that wait for an answer, 0 for none.
	Checking, Timer, RunTimer uint64
	// Cause says why there is such a job, for View.Cause.
	Cause string
	Why   []Cause // the same with where it came from
}

// jobTable finds jobs by their number.
type jobTable struct {
	byID map[uint32]*job
	last uint32
}

// waitsFor tells whether a job of type a must wait for one of type b when a's
// unit is ordered Before b's (before), or After it. A job that stops goes
// first whatever the direction; if both stop, the direction is turned.
func waitsFor(a, b Verb, before bool) bool {
	if before {
		return stops(b)
	}
	return !stops(a)
}

func stops(v Verb) bool { return v == Stop || v == Restart }

// ordered tells whether order applies between the two jobs at all.
func ordered(a, b *job) bool {
	return a != nil && b != nil && !a.IgnoreOrder && !b.IgnoreOrder
}

// countOrder adds d to the Blocked of n's job and of its neighbours' jobs for
// every link between them.
func (e *Engine) countOrder(n *node, d int32) {
	if n.rels&isOrdered == 0 {
		return
	}
	for i := range n.edges {
		if r := n.edges[i].Rel; r == Before || r == After {
			e.orderChanged(n, r, e.nodes[n.edges[i].Peer], d)
		}
	}
}

// orderChanged accounts for one link of order between n and m that comes
// (d = 1) or goes (d = -1).
func (e *Engine) orderChanged(n *node, r Relation, m *node, d int32) {
	if !ordered(n.job, m.job) {
		return
	}
	waiting := m
	if waitsFor(n.job.Type, m.job.Type, r == Before) {
		waiting = n
	}
	waiting.job.Blocked += d
	if d < 0 && waiting.job.Blocked == 0 {
		e.queueRun(waiting)
	}
}

// install gives n a job, or merges the wish into the job that it has. A job
// that contradicts is cancelled.
func (e *Engine) install(n *node, v Verb, irreversible, ignoreOrder bool, cause string) *job {
	if n.job != nil {
		merged, ok := merge(n.job.Type, v, n.view.Active)
		if ok {
			e.mergeInto(n, v, merged, irreversible, ignoreOrder, cause)
			return n.job
		}
		e.finish(n, JobCanceled, false)
	}
	e.jobs.last++
	j := &job{
		ID: e.jobs.last, Unit: n.id, Type: v, Irreversible: irreversible, IgnoreOrder: ignoreOrder,
		Since: e.now, Cause: cause, Why: e.chain(cause, "", e.context),
	}
	n.job = j
	if e.jobs.byID == nil {
		e.jobs.byID = map[uint32]*job{}
	}
	e.jobs.byID[j.ID] = j
	e.reseat(n)
	e.countOrder(n, 1)
	e.emit(JobQueued{Job: j.ID, Unit: n.def.Name, Type: v})
	if d := n.def.JobTimeout; d > 0 && d != unit.Infinity {
		j.Timer = e.armJobTimer(n, TimerJob, Time(d))
	}
	e.changed(n)
	e.queueRun(n)
	return j
}

// mergeInto adds a wish for v to n's job. A running job that does not cover it
// runs again; a reload never counts as covered, because what is running may have
// read its files before they were changed.
func (e *Engine) mergeInto(n *node, v, merged Verb, irreversible, ignoreOrder bool, cause string) {
	j := n.job
	j.Irreversible = j.Irreversible || irreversible
	if merged != j.Type || ignoreOrder && !j.IgnoreOrder {
		e.retype(n, merged, j.IgnoreOrder || ignoreOrder)
		j.Cause, j.Why = cause, e.chain(cause, "", e.context)
		j.Running, j.Checking = false, 0
	} else if v == Reload {
		j.Running = false
	}
	e.queueRun(n)
}

// retype changes the type of n's job.
func (e *Engine) retype(n *node, v Verb, ignoreOrder bool) {
	e.countOrder(n, -1)
	n.job.Type, n.job.IgnoreOrder = v, ignoreOrder
	n.job.Blocked = 0
	e.reseat(n)
	e.countOrder(n, 1)
	e.changed(n)
}

func (e *Engine) armJobTimer(n *node, t Timer, after Time) uint64 {
	tok := e.order(n.def.Name)
	e.emit(ArmTimer{Token: tok, Timer: t, At: e.now + after})
	return tok.Gen
}

// queueRun has n's job looked at once the present input is handled.
func (e *Engine) queueRun(n *node) {
	if j := n.job; j != nil && !j.Running && !j.Queued && j.Blocked == 0 {
		j.Queued = true
		e.work.run = append(e.work.run, n.id)
	}
}

// jobDone ends n's job, if it has one, where the state does not tell: a failed
// reload, a start that was skipped.
func (e *Engine) jobDone(n *node, r JobResult) {
	if n.job != nil {
		e.finish(n, r, true)
	}
}

// finish ends n's job. With spread, jobs that depended on it fail too, and
// theirs in turn.
func (e *Engine) finish(n *node, r JobResult, spread bool) {
	w := &e.work
	base := len(w.ending)
	w.ending = append(w.ending, ending{n, r})
	for i := base; i < len(w.ending); i++ {
		e.finishOne(w.ending[i].node, w.ending[i].result, spread)
	}
	clear(w.ending[base:])
	w.ending = w.ending[:base]
}

// finishOne ends one job and appends to the list of endings those that fail
// with it.
func (e *Engine) finishOne(n *node, r JobResult, spread bool) {
	j := n.job
	if j == nil {
		return
	}
	if r == JobDone && j.Type == Restart {
		j.Running, j.Checking = false, 0
		e.retype(n, Start, j.IgnoreOrder)
		e.queueRun(n)
		return
	}
	e.remove(n)
	e.emit(JobRemoved{Job: j.ID, Unit: n.def.Name, Type: j.Type, Result: r})
	e.reached(n, j.Type, r)
	if spread {
		e.spread(n, j.Type, r)
	}
	if r == JobTimeout || r == JobDependency {
		e.work.push(reaction{do: runHandlers, node: n.id, rels: handlesFailure, ofJob: true})
	}
	for _, m := range append(e.boundWith(n), n) {
		for s := range e.each(m, triggeredBy) {
			e.work.push(reaction{do: tellTrigger, node: s.id, other: m.id})
		}
	}
	e.recheckAround(n)
	e.work.push(reaction{do: recheck, node: n.id})
}

// spread fails the jobs that cannot succeed after n's job of type v has ended
// with r.
func (e *Engine) spread(n *node, v Verb, r JobResult) {
	var a atom
	switch {
	case r != JobDone && (v == Start || v == VerifyActive):
		a = failsStart
	case r != JobDone && v == Stop:
		a = failsStop
	case r == JobDone && (v == Start || v == Reload) && !up(n.view.Active):
		a = failsIfAbsent
	}
	if n.rels&a == 0 {
		return
	}
	for m := range e.each(n, a) {
		if m.job != nil && (m.job.Type == Start || m.job.Type == VerifyActive) {
			e.record(RecordWarning, m, "dependency failed: job %s of %s ended as %q", v, n.def.Name, r)
			e.work.ending = append(e.work.ending, ending{m, JobDependency})
		}
	}
}

// remove takes n's job away and lets those that waited for it run.
func (e *Engine) remove(n *node) {
	j := n.job
	if j.Timer != 0 {
		e.emit(DisarmTimer{Unit: n.def.Name, Timer: TimerJob})
	}
	if j.RunTimer != 0 {
		e.emit(DisarmTimer{Unit: n.def.Name, Timer: TimerJobRun})
	}
	e.countOrder(n, -1)
	delete(e.jobs.byID, j.ID)
	n.job = nil
	e.reseat(n)
	if waitsForRoom(n) {
		e.tryRoom() // a job stands before its turn
	}
	e.changed(n)
}

// jobTimer is the end of a job that took too long. The unit stays in the state
// that it has.
func (e *Engine) jobTimer(n *node, in TimerFired) {
	j := n.job
	if j == nil || in.Token.Gen == 0 ||
		in.Timer == TimerJob && in.Token.Gen != j.Timer ||
		in.Timer == TimerJobRun && in.Token.Gen != j.RunTimer {
		e.late++
		return
	}
	e.record(RecordWarning, n, "job %s timed out", j.Type)
	e.finish(n, JobTimeout, true)
	e.act(n, n.def.JobTimeoutAction, -1, n.def.JobTimeoutRebootArg, "job timed out")
}
