// SPDX-License-Identifier: Apache-2.0

package engine

import "github.com/rouse-init/rouse/internal/unit"

// canReloadService tells whether the service has a way to be reloaded.
func (n *node) canReloadService() bool {
	d := n.serviceDef()
	return d.Type == unit.TypeNotifyReload || firstOf(d.Commands, unit.PhaseReload) >= 0
}

// reloadService begins a reload. Its signal goes out before the commands of
// ExecReload=, which may then wait for what it does.
func (e *Engine) reloadService(n *node) bool {
	s, d := n.service, n.serviceDef()
	if s == nil || s.State != svcRunning && s.State != svcExited {
		return false
	}
	s.ReloadResult = resSuccess
	signalled := false
	e.unfreeze(n)
	if d.Type == unit.TypeNotifyReload && s.Main.Pid != 0 {
		sig := d.ReloadSignal
		if sig == 0 {
			sig = sigHUP
		}
		s.more().ReloadBegin = e.now
		e.emit(Signal{Unit: n.def.Name, Main: s.Main.Pid, Sig: sig})
		signalled = true
	}
	if i := firstOf(d.Commands, unit.PhaseReload); i >= 0 {
		e.runControl(n, i, svcReload, d.TimeoutStart)
		return true
	}
	if !signalled {
		return false
	}
	e.armState(n, d.TimeoutStart)
	e.setService(n, svcReloadSignal)
	return true
}

// reloaded: the last command of ExecReload= has ended.
func (e *Engine) reloaded(n *node, f result) {
	s, d := n.service, n.serviceDef()
	s.ReloadResult = f
	if f != resSuccess {
		n.view.Cause = "reload failed: " + n.view.Failure
		e.record(RecordWarning, n, "%s", n.view.Cause)
		n.view.Failure = ""
	}
	if s.Said == saidReloading {
		e.setService(n, svcReloadNotify) // its READY=1 ends it
	} else {
		e.endReload(n)
	}
	if f == resSuccess && d.Type == unit.TypeForking && d.PIDFile != "" && s.State == svcRunning {
		e.readPIDFile(n, true)
	}
}

// endReload goes back to running.
func (e *Engine) endReload(n *node) {
	s := n.service
	if s.ReloadResult != resSuccess && n.job != nil && n.job.Type == Reload {
		e.jobDone(n, JobFailed)
	}
	e.enterRunning(n, resSuccess)
}

// reloadTimeout gives up a reload; the service goes on.
func (e *Engine) reloadTimeout(n *node) {
	s := n.service
	if s.Control.Pid != 0 {
		e.emit(Signal{Unit: n.def.Name, Control: s.Control.Pid, Sig: sigKILL})
	}
	e.giveUp(&s.Control, &s.Lost)
	n.view.ControlPid = 0
	s.ReloadResult, s.Said = resTimeout, saidReady
	n.view.Cause = "the reload took longer than TimeoutStartSec= (" + n.serviceDef().TimeoutStart.String() + ")"
	e.record(RecordWarning, n, "%s", n.view.Cause)
	e.endReload(n)
}

// enterReloadNotify: the service reloads by its own will, which those that
// ReloadPropagatedFrom= it follow.
func (e *Engine) enterReloadNotify(n *node) {
	e.armState(n, n.serviceDef().TimeoutStart)
	n.view.Cause = "it says that it reloads (RELOADING=1)"
	e.setService(n, svcReloadNotify)
	e.propagateReload(n)
}

func (e *Engine) propagateReload(n *node) {
	for m := range e.each(n, of(PropagatesReloadTo)) {
		if m.view.Active == Active && e.canReload(m) {
			_, _ = e.enqueue(m, Reload, unit.ModeFail, n.def.Name+" reloads")
		}
	}
}
