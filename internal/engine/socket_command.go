// SPDX-License-Identifier: Apache-2.0

package engine

import "github.com/rouse-init/rouse/internal/unit"

// socketSpawned takes the pid of a command of a socket unit.
func (e *Engine) socketSpawned(n *node, in Spawned) {
	s := n.socket
	switch {
	case in.Token.Gen == s.Control.Gen && s.Control.Pid == 0:
		s.Control.Pid, n.view.ControlPid = in.Pid, in.Pid
		e.pids[in.Pid] = n.id
		e.changed(n)
		if s.State >= sckStopPreSigterm && s.State <= sckStopPreSigkill || s.State == sckFinalSigterm || s.State == sckFinalSigkill {
			e.killSocket(n, s.State)
		}
	default:
		e.late++
		if s.Lost.found(in.Token.Gen) {
			e.emit(Signal{Unit: n.def.Name, Control: in.Pid, Sig: sigKILL})
		}
	}
}

// socketSpawnFailed is like spawnFailed.
func (e *Engine) socketSpawnFailed(n *node, in SpawnFailed) {
	s := n.socket
	if in.Token.Gen != s.Control.Gen {
		s.Lost.found(in.Token.Gen)
		e.late++
		return
	}
	if !n.socketIgnores() {
		n.view.Failure = in.Msg
	}
	e.record(RecordWarning, n, "%s", in.Msg)
	if s.Control.Pid == 0 {
		e.socketExited(n, Exited{Code: codeExited, Status: in.Status}, in.Status == 0)
	}
}

// socketIgnores is like ignores.
func (n *node) socketIgnores() bool {
	cs, i := n.socketDef().Commands, int(n.socket.Control.Index)
	return i >= 0 && i < len(cs) && cs[i].IgnoreFailure
}

// socketExited handles the end of a command.
func (e *Engine) socketExited(n *node, in Exited, lost bool) {
	s, cs := n.socket, n.socketDef().Commands
	f := outcome(in, false, nil)
	if lost {
		f = resResources
	}
	if n.socketIgnores() {
		f = resSuccess
	}
	p := unit.NumPhases
	if i := int(s.Control.Index); i >= 0 && i < len(cs) {
		p = cs[i].Phase
	}
	next := int32(-1)
	if f == resSuccess {
		next = nextOf(cs, s.Control.Index, p)
	} else {
		e.because(n, exitWords(socketPhaseName(p), in))
	}
	e.endProc(&s.Control)
	n.view.ControlPid = 0
	e.changed(n)
	s.fail(f)
	if next >= 0 && (s.State == sckStartPre || s.State == sckStartPost || s.State == sckStopPre || s.State == sckStopPost) {
		e.runSocketCommand(n, next)
		return
	}
	switch s.State {
	case sckStartPre:
		if f != resSuccess {
			e.enterSocketSignal(n, sckFinalSigterm, f)
			return
		}
		e.openSocket(n)
	case sckStartPost:
		if f != resSuccess {
			e.enterStopPre(n, f)
			return
		}
		e.enterListening(n)
	case sckStopPre, sckStopPreSigterm, sckStopPreSigkill:
		e.enterSocketStopPost(n, f)
	case sckStopPost, sckFinalSigterm, sckFinalSigkill:
		e.socketDead(n)
	case sckDead, sckOpening, sckListening, sckRunning, sckFailed:
		e.bug(n, "end of a command")
	}
}

func socketPhaseName(p unit.Phase) string {
	if p == unit.PhaseStop {
		return "ExecStopPre="
	}
	return phaseName(p)
}

// socketTimer dispatches the timers of a socket unit.
func (e *Engine) socketTimer(n *node, in TimerFired) {
	s := n.socket
	switch {
	case in.Timer == TimerPoll && in.Token.Gen == s.Pause.Gen:
		s.Pause = timer{}
		e.resumeSocket(n)
	case in.Timer == TimerLeave && in.Token.Gen == s.LeaveTimer.Gen:
		s.LeaveTimer = timer{}
		e.leaveLook(n)
	case in.Timer == TimerRestart && s.Unbound != nil && in.Token.Gen == s.Unbound.Timer.Gen:
		e.retryTime(n)
	case in.Timer == TimerState && in.Token.Gen == s.Timer.Gen:
		s.Timer = timer{}
		e.socketTimeout(n)
	default:
		e.late++
	}
}

// socketTimeout: a command took longer than TimeoutSec=.
func (e *Engine) socketTimeout(n *node) {
	s, kill := n.socket, n.socketDef().Kill.SendSIGKILL
	e.record(RecordWarning, n, "state %s timed out", s.State)
	e.because(n, "a command took longer than TimeoutSec= ("+n.socketDef().Timeout.String()+"), in state "+s.State.String())
	switch s.State {
	case sckStartPre:
		e.enterSocketSignal(n, sckFinalSigterm, resTimeout)
	case sckStartPost, sckStopPre:
		e.enterSocketSignal(n, sckStopPreSigterm, resTimeout)
	case sckStopPreSigterm:
		if kill {
			e.enterSocketSignal(n, sckStopPreSigkill, resTimeout)
		} else {
			e.leaveCommand(n)
			e.enterSocketStopPost(n, resTimeout)
		}
	case sckStopPreSigkill:
		e.leaveCommand(n)
		e.enterSocketStopPost(n, resTimeout)
	case sckStopPost:
		e.enterSocketSignal(n, sckFinalSigterm, resTimeout)
	case sckFinalSigterm:
		if kill {
			e.enterSocketSignal(n, sckFinalSigkill, resTimeout)
			return
		}
		s.fail(resTimeout)
		e.socketDead(n)
	case sckFinalSigkill:
		s.fail(resTimeout)
		e.socketDead(n)
	case sckDead, sckOpening, sckListening, sckRunning, sckFailed:
		e.bug(n, "state timer")
	}
}

// leaveCommand gives up a command that does not die.
func (e *Engine) leaveCommand(n *node) {
	e.giveUp(&n.socket.Control, &n.socket.Lost)
	n.view.ControlPid = 0
}
