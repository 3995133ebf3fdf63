// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// startSocket begins a start, unless the state forbids or implies it.
func (e *Engine) startSocket(n *node) (startResult, *Refusal) {
	if n.socket == nil {
		n.socket = &socket{}
	}
	s, d := n.socket, n.socketDef()
	switch {
	case s.State.stopping():
		return startAgain, nil
	case s.State.starting():
		return startBegun, nil
	case s.State.up():
		return startAlready, nil
	}
	e.endRetry(n)
	s.Unasked = (n.job == nil || !n.job.Manual) && !e.needed(n)
	if d.Leaving {
		return e.refuseSocket(n, "LoadFailed", "Distribute= of "+d.MemberOf+" is lower now, refusing.")
	}
	if m := e.elsewhere(n); m != nil {
		return e.refuseSocket(n, "UnitBusy", m.def.Name+" listens at other addresses until "+d.MemberOf+" is restarted, refusing.")
	}
	if !d.Accept && d.Distribute == 0 {
		svc := e.serviceOf(n)
		switch {
		case svc == nil || svc.view.Load != unit.Loaded:
			msg := "Socket service " + d.Service + " not loaded, refusing."
			if d.MemberOf != "" {
				msg += "\n    fix: Distribute= of " + d.MemberOf + " needs the template " + unit.TemplateOf(d.Service)
			}
			return e.refuseSocket(n, "LoadFailed", msg)
		case svc.service != nil && !svc.service.State.down():
			return e.refuseSocket(n, "UnitBusy", "Socket service "+svc.def.Name+" already active, refusing.")
		}
	}
	if !e.mayStart(n, &s.Starts, false) {
		s.Result = resStartLimit
		e.setSocket(n, sckFailed)
		return startRefused, &Refusal{Code: "StartLimitHit", Msg: n.def.Name + ": " + n.view.Failure}
	}
	s.Result, s.Backoff, s.Trigger, s.Poll = resSuccess, 0, rate{}, rate{}
	n.view.Failure = ""
	e.gen++
	n.view.Run = e.gen
	if !e.runSocket(n, unit.PhaseStartPre, sckStartPre) {
		e.openSocket(n)
	}
	return startBegun, nil
}

func (e *Engine) refuseSocket(n *node, code, msg string) (startResult, *Refusal) {
	n.view.Failure = msg
	return startRefused, &Refusal{Code: code, Msg: msg}
}

// runSocket runs the commands of a phase in a state. False: it has none.
func (e *Engine) runSocket(n *node, p unit.Phase, st socketState) bool {
	i := firstOf(n.socketDef().Commands, p)
	if i < 0 {
		return false
	}
	e.runSocketCommand(n, i)
	e.setSocket(n, st)
	return true
}

func (e *Engine) runSocketCommand(n *node, i int32) {
	s := n.socket
	e.giveUp(&s.Control, &s.Lost)
	t := e.order(n.def.Name)
	s.Control, n.view.ControlPid = proc{Gen: t.Gen, Index: i}, 0
	e.live++
	n.enterCgroup()
	e.emit(Spawn{Token: t, Role: RoleControl, Index: i, Run: n.view.Run})
	e.armSocketState(n, n.socketDef().Timeout)
}

func (e *Engine) armSocketState(n *node, limit time.Duration) {
	if endless(limit) {
		e.disarm(n, TimerState, &n.socket.Timer)
		return
	}
	e.arm(n, TimerState, &n.socket.Timer, e.now+Time(limit))
}

// openSocket has the descriptors made, after ExecStartPre= as
// systemd.socket(5) says.
func (e *Engine) openSocket(n *node) {
	e.bind(n)
	e.setSocket(n, sckOpening)
}

func (e *Engine) bind(n *node) {
	t := e.order(n.def.Name)
	n.socket.Order, n.socket.Bound = t.Gen, n.socketDef().Listens
	e.emit(OpenSocket{Token: t})
}

// socketOpened: the addresses are ours.
func (e *Engine) socketOpened(n *node, gen uint64) {
	s := n.socket
	if s.Order == 0 || s.Order != gen {
		e.late++
		return
	}
	s.Order = 0
	if s.State == sckFailed {
		e.boundAtLast(n)
		return
	}
	if e.runSocket(n, unit.PhaseStartPost, sckStartPost) {
		return
	}
	e.enterListening(n)
}

