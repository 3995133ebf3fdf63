// SPDX-License-Identifier: Apache-2.0

package engine

import "github.com/rouse-init/rouse/internal/unit"

// activate makes the planned transaction consistent, or says why it cannot be.
func (e *Engine) activate() *Refusal {
	t := &e.tx
	e.markMatters()
	if t.mode == unit.ModeFail {
		e.minimizeImpact()
	}
	e.dropRedundant()
	e.collectGarbage()
	if why := e.breakCycles(); why != nil {
		return why
	}
	e.collectGarbage()
	for {
		again, why := e.mergeJobs()
		if why != nil {
			return why
		}
		if !again {
			break
		}
		e.collectGarbage()
	}
	e.dropRedundant()
	return e.destructive()
}

// markMatters marks the jobs that the anchor cannot do without.
func (e *Engine) markMatters() {
	t := &e.tx
	t.jobs[0].matters = true
	stack := append(t.todo[:0], 0)
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for l := t.jobs[i].brought; l >= 0; l = t.links[l].nextBrought {
			if x := &t.links[l]; x.matters && !t.jobs[x.object].matters {
				t.jobs[x.object].matters = true
				stack = append(stack, x.object)
			}
		}
	}
	t.todo = stack[:0]
}

// minimizeImpact drops what does not matter and would stop a running unit or
// turn a queued job around.
func (e *Engine) minimizeImpact() {
	t := &e.tx
	for i := range t.jobs {
		j := &t.jobs[i]
		if j.gone || j.matters {
			continue
		}
		n := e.nodes[j.node]
		if j.verb == Stop && rising(n.view.Active) || n.job != nil && conflicting(j.verb, n.job.Type) {
			e.unlinkJob(int32(i), true)
		}
	}
}

// idle tells whether the job has nothing to do: its unit is where it should be,
// and no queued job is about to change that.
func (e *Engine) idle(j *txJob) bool {
	n := e.nodes[j.node]
	return redundant(j.verb, n.view.Active) && (n.job == nil || !conflicting(j.verb, n.job.Type))
}

// dropRedundant drops the jobs of all units where none has anything to do. The
// anchor stays: somebody waits for its end.
func (e *Engine) dropRedundant() {
	t := &e.tx
	for _, id := range t.units {
		first := e.nodes[id].tx - 1
		keep := false
		for i := first; i >= 0 && !keep; i = t.jobs[i].next {
			j := &t.jobs[i]
			keep = !j.gone && (i == 0 || !e.idle(j))
		}
		for i := first; i >= 0 && !keep; i = t.jobs[i].next {
			if !t.jobs[i].gone {
				e.unlinkJob(i, false)
			}
		}
	}
}

// collectGarbage drops jobs that no job brings along any more.
func (e *Engine) collectGarbage() {
	t := &e.tx
	if t.mode == unit.ModeIsolate {
		return
	}
	for again := true; again; {
		again = false
		// Holders come before what they hold, but for rings and for what
		// several jobs hold, so one pass is nearly always enough.
		for i := 1; i < len(t.jobs); i++ {
			if !t.jobs[i].gone && t.jobs[i].holders == 0 {
				e.unlinkJob(int32(i), false)
				again = true
			}
		}
	}
}

// mergeJobs makes one job of all jobs of a unit. Where two contradict and one
// does not matter, that one is dropped, and all must be looked at again.
func (e *Engine) mergeJobs() (again bool, why *Refusal) {
	t := &e.tx
	for _, id := range t.units {
		n := e.nodes[id]
		first := e.firstJob(n)
		if first < 0 {
			continue
		}
		verb := t.jobs[first].verb
		for i := t.jobs[first].next; i >= 0; i = t.jobs[i].next {
			if t.jobs[i].gone {
				continue
			}
			v, ok := merge(verb, t.jobs[i].verb, n.view.Active)
			if ok {
				verb = v
				continue
			}
			if !e.dropContradiction(n) {
				return false, refuse("TransactionJobsConflicting",
					"Transaction contains conflicting jobs '%s' and '%s' for %s. Probably contradicting requirement dependencies configured.",
					t.jobs[first].verb, t.jobs[i].verb, n.def.Name)
			}
			return true, nil
		}
	}
	for _, id := range t.units {
		e.mergeUnit(e.nodes[id])
	}
	return false, nil
}

