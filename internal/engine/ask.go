// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"slices"

	"github.com/rouse-init/rouse/internal/unit"
)

// ask queues the job that a client wishes for, and answers.
func (e *Engine) ask(in Asked) {
	n := e.node(in.Unit)
	if n == nil {
		e.emit(Reply{ID: in.ID, Err: refuse("NoSuchUnit", "Unit %s not found.", in.Unit)})
		return
	}
	if why := e.permits(n, in); why != nil {
		e.emit(Reply{ID: in.ID, Err: why})
		return
	}
	if in.Manual && in.Verb != Stop && in.Verb != Reload {
		e.unthrottle(n)
	}
	cause := in.Verb.String() + " asked for by a client"
	if !in.Manual {
		cause = in.Verb.String() + " asked for by the manager"
	}
	queued := n.job != nil
	j, why := e.enqueue(n, in.Verb, in.Mode, cause)
	if j != nil && !queued {
		j.Manual = in.Manual
	}
	switch {
	case why != nil:
		e.emit(Reply{ID: in.ID, Err: why})
	case j == nil:
		e.replyNop(n, in.ID)
	default:
		e.emit(Reply{ID: in.ID, Job: j.ID})
	}
}

// replyNop answers a wish that has nothing to do with a job that is done at
// once, because clients wait for the end of the job that they are told.
func (e *Engine) replyNop(n *node, id uint64) {
	e.jobs.last++
	job := e.jobs.last
	e.emit(JobQueued{Job: job, Unit: n.def.Name, Type: Nop})
	e.emit(Reply{ID: id, Job: job})
	e.emit(JobRemoved{Job: job, Unit: n.def.Name, Type: Nop, Result: JobDone})
}

// permits checks what applies to wishes from outside only.
func (e *Engine) permits(n *node, in Asked) *Refusal {
	v := collapse(in.Verb, n.view.Active, e.reloadable(n))
	notLoaded := n.view.Load == unit.NotFound || n.view.Load == unit.LoadFailed || n.view.Load == unit.BadSetting
	if in.Verb == Stop && notLoaded && n.view.Active == Inactive {
		return refuse("NoSuchUnit", "Unit %s not loaded.", in.Unit)
	}
	if !in.Manual {
		return nil
	}
	starts := v == Start || in.Verb == Restart || in.Verb == TryRestart
	ends := v == Stop || in.Verb == Restart || in.Verb == TryRestart
	if starts && n.def.RefuseManualStart || ends && n.def.RefuseManualStop {
		return refuse("OnlyByDependency",
			"Operation refused, unit %s may be requested by dependency only (it is configured to refuse manual start/stop).",
			in.Unit)
	}
	return nil
}

// reset is reset-failed.
func (e *Engine) reset(in AskedReset) {
	if in.Unit != "" {
		if n := e.node(in.Unit); n != nil {
			e.resetOne(n)
		}
		return
	}
	for _, n := range e.nodes {
		if n != nil {
			e.resetOne(n)
		}
	}
}

func (e *Engine) resetOne(n *node) {
	if n.def.Kind == unit.KindService || n.def.Kind == unit.KindSocket {
		e.kindReset(n)
	}
	if n.flag&flagCollect != 0 {
		e.work.push(reaction{do: recheck, node: n.id})
	}
}

// cancel ends one job or all. The units stay in the states that they have.
func (e *Engine) cancel(in AskedCancel) {
	for _, j := range e.sortedJobs() {
		if n := e.nodes[j.Unit]; n.job == j && (in.Job == 0 || in.Job == j.ID) {
			e.finish(n, JobCanceled, true)
		}
	}
}

// sortedJobs returns the queued jobs, oldest first.
func (e *Engine) sortedJobs() []*job {
	all := make([]*job, 0, len(e.jobs.byID))
	for _, j := range e.jobs.byID {
		all = append(all, j)
	}
	slices.SortFunc(all, func(a, b *job) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// shutdown stops everything, in reverse order. All other jobs are cancelled,
// and from now on none is accepted.
func (e *Engine) shutdown() {
	if e.down {
		return
	}
	e.down = true
	for _, n := range e.nodes {
		if n != nil && n.ev != nil {
			e.unlatch(n.ev.Start)
			e.letGo(n.ev.Stop)
		}
	}
	for _, j := range e.sortedJobs() {
		if n := e.nodes[j.Unit]; n.job == j {
			e.finish(n, JobCanceled, false)
		}
	}
	defer e.clearTransaction()
	e.tx.mode = unit.ModeReplaceIrreversibly
	for _, n := range e.nodes {
		if n != nil && !n.def.Perpetual && !dead(n.view.Active) {
			e.add(n, Stop, -1, 0, false, false)
		}
	}
	e.breakCycles()
	for _, j := range e.tx.jobs {
		e.install(e.nodes[j.node], Stop, true, j.free, "everything is being stopped")
	}
}
