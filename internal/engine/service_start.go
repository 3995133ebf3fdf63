// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// startService begins a start, unless the state forbids or implies it.
func (e *Engine) startService(n *node) (startResult, *Refusal) {
	if n.service == nil {
		n.service = &service{}
	}
	s := n.service
	switch {
	case s.State.stopping():
		return startAgain, nil
	case s.State == svcPreStop:
		return startBegun, nil // it goes back to running when pre-stop has ended
	case s.State.starting() && s.StopAfter:
		return startAgain, nil
	case s.State.starting():
		return startBegun, nil
	case s.State.up():
		return startAlready, nil
	}
	if e.awaitNeeds(n) {
		return startAgain, nil // needsThawed runs the job again
	}
	knocked := s.Knocked
	s.Knocked = false
	wakes := e.wakes(n, knocked)
	if e.throttled(n, wakes) {
		return startBegun, nil
	}
	if !e.mayStart(n, &s.Starts, wakes) {
		s.LimitHit = true
		s.Result = resStartLimit
		s.FlushRestarts = true
		e.dropUnused(n)
		e.disarm(n, TimerRestart, &s.Timer)
		e.setService(n, svcFailed)
		return startRefused, &Refusal{Code: "StartLimitHit", Msg: n.def.Name + ": " + n.view.Failure}
	}
	e.dropTicket(n)
	if s.State == svcAutoRestart && !s.Throttled {
		// It cuts the delay short, and is a restart all the same.
		n.view.NRestarts++
		s.FlushRestarts = false
	}
	e.resetService(n)
	e.enterStarting(n)
	return startBegun, nil
}

// resetService forgets the last run.
func (e *Engine) resetService(n *node) {
	s, v := n.service, &n.view
	e.disarm(n, TimerRestart, &s.Timer)
	if s.FlushRestarts {
		v.NRestarts, s.FlushRestarts = 0, false
	}
	s.Result, s.ReloadResult, s.Said, s.Access = resSuccess, resSuccess, saidNothing, 0
	s.MainKnown, s.ForbidRestart, s.LimitHit, s.Slept, s.IdleStop = false, false, false, false, false
	s.PIDFile, s.Watch, s.Empty = 0, 0, false
	s.StopAfter, s.Respawning, s.Nameless, s.Unspawned, s.Blame = false, false, false, 0, blame{}
	e.beginRun(n)
	e.throttleRun(n)
	if s.More != nil {
		s.More.WatchdogEvery, s.More.WatchdogDue = 0, 0
	}
	e.gen++
	v.Run = e.gen
	v.MainPid, v.ControlPid = 0, 0
	v.MainStart, v.MainExit, v.MainCode, v.MainStatus = 0, 0, 0, 0
	v.StatusText, v.StatusErrno, v.Failure, v.Inhibited, v.IdleSince = "", 0, "", false, 0
	v.Tier, v.TierNote, v.MemoryBefore, v.MemoryNow, v.CPUBefore, v.OpenBefore = TierAwake, "", 0, 0, 0, 0
}

// beginStart runs the first command.
func (e *Engine) beginStart(n *node) {
	if i := firstOf(n.serviceDef().Commands, unit.PhaseCondition); i >= 0 {
		e.runControl(n, i, svcCondition, e.startLimit(n))
		return
	}
	e.enterStartPre(n)
}

func (e *Engine) enterStartPre(n *node) {
	i := firstOf(n.serviceDef().Commands, unit.PhaseSecurity)
	if i < 0 {
		i = firstOf(n.serviceDef().Commands, unit.PhaseStartPre)
	}
	if i >= 0 {
		e.runControl(n, i, svcStartPre, e.startLimit(n))
		return
	}
	e.enterStart(n)
}

// enterStart starts the main process, or for Type=forking the process that
// starts it.
func (e *Engine) enterStart(n *node) {
	s, d := n.service, n.serviceDef()
	i := firstOf(d.Commands, unit.PhaseStart)
	switch {
	case i < 0 && (d.Type == unit.TypeOneshot || d.Job != nil):
		e.enterStartPost(n)
	case i < 0:
		n.view.Failure = "the unit has no ExecStart= any more"
		e.enterSignal(n, svcStopSigterm, resResources)
	case d.Type == unit.TypeForking:
		e.runControl(n, i, svcStart, e.startLimit(n))
	case d.Type == unit.TypeIdle && e.jobsQueued(n):
		s.IdleWait = true
		e.waiting = append(e.waiting, n.id)
		e.arm(n, TimerTrigger, &s.more().Trigger, e.now+Time(idleDelay))
		e.enterStartPost(n)
	default:
		e.spawnMain(n, i)
		limit := e.startLimit(n)
		if (d.Type == unit.TypeSimple || d.Type == unit.TypeIdle) && d.Readiness == unit.ReadyByType {
			limit = unit.Infinity // there is nothing to wait for but the clone
		}
		if d.Job != nil {
			limit = e.beginExpect(n, limit)
		}
		e.armState(n, limit)
		e.setService(n, svcStart)
	}
}

