// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// Signals by number, the same on every architecture that rouse runs on
// (signal(7)).
const (
	sigHUP  = 1
	sigINT  = 2
	sigABRT = 6
	sigKILL = 9
	sigPIPE = 13
	sigTERM = 15
	sigCONT = 18
)

// signalName is the name without SIG, as EXIT_STATUS= has it.
func signalName(sig uint8) string {
	names := [...]string{
		1: "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
		"TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
		"WINCH", "IO", "PWR", "SYS",
	}
	if sig == 0 || int(sig) >= len(names) {
		return "RTMIN+" + itoa(int64(sig)-34) // glibc keeps 32 and 33 for itself
	}
	return names[sig]
}

// watchCgroup asks to be told when the last process of the unit is gone.
func (e *Engine) watchCgroup(n *node) {
	s := n.service
	if s.Empty || s.Watch != 0 {
		return
	}
	t := e.order(n.def.Name)
	s.Watch = t.Gen
	e.emit(WatchCgroup{Token: t})
}

// groupKilled tells whether all processes of the unit get the signal of the
// state, or only those that are known (KillMode= of systemd.kill(5)).
func groupKilled(k *unit.Kill, st serviceState) bool {
	return k.Mode == unit.KillControlGroup ||
		k.Mode == unit.KillMixed && (st == svcStopSigkill || st == svcFinalSigkill)
}

// signalOf is the signal that belongs to a state of stopping. restart: a
// restart job wants the stop, so RestartKillSignal= holds.
func signalOf(k *unit.Kill, st serviceState, restart bool) uint8 {
	sig, otherwise := k.Signal, uint8(sigTERM)
	switch st { //nolint:exhaustive // the other states of stopping are gentle
	case svcStopSigkill, svcFinalSigkill:
		sig, otherwise = k.FinalSignal, sigKILL
	case svcStopWatchdog, svcFinalWatchdog:
		sig, otherwise = k.WatchdogSignal, sigABRT
	case svcStopSigterm:
		if restart && k.RestartSignal != 0 {
			sig = k.RestartSignal
		}
	}
	if sig == 0 {
		return otherwise
	}
	return sig
}

// kill sends the signal of the state st and tells whether there is something
// to wait for: a process that is known, or one of the cgroup.
func (e *Engine) kill(n *node, st serviceState) bool {
	s, k := n.service, &n.serviceDef().Kill
	if k.Mode == unit.KillNone {
		return false
	}
	restart := n.job != nil && n.job.Type == Restart
	x := Signal{
		Unit:    n.def.Name,
		Main:    s.Main.Pid,
		Control: s.Control.Pid,
		Group:   groupKilled(k, st) && !s.Empty,
		Sig:     signalOf(k, st, restart),
	}
	x.Cont = x.Sig != sigKILL && x.Sig != sigCONT
	gentle := st == svcStopSigterm || st == svcFinalSigterm
	x.Hup = k.SendSIGHUP && gentle && !(restart && st == svcStopSigterm && k.RestartSignal != 0)
	if x.Group {
		e.watchCgroup(n)
	}
	if x.Main != 0 || x.Control != 0 || x.Group {
		e.emit(x)
	}
	return s.Main.alive() || s.Control.alive() || x.Group
}

// afterKill is how long the processes of a job may take to die of SIGKILL.
const afterKill = 5 * time.Second

// enterSignal kills what is left, state by state, until there is something to
// wait for.
func (e *Engine) enterSignal(n *node, st serviceState, f result) {
	s, d := n.service, n.serviceDef()
	s.fail(f)
	e.forgetIdleWait(n)
	if s.State.starting() || s.State.up() || s.State == svcPreStop {
		e.throughStopping(n, st)
		return
	}
	for {
		if e.kill(n, st) {
			limit := d.TimeoutStop
			if d.Job != nil && (st == svcStopSigkill || st == svcFinalSigkill) {
				limit = max(limit, afterKill) // kill timeout is the time before it
			}
			if (st == svcStopWatchdog || st == svcFinalWatchdog) && d.TimeoutAbort != 0 {
				limit = d.TimeoutAbort
			}
			e.armState(n, limit)
			if s.State != st {
				e.setService(n, st)
			}
			e.unfreeze(n)
			return
		}
		switch {
		case (st == svcStopSigterm || st == svcStopWatchdog) && d.Kill.SendSIGKILL:
			st = svcStopSigkill
		case st < svcStopPost:
			e.enterStopPost(n, resSuccess)
			return
		case (st == svcFinalSigterm || st == svcFinalWatchdog) && d.Kill.SendSIGKILL:
			st = svcFinalSigkill
		default:
			e.enterDead(n, resSuccess, true)
			return
		}
	}
}