// socketFailed: an address cannot be had.
func (e *Engine) socketFailed(n *node, in SocketFailed) {
	s := n.socket
	if s.Order == 0 || s.Order != in.Token.Gen {
		e.late++
		return
	}
	s.Order = 0
	if s.State == sckFailed {
		e.retrySocket(n, in.Msg)
		return
	}
	e.because(n, in.Msg)
	e.enterStopPre(n, resResources)
	if s.State == sckFailed && e.persists(n) {
		e.retrySocket(n, in.Msg)
	}
}

// enterListening waits for knocks.
func (e *Engine) enterListening(n *node) {
	s, d := n.socket, n.socketDef()
	if d.FlushPending && !d.Accept {
		e.emit(FlushSocket{Unit: n.def.Name})
	}
	if s.State != sckListening {
		e.setSocket(n, sckListening)
	}
	if s.State == sckListening {
		e.armSocket(n)
		e.followGroup(n)
	}
}

// stopSocket begins to stop, as a job asks for it.
func (e *Engine) stopSocket(n *node) bool {
	s := n.socket
	switch {
	case s == nil:
		return false
	case s.State.up():
		e.enterStopPre(n, resSuccess)
	case s.State == sckOpening:
		s.Order = 0
		e.enterSocketSignal(n, sckStopPreSigterm, resSuccess)
	case s.State.starting():
		e.enterSocketSignal(n, sckStopPreSigterm, resSuccess)
	case s.State.stopping():
	default:
		return false
	}
	return true
}

func (s *socket) fail(f result) {
	if s.Result == resSuccess {
		s.Result = f
	}
}

// enterStopPre runs ExecStopPre=, with the sockets still open.
func (e *Engine) enterStopPre(n *node, f result) {
	n.socket.fail(f)
	if !e.runSocket(n, unit.PhaseStop, sckStopPre) {
		e.enterSocketStopPost(n, resSuccess)
	}
}

// enterSocketStopPost runs ExecStopPost=, with the sockets closed.
func (e *Engine) enterSocketStopPost(n *node, f result) {
	n.socket.fail(f)
	if !e.runSocket(n, unit.PhaseStopPost, sckStopPost) {
		e.enterSocketSignal(n, sckFinalSigterm, resSuccess)
	}
}

// enterSocketSignal kills the control process, if there is one.
func (e *Engine) enterSocketSignal(n *node, st socketState, f result) {
	s, k := n.socket, &n.socketDef().Kill
	s.fail(f)
	if s.Control.alive() && k.Mode != unit.KillNone {
		e.killSocket(n, st)
		e.armSocketState(n, n.socketDef().Timeout)
		e.setSocket(n, st)
		return
	}
	if st <= sckStopPreSigkill {
		e.enterSocketStopPost(n, resSuccess)
		return
	}
	e.socketDead(n)
}

// killSocket sends the control process the signal of the state.
func (e *Engine) killSocket(n *node, st socketState) {
	s, k := n.socket, &n.socketDef().Kill
	if s.Control.Pid == 0 {
		return // spawned sends it
	}
	last := st == sckStopPreSigkill || st == sckFinalSigkill
	of := svcStopSigterm
	if last {
		of = svcStopSigkill
	}
	sig := signalOf(k, of, false)
	e.emit(Signal{
		Unit: n.def.Name, Control: s.Control.Pid, Group: groupKilled(k, of), Sig: sig,
		Cont: sig != sigKILL && sig != sigCONT, Hup: k.SendSIGHUP && !last,
	})
}

// socketDead ends the run.
func (e *Engine) socketDead(n *node) {
	s := n.socket
	if s.Control.alive() {
		e.giveUp(&s.Control, &s.Lost)
		n.view.ControlPid = 0
	}
	if len(n.socketDef().Commands) > 0 || n.view.Slice != "" {
		e.leaveCgroup(n, false)
	}
	if s.Result == resSuccess {
		e.setSocket(n, sckDead)
		return
	}
	if n.view.Failure == "" {
		n.view.Failure = "result " + s.Result.String()
	}
	e.record(RecordError, n, "failed (%s): %s", s.Result, n.view.Failure)
	e.setSocket(n, sckFailed)
}
