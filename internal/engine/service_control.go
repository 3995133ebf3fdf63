// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// controlExited handles the end of a control process.
func (e *Engine) controlExited(n *node, in Exited, lost bool) {
	s, d := n.service, n.serviceDef()
	p := unit.NumPhases
	if i := int(s.Control.Index); i >= 0 && i < len(d.Commands) {
		p = d.Commands[i].Phase
	}
	f := outcome(in, p == unit.PhaseStart, d.SuccessExit)
	if lost {
		f = resResources
	}
	switch {
	case d.Job != nil && s.State.stopping() && p != unit.PhaseStopPost:
		f = resSuccess // it was in the way of the stop
	case f != resSuccess && e.ignores(n, s.Control):
		f = resSuccess
	case s.State == svcCondition && in.Code == codeExited && in.Status != 0 && in.Status < 255 && !lost:
		f = resCondition
	}
	next := int32(-1)
	if f == resSuccess {
		next = nextOf(d.Commands, s.Control.Index, p)
		if next < 0 && p == unit.PhaseSecurity && !s.StopAfter {
			next = firstOf(d.Commands, unit.PhaseStartPre)
		}
	} else if f != resCondition {
		words := at(d.Commands, s.Control.Index) + exitWords(commandName(d, p), in)
		e.because(n, words)
		e.blame(n, processName(p), in, lost || s.Unspawned == s.Control.Gen)
		n.view.Cause = words
	} else {
		n.view.Cause = exitWords(commandName(d, p), in)
	}
	e.endProc(&s.Control)
	n.view.ControlPid = 0
	e.changed(n)
	if !s.State.reloading() {
		s.fail(f)
	}
	if next >= 0 && s.State == controlState(p) && p != unit.PhaseStart {
		e.runControl(n, next, s.State, e.limitOf(n))
		return
	}
	e.controlGone(n, f)
}

// limitOf is the time limit of a command in the present state.
func (e *Engine) limitOf(n *node) time.Duration {
	if n.service.State.stopping() {
		return n.serviceDef().TimeoutStop
	}
	return e.startLimit(n)
}

// controlState is the state in which the commands of a phase run.
func controlState(p unit.Phase) serviceState {
	switch p {
	case unit.PhaseCondition:
		return svcCondition
	case unit.PhaseStartPre:
		return svcStartPre
	case unit.PhaseStart:
		return svcStart
	case unit.PhaseStartPost:
		return svcStartPost
	case unit.PhaseReload:
		return svcReload
	case unit.PhaseStop:
		return svcStop
	case unit.PhaseStopPost:
		return svcStopPost
	case unit.PhasePreStop:
		return svcPreStop
	case unit.PhaseSecurity:
		return svcStartPre
	case unit.PhaseIdle: // it runs beside the state
		return svcRunning
	case unit.NumPhases:
	}
	return svcDead
}

// commandName is what people call a command of that phase.
func commandName(d *unit.Service, p unit.Phase) string {
	if d.Job != nil {
		return processName(p)
	}
	return phaseName(p)
}

// phaseName is the setting that a command stands in.
func phaseName(p unit.Phase) string {
	switch p {
	case unit.PhaseCondition:
		return "ExecCondition="
	case unit.PhaseStartPre:
		return "ExecStartPre="
	case unit.PhaseStart:
		return "ExecStart="
	case unit.PhaseStartPost:
		return "ExecStartPost="
	case unit.PhaseReload:
		return "ExecReload="
	case unit.PhaseStop:
		return "ExecStop="
	case unit.PhaseStopPost:
		return "ExecStopPost="
	case unit.PhasePreStop:
		return "pre-stop"
	case unit.PhaseSecurity:
		return "apparmor load"
	case unit.PhaseIdle:
		return "X-IdleCommand="
	case unit.NumPhases:
	}
	return "a command"
}

// controlGone moves on after the last command of a state.
func (e *Engine) controlGone(n *node, f result) {
	s := n.service
	if s.State.starting() && (f != resSuccess || s.StopAfter) {
		e.enterSignal(n, svcStopSigterm, f)
		return
	}
	switch s.State {
	case svcCondition:
		e.enterStartPre(n)
	case svcStartPre:
		e.enterStart(n)
	case svcStart:
		e.forked(n)
	case svcStartPost:
		e.enterRunning(n, resSuccess)
	case svcReload, svcReloadSignal, svcReloadNotify:
		e.reloaded(n, f)
	case svcPreStop:
		e.preStopped(n)
	case svcStopping:
		// The gate decides.
	case svcStop:
		e.enterSignal(n, svcStopSigterm, f)
	case svcStopWatchdog, svcStopSigterm, svcStopSigkill:
		if !s.Main.alive() {
			e.enterStopPost(n, f)
		}
	case svcStopPost:
		e.enterSignal(n, svcFinalSigterm, f)
	case svcFinalWatchdog, svcFinalSigterm, svcFinalSigkill:
		if !s.Main.alive() {
			e.finalGone(n, f)
		}
	case svcDead, svcStarting, svcRunning, svcExited, svcDeadPinned, svcFailed,
		svcDeadBeforeRestart, svcFailedBeforeRestart, svcAutoRestart, svcAutoRestartQueued:
		e.bug(n, "end of a control process")
	}
}
