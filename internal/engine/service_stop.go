// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// stopService begins to stop, as a job asks for it.
func (e *Engine) stopService(n *node) bool {
	s := n.service
	if s == nil {
		return false
	}
	s.ForbidRestart, s.Respawning = true, false
	s.IdleStop = s.IdleStop || s.State == svcRunning && (n.job != nil && n.job.Asleep || e.sleptBound(n))
	switch {
	case s.State == svcAutoRestart, s.State == svcAutoRestartQueued:
		e.disarm(n, TimerRestart, &s.Timer)
		s.Throttled = false
		e.setService(n, e.deadState(n))
	case s.State.down():
		return false
	case (s.State == svcRunning || s.State.reloading()) && e.enterPreStop(n):
	case s.State == svcRunning, s.State == svcExited:
		e.enterStopping(n, resSuccess)
	case s.State.starting() && n.serviceDef().Job != nil:
		e.stopStarting(n)
	case s.State == svcStopWatchdog, s.State.starting(), s.State.reloading():
		// Whatever runs is killed; ExecStop= is for services that have started.
		e.enterSignal(n, svcStopSigterm, resSuccess)
	}
	return true
}

// enterStopByNotify: the service says itself that it stops, so it needs no
// signal for it (STOPPING=1 of sd_notify(3)).
func (e *Engine) enterStopByNotify(n *node) {
	n.view.Cause = "it says that it stops (STOPPING=1)"
	e.announce(n, evStopping, false)
	e.armState(n, n.serviceDef().TimeoutStop)
	e.watchCgroup(n)
	e.setService(n, svcStopSigterm)
}

// enterStopPost runs what follows every run, whatever happened.
func (e *Engine) enterStopPost(n *node, f result) {
	n.service.fail(f)
	if st := n.service.State; st.starting() || st.up() {
		e.throughStopping(n, svcStopPost)
		return
	}
	if i := firstOf(n.serviceDef().Commands, unit.PhaseStopPost); i >= 0 {
		limit := n.serviceDef().TimeoutStop
		if n.serviceDef().Job != nil {
			limit = stepPatience // kill timeout is for the main process
		}
		e.runControl(n, i, svcStopPost, limit)
		return
	}
	e.enterSignal(n, svcFinalSigterm, resSuccess)
}

// deadState is where a service rests after a good end.
func (e *Engine) deadState(n *node) serviceState {
	if m := n.service.More; m != nil && m.Stored > 0 && n.serviceDef().FDPreserve == unit.PreserveYes {
		return svcDeadPinned
	}
	return svcDead
}

// enterDead ends the run, and decides whether there is another one.
func (e *Engine) enterDead(n *node, f result, mayRestart bool) {
	s, d := n.service, n.serviceDef()
	if n.job != nil && n.job.Type == Stop {
		mayRestart = false // it would undo what is queued
	}
	s.fail(f)
	e.unfreeze(n)
	e.abandon(n)
	restart := mayRestart && e.shallRestart(n)
	slept := s.IdleStop && s.Result == resSuccess && !restart
	if d.PIDFile != "" && s.MainKnown {
		e.emit(RemovePIDFile{Path: d.PIDFile})
	}
	e.releaseStored(n, restart)
	e.leaveCgroup(n, restart)
	e.dropUnused(n)
	since, deep := e.sleptSince(n)
	e.idleEnd(n)
	s.ForbidRestart, s.Access, s.IdleStop, s.PIDFile, s.Watch = false, 0, false, 0, 0
	s.Slept = slept
	n.view.Inhibited = false
	end, before := e.deadState(n), svcDeadBeforeRestart
	if s.Result != resSuccess && s.Result != resCondition {
		end, before = svcFailed, svcFailedBeforeRestart
		e.explain(n)
	}
	if slept {
		if !deep {
			n.view.Sleeps++
		}
		n.view.IdleSince, n.view.Tier = since, TierStopped
	}
	if !restart {
		s.FlushRestarts = true // the count stays visible until the next start
		e.setService(n, end)
		return
	}
	if d.RestartMode != unit.RestartDirect {
		e.setService(n, before)
	}
	e.disarm(n, TimerState, &s.Timer)
	delay := restartDelay(d, n.view.NRestarts+1)
	if s.Respawning {
		delay, n.view.Cause = e.respawnDelay(n)
	} else {
		n.view.Cause = "Restart= after result " + s.Result.String()
	}
	e.arm(n, TimerRestart, &s.Timer, max(e.now+Time(delay), s.NotBefore))
	e.setService(n, svcAutoRestart)
}

// explain makes sure that a failure has words, and logs it.
func (e *Engine) explain(n *node) {
	if n.view.Failure == "" {
		n.view.Failure = "result " + n.service.Result.String()
	}
	n.view.Failure += e.holderHint(n)
	e.record(RecordError, n, "failed (%s): %s", n.service.Result, n.view.Failure)
}

// soon is how long after its start a service that ends has hardly served anybody.
const soon = Time(5 * time.Second)

// holderHint helps with the commonest mistake: a service that opens the address
// itself which its socket holds for it.
func (e *Engine) holderHint(n *node) string {
	v := &n.view
	if n.service.Result != resExitCode || v.MainCode != codeExited || v.MainStatus >= 200 || v.MainExit-v.MainStart > soon {
		return "" // from 200 on are the statuses of systemd.exec(5): it never ran
	}
	for sock := range e.each(n, of(TriggeredBy)) {
		if d := sock.socketDef(); sock.listens() && !d.Accept && d.Handover == unit.HandoverPass {
			return "\n    fix: if its address is in use, that is by " + sock.def.Name +
				", which holds it for the service: have it take that one (LISTEN_FDS), or set X-Handover=bind there"
		}
	}
	return ""
}

// abandon gives up processes that outlived their unit.
func (e *Engine) abandon(n *node) {
	s := n.service
	e.forgetIdleWait(n)
	e.giveUp(&s.Main, &s.Lost)
	e.giveUp(&s.Control, &s.Lost)
	n.view.MainPid, n.view.ControlPid = 0, 0
}

// forgetIdleWait: a Type=idle service stops before it has begun.
func (e *Engine) forgetIdleWait(n *node) {
	if s := n.service; s.IdleWait {
		s.IdleWait = false
		e.forgetWaiting(n)
		e.disarm(n, TimerTrigger, &s.More.Trigger)
	}
}

// releaseStored empties the descriptor store when FileDescriptorStorePreserve=
// does not keep it.
func (e *Engine) releaseStored(n *node, restart bool) {
	m, keep := n.service.More, n.serviceDef().FDPreserve
	if m == nil || m.Stored == 0 || keep == unit.PreserveYes || keep == unit.PreserveRestart && restart {
		return
	}
	m.Stored = 0
	e.emit(DropStored{Unit: n.def.Name})
}
