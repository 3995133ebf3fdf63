// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"

	"github.com/rouse-init/rouse/internal/unit"
)

// flag marks what is due for a node.
type nodeFlags uint8

const (
	flagChanged nodeFlags = 1 << iota // in Engine.touched
	flagCollect                       // to be forgotten when it is inactive
	flagGone                          // its definition has vanished
)

// enter records that n has changed its state, and sets off all that follows
// from the state alone: the end of its job, the rise and fall of its
// dependencies, handlers, actions, its collection. Consequences that reach other
// units are queued for the end of this Step; n's own job may have ended, and
// n.job may be nil, when enter returns.
//
// View.Cause, View.Result and View.Failure must have been set before.
func (e *Engine) enter(n *node, s ActiveState, sub string) {
	was := n.view.Active
	restart := n.job != nil && n.job.Type == Restart
	again := restart || n.job != nil && n.job.Type == Start && !n.job.Running // it starts again at once
	n.view.Active, n.view.Sub = s, sub
	e.trace(n)
	e.changed(n)
	e.stamp(n, was, s)
	if e.judge(n, s) {
		switch {
		case dead(was) && rising(s):
			e.work.push(reaction{do: riseWith, node: n.id})
		case rising(was) && falling(s):
			e.work.push(reaction{do: fallWith, node: n.id})
		}
	}
	switch {
	case s == Failed && was != Failed:
		e.work.push(reaction{do: runHandlers, node: n.id, rels: handlesFailure})
		e.act(n, n.def.FailureAction, n.def.FailureActionExit, n.def.RebootArgument, "unit failed")
	case s == Inactive && !dead(was):
		e.work.push(reaction{do: runHandlers, node: n.id, rels: handlesSuccess})
		e.act(n, n.def.SuccessAction, n.def.SuccessActionExit, n.def.RebootArgument, "unit succeeded")
	}
	for sock := range e.each(n, triggeredBy) {
		e.work.push(reaction{do: tellTrigger, node: sock.id, other: n.id})
	}
	switch {
	case up(s) && !up(was) && was != Deactivating: // where a stop was taken back
		e.announce(n, evStarted, false)
	case dead(s) && !dead(was):
		if !again {
			e.announce(n, evStopped, false)
		}
		e.endRun(n, restart)
	}
	if s != was {
		e.recheckAround(n)
	}
	if n.def.StopWhenUnneeded || n.flag&flagCollect != 0 || n.rels&(boundTo|upheldBy) != 0 {
		e.work.push(reaction{do: recheck, node: n.id})
	}
}

// stamp notes the times of the change.
func (e *Engine) stamp(n *node, was, s ActiveState) {
	v := &n.view
	v.StateChange = e.now
	if dead(was) != dead(s) {
		if dead(s) {
			v.InactiveEnter = e.now
		} else {
			v.InactiveExit = e.now
		}
	}
	if up(was) != up(s) {
		if up(s) {
			v.ActiveEnter = e.now
		} else {
			v.ActiveExit = e.now
		}
	}
}

// judge ends n's job if the new state fulfils or contradicts it, and tells
// whether nobody had asked for the change.
func (e *Engine) judge(n *node, s ActiveState) (unexpected bool) {
	j := n.job
	if j == nil {
		return true
	}
	switch j.Type {
	case Start, VerifyActive:
		switch {
		case up(s) && n.isTask():
			return false // done is when it has ended
		case up(s):
			e.finish(n, JobDone, true)
			return false
		case j.Running && j.Checking == 0 && s != Activating:
			if dead(s) {
				e.finish(n, endOf(s), true)
			}
			return true
		}
	case Reload:
		switch {
		case !j.Running:
		case s == Active:
			e.finish(n, JobDone, true)
			return false
		case s != Activating && s != Reloading:
			if dead(s) {
				e.finish(n, endOf(s), true)
			}
			return true
		}
	case Stop, Restart:
		switch {
		case dead(s):
			e.finish(n, JobDone, true)
			return false
		case j.Running && s != Deactivating:
			e.finish(n, JobFailed, true)
			return true
		}
	case TryRestart, ReloadOrStart, ReloadOrRestart, TryReloadOrRestart, Nop:
	}
	e.queueRun(n)
	return false
}

