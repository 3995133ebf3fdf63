// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// X-IdleCommand= runs beside the service, in its cgroup and as its user, at
// each look at which everything else says that the service is idle. It is no
// step of the service's life: no state, job or readiness waits for it.

// judgePatience is how long it may run.
const judgePatience = Time(10 * time.Second)

// hasJudge tells whether the service has one. The rule of 5 % of a CPU does not
// hold for it then: the command knows better, and needs CPU itself.
func hasJudge(n *node) bool { return firstOf(n.serviceDef().Commands, unit.PhaseIdle) >= 0 }

// askJudge starts the command; looked is called again when it has said that the
// service is idle. False: there is nothing to ask.
func (e *Engine) askJudge(n *node) bool {
	i := firstOf(n.serviceDef().Commands, unit.PhaseIdle)
	if i < 0 {
		return false
	}
	if m := n.service.More; m == nil || !m.Judge.alive() {
		e.runJudge(n, i)
	}
	return true
}

// runJudge orders command i.
func (e *Engine) runJudge(n *node, i int32) {
	s := n.service
	m := s.more()
	t := e.order(n.def.Name)
	m.Judge = proc{Gen: t.Gen, Index: i}
	e.live++
	n.enterCgroup()
	e.emit(Spawn{Token: t, Role: RoleControl, Index: i, Run: n.view.Run, Env: e.controlEnv(n, unit.PhaseIdle)})
	e.arm(n, TimerJudge, &m.JudgeTimer, e.now+judgePatience)
	if s.Watch != 0 { // an answer that is on its way speaks of the time before
		s.Watch = 0
		e.watchCgroup(n)
	}
}

// dropJudge ends it: the service is about to do something else.
func (e *Engine) dropJudge(n *node) {
	s := n.service
	m := s.More
	if m == nil || !m.Judge.alive() {
		return
	}
	e.killJudge(n)
	e.giveUp(&m.Judge, &s.Lost)
	e.disarm(n, TimerJudge, &m.JudgeTimer)
	s.Empty = false
}

func (e *Engine) killJudge(n *node) {
	if pid := n.service.More.Judge.Pid; pid != 0 {
		e.emit(Signal{Unit: n.def.Name, Control: pid, Sig: sigKILL, Session: true})
	}
}

// judgeSpawned tells whether the new process is the command's.
func (e *Engine) judgeSpawned(n *node, in Spawned) bool {
	m := n.service.More
	if m == nil || m.Judge.Gen == 0 || m.Judge.Gen != in.Token.Gen || m.Judge.Pid != 0 {
		return false
	}
	m.Judge.Pid = in.Pid
	e.pids[in.Pid] = n.id
	return true
}

// judgeFailed: the command could not be run. Where the process exists its
// Exited follows, and decides.
func (e *Engine) judgeFailed(n *node, in SpawnFailed) bool {
	m := n.service.More
	if m == nil || m.Judge.Gen == 0 || m.Judge.Gen != in.Token.Gen {
		return false
	}
	e.judgeFault(n, in.Msg)
	n.service.Unspawned = m.Judge.Gen
	if m.Judge.Pid == 0 {
		e.endJudge(n)
		e.judgeBusy(n, maxPause)
	}
	return true
}

// judgeExited takes what the command says: 0 for idle, up to 254 for busy, all
// else is a fault of its own, as with ExecCondition= of systemd.service(5).
func (e *Engine) judgeExited(n *node, in Exited) bool {
	m := n.service.More
	if m == nil || m.Judge.Pid == 0 || m.Judge.Pid != in.Pid {
		return false
	}
	index := m.Judge.Index
	unmade := n.service.Unspawned == m.Judge.Gen // judgeFailed has said why
	e.endJudge(n)
	x := n.service.Idle
	switch {
	case x == nil || x.Phase != idleAwake || n.service.State != svcRunning:
	case in.Code == codeExited && in.Status == 0:
		m.Faulty = false
		if next := nextOf(n.serviceDef().Commands, index, unit.PhaseIdle); next >= 0 {
			e.runJudge(n, next)
			return true
		}
		x.Judged = true
		x.Stay &^= stayJudged
		e.count(n)
	case in.Code == codeExited && in.Status < 255 && !unmade:
		m.Faulty = false
		e.judgeBusy(n, 0)
	default:
		e.judgeFault(n, at(n.serviceDef().Commands, index)+exitWords("X-IdleCommand=", in))
		e.judgeBusy(n, maxPause)
	}
	return true
}

func (e *Engine) endJudge(n *node) {
	m := n.service.More
	e.endProc(&m.Judge)
	e.disarm(n, TimerJudge, &m.JudgeTimer)
}

// judgeTimeout: it did not come to an end.
func (e *Engine) judgeTimeout(n *node) {
	m := n.service.More
	m.JudgeTimer = timer{}
	e.judgeFault(n, at(n.serviceDef().Commands, m.Judge.Index)+"X-IdleCommand= did not end within "+time.Duration(judgePatience).String())
	e.dropJudge(n)
	e.judgeBusy(n, maxPause)
}

// judgeFault says once that the command cannot be relied on.
func (e *Engine) judgeFault(n *node, msg string) {
	m := n.service.more()
	if !m.Faulty {
		e.record(RecordWarning, n, "%s", msg)
		e.record(RecordWarning, n, "its X-IdleCommand= cannot be relied on; the service is taken for busy until it works")
	}
	m.Faulty = true
}

// judgeBusy has the service looked at again, after a pause of at least atLeast.
func (e *Engine) judgeBusy(n *node, atLeast Time) {
	x := n.service.Idle
	if x == nil || x.Phase != idleAwake || n.service.State != svcRunning {
		return
	}
	x.Since, x.Heard, x.Empty = e.now, e.now, false
	x.Stay |= stayJudged
	if x.Next == 0 && x.Gen == 0 {
		e.planLook(n, e.now+max(e.lookAfter(x), atLeast))
	}
}