// finalGone: no known process is left in one of the final states; others of
// the cgroup may be.
func (e *Engine) finalGone(n *node, f result) {
	k := &n.serviceDef().Kill
	switch {
	case n.service.Empty:
	case groupKilled(k, n.service.State):
		n.service.fail(f)
		e.watchCgroup(n)
		return
	case k.SendSIGKILL && groupKilled(k, svcFinalSigkill): // KillMode=mixed
		e.enterSignal(n, svcFinalSigkill, f)
		return
	}
	e.enterDead(n, f, true)
}

// cgroupEmptied: no process of the unit is left.
func (e *Engine) cgroupEmptied(n *node, in CgroupEmptied) {
	s, d := n.service, n.serviceDef()
	if s.Watch == 0 || in.Token.Gen != s.Watch {
		e.late++
		return
	}
	s.Watch, s.Empty = 0, true
	if s.Main.alive() || s.Control.alive() {
		return // their Exited is on its way, and decides
	}
	switch s.State {
	case svcStart:
		switch {
		case d.Type == unit.TypeForking, waits(d):
			e.because(n, "its last process ended before it was ready")
			s.PIDFile = 0
			e.enterStopPost(n, resProtocol)
		case d.ExitType == unit.ExitCgroup:
			e.enterStartPost(n)
		}
	case svcStartPost:
		// Waiting for its control process, which counts as a process: the
		// watch was of the time before it.
	case svcRunning:
		e.enterRunning(n, resSuccess)
	case svcReload, svcReloadSignal, svcReloadNotify:
		e.enterStopping(n, resSuccess)
	case svcStopWatchdog, svcStopSigterm, svcStopSigkill:
		e.enterStopPost(n, resSuccess)
	case svcFinalWatchdog, svcFinalSigterm, svcFinalSigkill:
		e.enterDead(n, resSuccess, true)
	case svcStop, svcStopPost, svcPreStop:
		// The commands decide.
	case svcStopping:
		// The gate decides.
	case svcDead, svcStarting, svcCondition, svcStartPre, svcExited, svcDeadPinned, svcFailed,
		svcDeadBeforeRestart, svcFailedBeforeRestart, svcAutoRestart, svcAutoRestartQueued:
		e.bug(n, "empty cgroup")
	}
}

// oomKilled: the kernel killed a process of the unit for memory
// (OOMPolicy= of systemd.service(5)).
func (e *Engine) oomKilled(n *node) {
	s, d := n.service, n.serviceDef()
	e.record(RecordWarning, n, "the kernel killed one of its processes for lack of memory")
	if d.OOMPolicy == unit.OOMContinue {
		return
	}
	st := svcStopSigterm
	if d.OOMPolicy == unit.OOMKill {
		st = svcStopSigkill
	}
	switch s.State {
	case svcCondition, svcStartPre, svcStart, svcStartPost, svcPreStop, svcStop, svcReload, svcReloadSignal, svcReloadNotify:
		e.because(n, "one of its processes was killed for lack of memory")
		e.enterSignal(n, st, resOOM)
	case svcRunning, svcExited:
		e.because(n, "one of its processes was killed for lack of memory")
		if d.OOMPolicy == unit.OOMKill {
			e.enterSignal(n, st, resOOM)
		} else {
			e.enterStopping(n, resOOM)
		}
	case svcStopWatchdog, svcStopSigterm:
		e.enterSignal(n, svcStopSigkill, resOOM)
	case svcStopPost, svcFinalWatchdog, svcFinalSigterm:
		e.enterSignal(n, svcFinalSigkill, resOOM)
	case svcStopSigkill, svcFinalSigkill:
		s.fail(resOOM)
	case svcDead, svcStarting, svcStopping, svcDeadPinned, svcFailed,
		svcDeadBeforeRestart, svcFailedBeforeRestart, svcAutoRestart, svcAutoRestartQueued:
		// It is over already.
	}
}
