// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// arm starts or moves a timer.
func (e *Engine) arm(n *node, which Timer, t *timer, at Time) {
	tok := e.order(n.def.Name)
	*t = timer{Gen: tok.Gen, At: at}
	e.emit(ArmTimer{Token: tok, Timer: which, At: at})
}

// disarm stops a timer, running or paused.
func (e *Engine) disarm(n *node, which Timer, t *timer) {
	if t.Gen != 0 {
		e.emit(DisarmTimer{Unit: n.def.Name, Timer: which})
	}
	*t = timer{}
}

// armState limits the present state, or ends the limit of the one before.
func (e *Engine) armState(n *node, limit time.Duration) {
	if endless(limit) {
		e.disarm(n, TimerState, &n.service.Timer)
		return
	}
	e.arm(n, TimerState, &n.service.Timer, e.now+Time(limit))
}

// serviceTimer dispatches the timers of a service.
func (e *Engine) serviceTimer(n *node, in TimerFired) {
	s := n.service
	gen := in.Token.Gen
	switch {
	case gen == s.Timer.Gen && in.Timer == TimerState:
		s.Timer = timer{}
		e.stateTimeout(n)
	case gen == s.Timer.Gen && in.Timer == TimerRestart:
		s.Timer = timer{}
		e.enterRestart(n)
	case n.ev != nil && gen == n.ev.Expect.Gen && in.Timer == TimerExpect:
		n.ev.Expect = timer{}
		e.expectOver(n)
	case s.More != nil && gen == s.More.Runtime.Gen && in.Timer == TimerRuntime:
		s.More.Runtime = timer{}
		limit := n.serviceDef().RuntimeMax
		if e.down {
			limit = lastPatience
		}
		e.because(n, "it ran longer than RuntimeMaxSec= allows ("+limit.String()+")")
		e.enterStopping(n, resTimeout)
	case s.More != nil && gen == s.More.Watchdog.Gen && in.Timer == TimerWatchdog:
		s.More.Watchdog = timer{}
		e.watchdogDue(n)
	case s.More != nil && gen == s.More.JudgeTimer.Gen && in.Timer == TimerJudge:
		e.judgeTimeout(n)
	case s.More != nil && gen == s.More.Trigger.Gen && in.Timer == TimerTrigger:
		s.More.Trigger = timer{}
		e.forgetWaiting(n)
		e.beginIdle(n)
	default:
		e.late++
	}
}

// because records a failure in words, unless a more precise one is known, as
// the cause of what follows.
func (e *Engine) because(n *node, msg string) {
	n.view.Cause = msg
	if n.view.Failure == "" {
		n.view.Failure = msg
	}
}

// unready says that the start took too long, with the last word of the service
// about it (STATUS= of sd_notify(3)).
func (e *Engine) unready(n *node) string {
	limit, last := e.startLimit(n).String(), n.view.StatusText
	if last != "" {
		last = ": " + last
	}
	if m := e.behind(n); m != n {
		return m.def.Name + " was not ready within " + limit + " (timeout= of X-Handover=bridge:)" + last
	}
	return "it was not ready within TimeoutStartSec= (" + limit + "), in state " + n.service.State.String() + last
}

