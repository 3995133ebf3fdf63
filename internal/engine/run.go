// SPDX-License-Identifier: Apache-2.0

package engine

import "github.com/rouse-init/rouse/internal/unit"

// run looks at n's waiting job, and sets it going if nothing stands before it.
func (e *Engine) run(n *node) {
	j := n.job
	if j == nil || !j.Queued {
		return
	}
	j.Queued = false
	if j.Running || j.Blocked > 0 {
		return
	}
	switch j.Type {
	case VerifyActive:
		e.runVerify(n)
	case Start:
		e.runStart(n)
	case Stop, Restart:
		e.runStop(n)
	case Reload:
		e.runReload(n)
	case TryRestart, ReloadOrStart, ReloadOrRestart, TryReloadOrRestart, Nop:
		e.record(RecordBug, n, "job %d has type %s, which cannot run", j.ID, j.Type)
		e.finish(n, JobFailed, true)
	}
}

func (e *Engine) runVerify(n *node) {
	switch s := n.view.Active; {
	case up(s):
		e.finish(n, JobDone, true)
	case s == Activating: // enter queues it again
	default:
		e.finish(n, JobSkipped, true)
	}
}

// begin marks the job as running.
func (e *Engine) begin(n *node) {
	j := n.job
	j.Running = true
	if d := n.def.JobRunningTimeout; d > 0 && d != unit.Infinity && j.RunTimer == 0 {
		j.RunTimer = e.armJobTimer(n, TimerJobRun, Time(d))
	}
	e.changed(n)
}

// runStart starts n once its turn has come: conditions first, unless it is
// already on its way (then this only hurries it up).
func (e *Engine) runStart(n *node) {
	if up(n.view.Active) {
		if n.isTask() {
			n.job.Running = true // its end ends the job
			return
		}
		e.wakeFor(n, n.job.Cause)
		e.finish(n, JobDone, true)
		return
	}
	if n.view.Load != unit.Loaded {
		e.record(RecordError, n, "cannot start: %s", loadProblem(n).Msg)
		e.finish(n, JobFailed, true)
		return
	}
	e.begin(n)
	if n.view.Active != Activating && n.view.Active != Deactivating && len(n.def.Conditions) > 0 {
		tok := e.order(n.def.Name)
		n.job.Checking = tok.Gen
		e.emit(CheckConditions{Token: tok})
		return
	}
	e.startNow(n)
}

// conditionsChecked goes on with the start that asked for them.
func (e *Engine) conditionsChecked(in ConditionsChecked) {
	n := e.node(in.Token.Unit)
	if n == nil || n.job == nil || in.Token.Gen == 0 || n.job.Checking != in.Token.Gen {
		e.late++
		return
	}
	n.job.Checking = 0
	n.view.ConditionTime = e.now
	n.view.ConditionResult, n.view.AssertResult = true, true
	if in.Failed < 0 || int(in.Failed) >= len(n.def.Conditions) {
		if n.job.Blocked > 0 { // a job that goes first came meanwhile
			n.job.Running = false
			return
		}
		e.startNow(n)
		return
	}
	c := &n.def.Conditions[in.Failed]
	text := conditionText(c)
	if c.Assert {
		n.view.AssertResult = false
		e.record(RecordError, n, "not started: Assert%s does not hold", text)
		e.finish(n, JobAssert, true)
		return
	}
	n.view.ConditionResult = false
	e.record(RecordInfo, n, "skipped: Condition%s does not hold", text)
	e.finish(n, JobDone, true)
}

// startNow makes sure that what n is bound to is there, and starts it.
func (e *Engine) startNow(n *node) {
	for m := range e.each(n, boundTo) {
		if !up(m.view.Active) && e.related(n, isAfter, m) {
			e.record(RecordWarning, n, "bound to %s, which is not active", m.def.Name)
			e.finish(n, JobDependency, true)
			return
		}
	}
	n.view.Cause, n.why = n.job.Cause, n.job.Why
	if n.def.Kind != unit.KindService {
		e.announce(n, evStarting, false)
	}
	switch n.def.Kind {
	case unit.KindService, unit.KindSocket:
		e.startKind(n)
	case unit.KindTarget, unit.KindSlice:
		e.enter(n, Active, "active")
	case unit.KindInvalid, unit.KindTimer, unit.KindPath, unit.KindMount, unit.KindAutomount, unit.KindSwap,
		unit.KindScope, unit.KindDevice:
		e.record(RecordWarning, n, "units of this kind are not supported, not starting it")
		e.finish(n, JobUnsupported, true)
	}
}

func (e *Engine) startKind(n *node) {
	res, why := e.kindStart(n)
	switch res {
	case startBegun:
	case startAlready:
		e.jobDone(n, JobDone)
	case startRefused:
		if why != nil {
			e.record(RecordError, n, "cannot start: %s", why.Msg)
		}
		e.jobDone(n, JobFailed)
	case startAgain:
		e.wait(n)
	}
}

// wait puts the job back: the next enter of the unit queues it again.
func (e *Engine) wait(n *node) {
	if n.job != nil {
		n.job.Running = false
	}
}

// runStop begins to stop n; a restart goes on when that is done.
func (e *Engine) runStop(n *node) {
	if dead(n.view.Active) {
		e.endRetry(n)
		e.finish(n, JobDone, true)
		return
	}
	e.begin(n)
	n.view.Cause, n.why = n.job.Cause, n.job.Why
	if n.def.Kind != unit.KindService {
		e.announce(n, evStopping, false)
	}
	switch n.def.Kind {
	case unit.KindService, unit.KindSocket:
		if !e.kindStop(n) {
			e.jobDone(n, JobDone)
		}
	case unit.KindTarget, unit.KindSlice, unit.KindInvalid, unit.KindTimer, unit.KindPath, unit.KindMount,
		unit.KindAutomount, unit.KindSwap, unit.KindScope, unit.KindDevice:
		e.enter(n, Inactive, "dead")
	}
}

func (e *Engine) runReload(n *node) {
	switch n.view.Active {
	case Reloading: // enter queues it again
		return
	case Active:
	case Inactive, Failed, Activating, Deactivating:
		e.record(RecordWarning, n, "cannot be reloaded because it is %s", n.view.Active)
		e.finish(n, JobInvalid, true)
		return
	}
	e.begin(n)
	if !e.kindReload(n) {
		e.jobDone(n, JobFailed)
	}
}

// conditionText writes a condition as it stands in the file, with its place.
func conditionText(c *unit.Condition) string {
	text := c.Type + "="
	if c.Trigger {
		text += "|"
	}
	if c.Negate {
		text += "!"
	}
	text += c.Arg
	if c.Pos.File != "" {
		text += " (" + c.Pos.String() + ")"
	}
	return text
}