// idleDelay bounds the wait of Type=idle (systemd.service(5)).
const idleDelay = 5 * time.Second

// beginIdle spawns the main process of a Type=idle service that waited.
func (e *Engine) beginIdle(n *node) {
	s := n.service
	if !s.IdleWait {
		return
	}
	s.IdleWait = false
	e.disarm(n, TimerTrigger, &s.More.Trigger)
	if s.State != svcStartPost && s.State != svcRunning {
		e.record(RecordBug, n, "waits for the jobs to end in state %s", s.State)
		return
	}
	i := firstOf(n.serviceDef().Commands, unit.PhaseStart)
	if i < 0 {
		e.enterStopping(n, resResources)
		return
	}
	e.spawnMain(n, i)
	if s.State == svcRunning {
		e.armRuntime(n)
	}
}

// mainStarted is called when the main process exists, and again when it has
// executed its program: each type takes the one that it means.
func (e *Engine) mainStarted(n *node, executed bool) {
	s, d := n.service, n.serviceDef()
	if s.State != svcStart || d.Readiness == unit.ReadyListen && d.Type <= unit.TypeExec || d.Job != nil && d.Job.Expect != unit.ExpectNone {
		return
	}
	switch d.Type {
	case unit.TypeSimple, unit.TypeIdle:
		if executed == (d.Job != nil) { // a job has not started before its program runs
			e.enterStartPost(n)
		}
	case unit.TypeExec:
		if executed {
			e.enterStartPost(n)
		}
	case unit.TypeForking, unit.TypeOneshot, unit.TypeDBus, unit.TypeNotify, unit.TypeNotifyReload:
	}
}

// enterStartPost: the service is ready in the sense of its type.
func (e *Engine) enterStartPost(n *node) {
	e.petWatchdog(n)
	e.endExpect(n)
	if i := firstOf(n.serviceDef().Commands, unit.PhaseStartPost); i >= 0 {
		e.runControl(n, i, svcStartPost, e.startLimit(n))
		if n.service.State == svcStartPost {
			e.armWatchdog(n)
		}
		return
	}
	e.enterRunning(n, resSuccess)
}

// enterRunning goes where a service belongs that is neither starting nor
// stopping: running, exited, or on its way down.
func (e *Engine) enterRunning(n *node, f result) {
	s := n.service
	s.fail(f)
	switch {
	case s.Result != resSuccess:
		e.enterSignal(n, svcStopSigterm, f)
	case !e.serviceGood(n):
		if n.serviceDef().RemainAfterExit {
			e.setService(n, svcExited)
		} else {
			e.enterStopping(n, resSuccess)
		}
	case s.Nameless:
		s.Nameless = false
		e.enterNameless(n)
	case s.Said == saidReloading:
		e.enterReloadNotify(n)
	case s.Said == saidStopping:
		e.enterStopByNotify(n)
	default:
		e.setService(n, svcRunning)
		e.armRuntime(n)
		e.armWatchdog(n)
		e.idleEnter(n)
	}
}

// serviceGood tells whether something of the service runs. Where no main
// process is known the processes of the unit decide, which WatchCgroup tells.
func (e *Engine) serviceGood(n *node) bool {
	s, d := n.service, n.serviceDef()
	if s.Main.alive() || s.IdleWait {
		return true
	}
	if s.MainKnown && d.ExitType == unit.ExitMain || s.Empty {
		return false
	}
	if (d.Type == unit.TypeOneshot || d.Job != nil) && !s.MainKnown {
		return false // it had no ExecStart=
	}
	e.watchCgroup(n)
	return true
}

// lastPatience bounds a task that was started when everything else stopped.
const lastPatience = 30 * time.Second

// isLast tells whether n is such a task.
func (e *Engine) isLast(n *node) bool { return e.down && n.ev != nil && n.ev.Last }

// startLimit is the time limit of each state of a start.
func (e *Engine) startLimit(n *node) time.Duration {
	limit := n.serviceDef().TimeoutStart
	if endless(limit) && e.isLast(n) {
		return lastPatience
	}
	return limit
}

// armRuntime starts RuntimeMaxSec=, which counts from the moment at which the
// unit became active. The random extra is made from the number of the run.
func (e *Engine) armRuntime(n *node) {
	s, d := n.service, n.serviceDef()
	if e.isLast(n) {
		e.arm(n, TimerRuntime, &s.more().Runtime, e.now+Time(lastPatience))
		return
	}
	if endless(d.RuntimeMax) || d.Type == unit.TypeOneshot || s.IdleWait {
		return
	}
	most := Time(d.RuntimeMax)
	if d.RuntimeExtra > 0 && d.RuntimeExtra != unit.Infinity {
		most += Time(n.view.Run * 0x9E3779B97F4A7C15 % uint64(d.RuntimeExtra))
	}
	e.arm(n, TimerRuntime, &s.more().Runtime, n.view.ActiveEnter+most)
}
