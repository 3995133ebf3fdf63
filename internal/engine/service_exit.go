// SPDX-License-Identifier: Apache-2.0

package engine

import "github.com/rouse-init/rouse/internal/unit"

// The values of Exited.Code, as waitid(2) gives them.
const (
	codeExited = 1
	codeKilled = 2
	codeDumped = 3
)

// exited takes the end of a process of the unit.
func (e *Engine) exited(n *node, in Exited) {
	s := n.service
	delete(e.pids, in.Pid)
	switch in.Pid {
	case s.Main.Pid:
		if e.mayMove(n, in) {
			return
		}
		e.mainExited(n, in, false)
	case s.Control.Pid:
		e.controlExited(n, in, false)
	default:
		if !e.judgeExited(n, in) {
			e.late++
		}
	}
}

// outcome judges an exit. Daemons may die of the signals that ask them to
// stop; commands may not. SuccessExitStatus= holds for both: the manual speaks
// of the main process only, systemd 252 takes it for ExecStartPre= too.
func outcome(in Exited, daemon bool, ok *unit.ExitSet) result {
	switch in.Code {
	case codeExited:
		if in.Status == 0 || ok != nil && contains(ok.Codes, in.Status) {
			return resSuccess
		}
		return resExitCode
	case codeKilled:
		if daemon && (in.Status == sigHUP || in.Status == sigINT || in.Status == sigTERM || in.Status == sigPIPE) ||
			ok != nil && contains(ok.Signals, in.Status) {
			return resSuccess
		}
		return resSignal
	}
	return resCoreDump
}

func contains(set []uint8, x uint8) bool {
	for _, v := range set {
		if v == x {
			return true
		}
	}
	return false
}

// exitWords says an exit in words.
func exitWords(what string, in Exited) string {
	switch in.Code {
	case codeExited:
		return what + " exited with status " + itoa(int64(in.Status))
	case codeKilled:
		return what + " was killed by SIG" + signalName(in.Status)
	}
	return what + " dumped core by SIG" + signalName(in.Status)
}

// at is where the command stands, to be put before what happened to it.
func at(commands []unit.Command, index int32) string {
	if index < 0 || int(index) >= len(commands) {
		return ""
	}
	if pos := commands[index].Pos.String(); pos != "" {
		return pos + ": "
	}
	return ""
}

// mayMove: a forking daemon may hand on to another main process if it has
// written its PID file before it exits. True: the file is being asked.
func (e *Engine) mayMove(n *node, in Exited) bool {
	s, d := n.service, n.serviceDef()
	if d.Type != unit.TypeForking || d.PIDFile == "" || s.State != svcRunning && !s.State.reloading() || s.PIDFile != 0 {
		return false
	}
	n.view.MainCode, n.view.MainStatus, n.view.MainExit = in.Code, in.Status, e.now
	s.Main.Pid, n.view.MainPid = 0, 0 // the slot stays taken until the answer
	e.readPIDFile(n, true)
	return true
}

// mainExited handles the end of the main process. lost means that it could
// not even be made.
func (e *Engine) mainExited(n *node, in Exited, lost bool) {
	s, d := n.service, n.serviceDef()
	f := outcome(in, d.Type != unit.TypeOneshot, d.SuccessExit)
	if lost {
		f = resResources
	}
	unmade := lost || s.Unspawned == s.Main.Gen
	words := at(d.Commands, s.Main.Index) + exitWords("the main process", in)
	if unmade && n.view.Failure != "" {
		words = n.view.Failure // no program ran that could have exited
	}
	if d.Job != nil {
		if e.leftBehind(n, in) {
			return
		}
		f = e.jobOutcome(n, in, unmade)
	}
	ignored := e.ignores(n, s.Main)
	if ignored || s.IdleStop {
		f = resSuccess
	}
	n.view.MainPid = 0
	if !lost {
		n.view.MainCode, n.view.MainStatus, n.view.MainExit = in.Code, in.Status, e.now
	}
	next := int32(-1)
	if d.Type == unit.TypeOneshot && f == resSuccess && s.State == svcStart {
		next = nextOf(d.Commands, s.Main.Index, unit.PhaseStart)
	}
	e.endProc(&s.Main)
	switch {
	case s.IdleStop:
	case f != resSuccess:
		e.because(n, words)
		n.view.Cause = words
		e.blame(n, "main", in, unmade)
	case !s.State.stopping():
		n.view.Cause = words
	}
	s.fail(f)
	e.changed(n)
	if next >= 0 {
		e.spawnMain(n, next)
		e.armState(n, e.startLimit(n))
		return
	}
	if d.ExitType == unit.ExitCgroup && !s.Empty {
		e.watchCgroup(n) // the end of the last process decides
		return
	}
	e.mainGone(n, f)
}

// endProc frees a process slot.
func (e *Engine) endProc(p *proc) {
	if p.Gen != 0 {
		e.live--
	}
	*p = proc{}
}

// mainGone moves on after the end of the main process.
func (e *Engine) mainGone(n *node, f result) {
	s, d := n.service, n.serviceDef()
	switch s.State {
	case svcStart:
		switch {
		case s.Respawning:
			e.enterStopping(n, resSuccess)
		case d.Type == unit.TypeOneshot && f == resSuccess:
			e.enterStartPost(n)
		case d.Type == unit.TypeOneshot || f != resSuccess && waits(d):
			e.enterSignal(n, svcStopSigterm, f)
		case waits(d):
			if !d.RemainAfterExit || e.access(n) == unit.NotifyMain {
				e.because(n, "the main process ended before it was ready")
				e.enterSignal(n, svcStopSigterm, resProtocol)
			}
		default:
			e.enterRunning(n, f)
		}
	case svcStartPost, svcReload, svcReloadSignal, svcReloadNotify:
		// The control process goes on, if there is one; else nothing can
		// end the state any more.
		if !s.Control.alive() {
			e.enterStopping(n, f)
		} else if d.Job != nil && s.State == svcStartPost {
			e.lostMain(n, f)
		}
	case svcRunning:
		e.enterRunning(n, f)
	case svcStop, svcPreStop:
		// The command goes on.
	case svcStopping:
		// The gate decides.
	case svcStopWatchdog, svcStopSigterm, svcStopSigkill:
		if !s.Control.alive() {
			e.enterStopPost(n, f)
		}
	case svcStopPost:
		if !s.Control.alive() {
			e.enterSignal(n, svcFinalSigterm, f)
		}
	case svcFinalWatchdog, svcFinalSigterm, svcFinalSigkill:
		if !s.Control.alive() {
			e.finalGone(n, f)
		}
	case svcDead, svcStarting, svcCondition, svcStartPre, svcExited, svcDeadPinned, svcFailed,
		svcDeadBeforeRestart, svcFailedBeforeRestart, svcAutoRestart, svcAutoRestartQueued:
		e.bug(n, "end of the main process")
	}
}

// waits tells whether the service itself says when it is ready.
func waits(d *unit.Service) bool {
	return d.Type == unit.TypeNotify || d.Type == unit.TypeNotifyReload || d.Type == unit.TypeDBus || d.Readiness == unit.ReadyListen
}