// stateTimeout: the present state took too long.
func (e *Engine) stateTimeout(n *node) {
	s, d := n.service, n.serviceDef()
	kill := d.Kill.SendSIGKILL
	if d.Job != nil && (s.State == svcStopSigterm || s.State == svcFinalSigterm) {
		e.killTimeout(n)
		return
	}
	e.record(RecordWarning, n, "state %s timed out", s.State)
	if s.StopAfter {
		e.noteRun(n, "its "+s.State.upstart()+" process did not end within "+d.TimeoutStop.String()+" after the stop was asked for, and was killed")
		e.enterSignal(n, svcStopSigterm, resSuccess)
		return
	}
	if s.State.starting() {
		e.because(n, e.unready(n))
		e.flushSockets(n)
	} else if s.State.stopping() {
		e.because(n, "it did not stop within TimeoutStopSec= ("+d.TimeoutStop.String()+"), in state "+s.State.String())
	}
	switch s.State {
	case svcCondition, svcStartPre, svcStart, svcStartPost:
		e.killByMode(n, d.StartFailure, svcStopSigterm)
	case svcReload, svcReloadSignal, svcReloadNotify:
		e.reloadTimeout(n)
	case svcPreStop:
		e.enterStopping(n, resSuccess)
	case svcStop:
		e.killByMode(n, d.StopFailure, svcStopSigterm)
	case svcStopSigterm:
		if d.StopFailure == unit.TimeoutAbort {
			e.enterSignal(n, svcStopWatchdog, resTimeout)
		} else {
			e.killOr(n, kill, svcStopSigkill)
		}
	case svcStopWatchdog:
		e.killOr(n, kill, svcStopSigkill)
	case svcStopSigkill:
		e.record(RecordWarning, n, "processes are still there after the final signal, ignoring them")
		e.enterStopPost(n, resTimeout)
	case svcStopPost:
		e.killByMode(n, d.StopFailure, svcFinalSigterm)
	case svcFinalSigterm:
		if d.StopFailure == unit.TimeoutAbort {
			e.enterSignal(n, svcFinalWatchdog, resTimeout)
		} else {
			e.killOr(n, kill, svcFinalSigkill)
		}
	case svcFinalWatchdog:
		e.killOr(n, kill, svcFinalSigkill)
	case svcFinalSigkill:
		e.record(RecordWarning, n, "processes are still there after the final signal, ignoring them")
		e.enterDead(n, resTimeout, true)
	case svcDead, svcStarting, svcRunning, svcExited, svcStopping, svcDeadPinned, svcFailed,
		svcDeadBeforeRestart, svcFailedBeforeRestart, svcAutoRestart, svcAutoRestartQueued:
		e.bug(n, "state timer")
	}
}

// killByMode acts by Timeout{Start,Stop}FailureMode=; term is the gentle way.
func (e *Engine) killByMode(n *node, m unit.TimeoutMode, term serviceState) {
	abort, kill := svcStopWatchdog, svcStopSigkill
	if term == svcFinalSigterm {
		abort, kill = svcFinalWatchdog, svcFinalSigkill
	}
	switch m {
	case unit.TimeoutTerminate:
		e.enterSignal(n, term, resTimeout)
	case unit.TimeoutAbort:
		e.enterSignal(n, abort, resTimeout)
	case unit.TimeoutKill:
		e.killOr(n, n.serviceDef().Kill.SendSIGKILL, kill)
	}
}

// killOr kills, or where SendSIGKILL=no leaves the processes alone.
func (e *Engine) killOr(n *node, kill bool, st serviceState) {
	switch {
	case kill:
		e.enterSignal(n, st, resTimeout)
	case st == svcFinalSigkill:
		e.record(RecordWarning, n, "processes are left behind, because of SendSIGKILL=no")
		e.enterDead(n, resTimeout, false)
	default:
		e.record(RecordWarning, n, "processes are left behind, because of SendSIGKILL=no")
		e.enterStopPost(n, resTimeout)
	}
}

// bug records a cell that cannot be reached.
func (e *Engine) bug(n *node, what string) {
	st := "?"
	switch {
	case n.service != nil:
		st = n.service.State.String()
	case n.socket != nil:
		st = n.socket.State.String()
	}
	e.record(RecordBug, n, "%s in state %s cannot be", what, st)
}

// forgetWaiting takes n off the list of Type=idle services that wait.
func (e *Engine) forgetWaiting(n *node) {
	for i, id := range e.waiting {
		if id == n.id {
			e.waiting = append(e.waiting[:i], e.waiting[i+1:]...)
			return
		}
	}
}