// endOf is the result of a positive job whose unit has come down.
func endOf(s ActiveState) JobResult {
	if s == Failed {
		return JobFailed
	}
	return JobDone
}

// riseWith follows a start that no job asked for: what n requires and is not
// ordered after starts too, what it conflicts with stops. Who waits for
// RestartSec= brings who it is bound with when it starts: they would start it.
func (e *Engine) riseWith(n *node) {
	if n.rels&(risesWith|risesWithFail|fallsOnStart) == 0 {
		return
	}
	if n.service != nil && n.service.State == svcAutoRestart && len(e.boundWith(n)) > 0 {
		return
	}
	for i := range len(n.edges) {
		r, m := n.edges[i].Rel, e.nodes[n.edges[i].Peer]
		switch {
		case risesWith.has(r) && !rising(m.view.Active) && !e.related(n, isAfter, m):
			e.wish(m, Start, unit.ModeReplace, r, n)
		case risesWithFail.has(r) && !rising(m.view.Active) && !e.related(n, isAfter, m):
			e.wish(m, Start, unit.ModeFail, r, n)
		case fallsOnStart.has(r) && !falling(m.view.Active):
			e.wish(m, Stop, unit.ModeReplace, r, n)
		}
	}
}

// fallWith follows an end that no job asked for. Where units are bound to each
// other, the stop of the others brings none of n: it would undo its Restart=.
func (e *Engine) fallWith(n *node) {
	if n.view.Active == Deactivating && e.discreet(n) && e.shallRestart(n) {
		return
	}
	e.tx.falling = n
	defer func() { e.tx.falling = nil }()
	for i := range len(n.edges) {
		r, m := n.edges[i].Rel, e.nodes[n.edges[i].Peer]
		if fallsOnStop.has(r) && !falling(m.view.Active) {
			e.wish(m, Stop, unit.ModeReplace, r, n)
			e.stopsAsleep(m)
		}
	}
}

// runHandlers starts what OnFailure= or OnSuccess= names. Without a process
// that had to end for it (ofJob: only a job has failed), two units that handle each
// other's failure would go on for ever; so that is limited.
func (e *Engine) runHandlers(n *node, rels atom, ofJob bool) {
	// rels may still have what the last link of its kind has left.
	if n.rels&rels == 0 || !slices.ContainsFunc(n.edges, func(x edge) bool { return rels.has(x.Rel) }) {
		return
	}
	if (ofJob || n.def.Kind != unit.KindService && n.def.Kind != unit.KindSocket) && !e.belowLimit(n) {
		e.record(RecordWarning, n, "its handlers were started too often recently, ignoring")
		return
	}
	mode := n.def.OnFailureJobMode
	if rels == handlesSuccess {
		mode = n.def.OnSuccessJobMode
	}
	for i := range len(n.edges) {
		if r := n.edges[i].Rel; rels.has(r) {
			e.wish(e.nodes[n.edges[i].Peer], Start, mode, r, n)
		}
	}
}

// wish queues a job for m because n has relation r to it. What cannot be
// granted is recorded and left at that.
func (e *Engine) wish(m *node, v Verb, mode unit.JobMode, r Relation, n *node) {
	cause := causeOf(r, n)
	context := e.context
	e.context = n.why
	defer func() { e.context = context }()
	if _, why := e.enqueue(m, v, mode, cause); why != nil && !e.down {
		e.record(RecordWarning, m, "cannot %s it (%s), ignoring: %s", v, cause, why.Msg)
	}
}

// act performs FailureAction= and its kin. Without an exit status of its own
// the action has that of the main process, 255 if a signal ended it.
func (e *Engine) act(n *node, a unit.Action, exit int16, arg, why string) {
	if a == unit.ActionNone {
		return
	}
	if exit < 0 && n.view.MainExit != 0 {
		exit = 255
		if n.view.MainCode == 1 {
			exit = int16(n.view.MainStatus)
		}
	}
	e.emit(RunAction{Action: a, Exit: exit, Arg: arg, Unit: n.def.Name, Why: why})
}
