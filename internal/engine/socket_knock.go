// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// maxPause bounds the time for which a limit keeps a socket from being
// watched: it is never dead for good.
const maxPause = Time(10 * time.Second)

// readable: somebody knocks, or a frozen service has something to read.
func (e *Engine) readable(n *node) {
	s := n.socket
	n.view.Activity = e.now
	svc := e.serviceOf(n)
	if svc != nil && svc.service != nil && svc.service.Idle.asleep() {
		if e.mayWake(svc, n) {
			e.wake(svc, n) // which disarms, because it may be a connection that is readable
		} else {
			e.disarmSocket(n)
		}
		return
	}
	if !s.Armed {
		e.late++ // it was disarmed meanwhile
		return
	}
	s.Armed = false
	if s.State != sckListening {
		e.bug(n, "knock")
		return
	}
	if n.job != nil && n.job.Type == Stop || e.stopping() {
		return // it is about to be closed
	}
	if svc == nil {
		e.pause(n, "the service to start is gone")
		return
	}
	if n.socketDef().Accept {
		return // Accepted is the knock
	}
	if slept := svc.service != nil && svc.service.Slept; !slept && !e.withinLimits(n) {
		return
	}
	e.knock(n, svc)
}

// withinLimits counts a knock against PollLimit*= and TriggerLimit*=. Knocks at
// a service that fell asleep do not come here: they are no sign of a service
// that cannot take what it is given.
func (e *Engine) withinLimits(n *node) bool {
	s, d := n.socket, n.socketDef()
	if !unlimited(d) && !s.Poll.below(e.now, d.PollInterval, d.PollBurst) {
		e.record(RecordDebug, n, "watched too often (PollLimitBurst=), pausing")
		e.arm(n, TimerPoll, &s.Pause, s.Poll.end(d.PollInterval))
		return false
	}
	if !s.Trigger.below(e.now, d.TriggerInterval, d.TriggerBurst) {
		s.Trigger = rate{}
		e.pause(n, "triggered too often (TriggerLimitBurst="+itoa(int64(d.TriggerBurst))+
			" in TriggerLimitIntervalSec="+d.TriggerInterval.String()+")")
		return false
	}
	return true
}

// unlimited tells whether the unit switches the trigger limit off and leaves
// the younger poll limit (since systemd 255) at its default: it was written to
// have no limit, so 75 connections a second are not forced upon it, where
// systemd.socket(5) would.
func unlimited(d *unit.Socket) bool {
	burst := uint32(15)
	if d.Accept {
		burst = 150
	}
	off := d.TriggerInterval <= 0 || d.TriggerBurst == 0
	return off && d.PollInterval == 2*time.Second && d.PollBurst == burst
}

// pause stops watching for a while that grows up to maxPause, says why, and
// leaves who waits in the queue.
func (e *Engine) pause(n *node, why string) {
	s := n.socket
	if e.now-s.LastHit > 2*maxPause {
		s.Backoff = 0
	}
	s.LastHit = e.now
	delay := min(Time(250*time.Millisecond)<<s.Backoff, maxPause)
	if s.Backoff < 8 {
		s.Backoff++
	}
	e.pauseUntil(n, e.now+delay, why)
}

func (e *Engine) pauseUntil(n *node, at Time, why string) {
	s := n.socket
	e.disarmSocket(n)
	e.arm(n, TimerPoll, &s.Pause, at)
	n.view.Failure = why + "; listening again in " + time.Duration(at-e.now).Round(10*time.Millisecond).String()
	e.record(RecordWarning, n, "%s", n.view.Failure)
	e.changed(n)
}

// resumeSocket ends a pause.
func (e *Engine) resumeSocket(n *node) {
	if n.socket.State == sckListening {
		e.armSocket(n)
	}
}

// recheckSocket looks at a socket that has no job.
func (e *Engine) recheckSocket(n *node) {
	if n.socket == nil || !n.socket.State.up() {
		return
	}
	if n.socket.State == sckListening {
		e.armSocket(n) // somebody may have knocked while it was about to be closed, which was taken back
	}
	e.recheckGroup(n)
}

// unstarted tells whether a service is down, and no job starts it.
func unstarted(n *node) bool {
	down := n.service == nil || n.service.State.down()
	return down && !starts(n)
}

// knock starts the service, if it does not run or start already, and if there is
// room for it.
func (e *Engine) knock(n, svc *node) {
	if unstarted(svc) {
		if svc.service == nil {
			svc.service = &service{}
		}
		if !e.mayWake(svc, n) {
			return // it goes on listening, but need not be watched
		}
	}
	e.knocked(n, svc)
}

// knocked is knock once there is room.
func (e *Engine) knocked(n, svc *node) {
	if unstarted(svc) {
		cause := n.def.Name + " was knocked on"
		if _, no := e.enqueue(svc, Start, unit.ModeReplace, cause); no != nil {
			e.pause(n, "cannot start "+svc.def.Name+": "+no.Msg)
			return
		}
		svc.service.Knocked = true
		svc.view.Wakes++
		e.wakeBound(svc)
	}
	e.setSocket(n, sckRunning)
}

// serviceChanged follows the state of the service of an Accept=no socket:
// watched if and only if the service is down.
func (e *Engine) serviceChanged(n, svc *node) {
	s := n.socket
	if s == nil || !s.State.up() || n.socketDef().Accept || svc.service == nil && s.State == sckListening {
		return
	}
	t := svc.service
	if t != nil && !t.State.down() {
		if t.State == svcRunning {
			n.view.Failure = ""
		}
		if s.State == sckListening {
			e.disarm(n, TimerPoll, &s.Pause)
			e.disarmSocket(n)
			e.setSocket(n, sckRunning)
		}
		return
	}
	if svc.job != nil || t != nil && (t.State == svcDeadBeforeRestart || t.State == svcFailedBeforeRestart) ||
		slices.ContainsFunc(e.boundWith(svc), func(m *node) bool { return m.job != nil && m.job.Type == Stop }) {
		return // what is queued, or the restart, comes first
	}
	if m := e.limited(svc); m != nil {
		// Who waits has been let down often enough; the next one may try
		// again. systemd.socket(5) fails the socket for good here.
		if s.State == sckRunning {
			e.emit(FlushSocket{Unit: n.def.Name})
			at := m.service.Starts.end(m.def.StartLimitInterval)
			e.pauseUntil(n, max(at, e.now+Time(time.Second)), m.def.Name+" was started too often (StartLimitBurst=)")
			e.enterListening(n)
		}
		return
	}
	if t != nil && t.Knocked {
		t.Knocked, t.Slept = false, false // it was not even begun: the next knocks count
	}
	if s.State == sckRunning {
		e.enterListening(n)
	}
}

// flushSockets lets go of the clients of a service that does not become
// ready; the next one tries again.
func (e *Engine) flushSockets(n *node) {
	for m := range e.each(n, of(TriggeredBy)) {
		if m.listens() {
			e.emit(FlushSocket{Unit: m.def.Name})
		}
	}
}
