// SPDX-License-Identifier: Apache-2.0

package engine

import "github.com/rouse-init/rouse/internal/unit"

// access is the NotifyAccess= that holds now. Types that cannot start without
// a notification have at least the main process's.
func (e *Engine) access(n *node) unit.NotifyAccess {
	if a := n.service.Access; a != 0 {
		return unit.NotifyAccess(a - 1)
	}
	d := n.serviceDef()
	if d.NotifyAccess == unit.NotifyNone && (d.Type == unit.TypeNotify || d.Type == unit.TypeNotifyReload || !endless(d.Watchdog)) {
		return unit.NotifyMain
	}
	return d.NotifyAccess
}

// heard tells whether the sender may speak for the unit.
func (e *Engine) heard(n *node, pid int32) bool {
	s := n.service
	switch e.access(n) {
	case unit.NotifyNone:
		return false
	case unit.NotifyMain:
		return pid == s.Main.Pid
	case unit.NotifyExec:
		return pid == s.Main.Pid || pid == s.Control.Pid
	case unit.NotifyAll:
		return true
	}
	return false
}

// notified takes one datagram of sd_notify(3).
func (e *Engine) notified(n *node, in *Notified) {
	s := n.service
	if s.State.down() {
		e.late++
		return
	}
	if !e.heard(n, in.Pid) {
		e.record(RecordDebug, n, "pid %d may not notify (NotifyAccess=)", in.Pid)
		return
	}
	if in.NotifyAccess >= 0 && in.NotifyAccess <= int8(unit.NotifyAll) {
		s.Access = in.NotifyAccess + 1
	}
	if in.MainPid > 0 && in.MainPid != s.Main.Pid && in.MainPid != s.Control.Pid && (s.State == svcStart || s.State == svcStartPost ||
		s.State == svcRunning || s.State.reloading()) {
		e.adoptMain(n, in.MainPid)
	}
	e.notifiedWords(n, in)
	if in.ExtendUS != 0 {
		e.extend(n, in.ExtendUS)
	}
	// In one message STOPPING beats READY beats RELOADING.
	switch {
	case in.Stopping:
		s.Said = saidStopping
		if s.State == svcRunning {
			e.enterStopByNotify(n)
		}
	case in.Ready:
		e.notifiedReady(n, in)
	case in.Reloading:
		s.Said = saidReloading
		switch {
		case s.State == svcRunning:
			e.enterReloadNotify(n)
		case s.State == svcReloadSignal && e.ofThisReload(n, in):
			e.setService(n, svcReloadNotify)
		}
	}
	e.notifiedWatchdog(n, in)
}

// notifiedWords keeps what the service says about itself.
func (e *Engine) notifiedWords(n *node, in *Notified) {
	s, v := n.service, &n.view
	if in.Status != "" && in.Status != v.StatusText {
		v.StatusText = in.Status
		e.changed(n)
	}
	if in.Errno != 0 {
		v.StatusErrno = in.Errno
		e.changed(n)
	}
	if in.FDStore > 0 && n.serviceDef().FDStoreMax > 0 {
		m := s.more()
		m.Stored = min(m.Stored+uint32(in.FDStore), n.serviceDef().FDStoreMax)
	}
	if in.Busy != 0 && v.Inhibited != (in.Busy == 1) {
		v.Inhibited = in.Busy == 1
		e.changed(n)
		e.idleInhibit(n)
	}
}

// notifiedReady is READY=1.
func (e *Engine) notifiedReady(n *node, in *Notified) {
	s, d := n.service, n.serviceDef()
	s.Said = saidReady
	if in.Reloading && s.State == svcReloadSignal && e.ofThisReload(n, in) {
		e.setService(n, svcReloadNotify)
	}
	switch {
	case s.State == svcStart && (d.Type == unit.TypeNotify || d.Type == unit.TypeNotifyReload):
		e.enterStartPost(n)
	case s.State == svcReloadNotify:
		e.endReload(n)
	case s.State == svcRunning && in.Reloading:
		// Reloaded already: what follows it reloads too.
		e.propagateReload(n)
	}
}

// ofThisReload tells the answer to our signal from one to an older wish:
// MONOTONIC_USEC= must not be before the signal (sd_notify(3)).
func (e *Engine) ofThisReload(n *node, in *Notified) bool {
	return in.MonotonicUS != 0 && Time(in.MonotonicUS) >= n.service.more().ReloadBegin/1000
}

// notifiedWatchdog is WATCHDOG= and WATCHDOG_USEC=.
func (e *Engine) notifiedWatchdog(n *node, in *Notified) {
	s := n.service
	if in.WatchdogUS != 0 {
		s.more().WatchdogEvery = Time(min(in.WatchdogUS, uint64(unit.Infinity)/4000)) * 1000
		e.petWatchdog(n)
		if s.State.ready() {
			e.disarm(n, TimerWatchdog, &s.More.Watchdog)
			e.armWatchdog(n)
		}
	}
	if in.Watchdog {
		e.petWatchdog(n)
	}
	if in.WatchdogTrigger && (s.State == svcStart || s.State.ready()) {
		e.because(n, "it asked for the watchdog (WATCHDOG=trigger)")
		e.enterSignal(n, svcStopWatchdog, resWatchdog)
	}
}

// listened: the service listens on what it was handed over by its bind().
func (e *Engine) listened(n *node) {
	s, d := n.service, n.serviceDef()
	if s.State == svcStart && d.Readiness == unit.ReadyListen {
		e.enterStartPost(n)
	}
}