// firstJob returns n's first job that is still there, or -1.
func (e *Engine) firstJob(n *node) int32 {
	i := n.tx - 1
	for i >= 0 && e.tx.jobs[i].gone {
		i = e.tx.jobs[i].next
	}
	return i
}

// mergeUnit leaves n with one job. The links of the others no longer count:
// the search for cycles is done.
func (e *Engine) mergeUnit(n *node) {
	t := &e.tx
	first := e.firstJob(n)
	if first < 0 {
		return
	}
	keep := first
	verb := t.jobs[first].verb
	for i := t.jobs[first].next; i >= 0; i = t.jobs[i].next {
		if t.jobs[i].gone {
			continue
		}
		verb, _ = merge(verb, t.jobs[i].verb, n.view.Active)
		drop := i
		if i < keep { // the anchor, and what came first, give the cause
			keep, drop = i, keep
		}
		t.jobs[drop].gone = true
		t.jobs[keep].matters = t.jobs[keep].matters || t.jobs[drop].matters
	}
	t.jobs[keep].verb = verb
}

// dropContradiction drops one of two jobs of n that contradict each other. Of
// two that do not matter the stop goes, except when the unit is stopped because
// another conflicts with it: then the start goes.
func (e *Engine) dropContradiction(n *node) bool {
	t := &e.tx
	for i := e.firstJob(n); i >= 0; i = t.jobs[i].next {
		for k := t.jobs[i].next; k >= 0; k = t.jobs[k].next {
			a, b := &t.jobs[i], &t.jobs[k]
			if a.gone || b.gone || !conflicting(a.verb, b.verb) {
				continue
			}
			if b.verb == Stop {
				a, b, i, k = b, a, k, i
			}
			switch {
			case a.matters && b.matters:
				return false
			case a.matters, !b.matters && a.conflicted:
				e.unlinkJob(k, true)
			default:
				e.unlinkJob(i, true)
			}
			return true
		}
	}
	return false
}

// destructive tells whether the transaction would replace jobs that must not
// be replaced.
func (e *Engine) destructive() *Refusal {
	t := &e.tx
	a := &t.jobs[0]
	for i := range t.jobs {
		j := &t.jobs[i]
		n := e.nodes[j.node]
		if j.gone || n.job == nil || !(t.mode == unit.ModeFail || n.job.Irreversible) || !conflicting(j.verb, n.job.Type) {
			continue
		}
		return refuse("TransactionIsDestructive",
			"Transaction for %s/%s is destructive (%s has '%s' job queued, but '%s' is included in transaction).",
			e.nodes[a.node].def.Name, a.verb, n.def.Name, n.job.Type, j.verb)
	}
	return nil
}

// apply queues the jobs of the finished transaction and returns the anchor's.
func (e *Engine) apply(cause string) *job {
	t := &e.tx
	if t.mode == unit.ModeIsolate || t.mode == unit.ModeFlush {
		for _, j := range e.sortedJobs() {
			if n := e.nodes[j.Unit]; n.job == j && !e.has(n) {
				e.finish(n, JobCanceled, false)
			}
		}
	}
	ignoreOrder := t.mode == unit.ModeIgnoreDependencies
	irreversible := t.mode == unit.ModeReplaceIrreversibly
	var anchor *job
	context := e.context
	defer func() { e.context = context }()
	for i := range t.jobs {
		j := &t.jobs[i]
		if j.gone {
			continue
		}
		why := cause
		if j.by >= 0 {
			by := e.nodes[t.jobs[j.by].node]
			why = causeOf(j.rel, by)
			e.context = context
			if by.job != nil {
				e.context = by.job.Why
			}
		}
		x := e.install(e.nodes[j.node], j.verb, irreversible, ignoreOrder, why)
		if i == 0 {
			anchor = x
		}
	}
	return anchor
}

// causeOf says that a unit gets a job because n has relation r to it.
func causeOf(r Relation, n *node) string {
	switch {
	case r == 0:
		return "isolating " + n.def.Name
	case r <= Triggers:
		return r.String() + "= of " + n.def.Name
	}
	return "its " + r.Inverse().String() + "= on " + n.def.Name
}
