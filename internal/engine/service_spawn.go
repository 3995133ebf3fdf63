// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"
	"strconv"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

func itoa(i int64) string { return strconv.FormatInt(i, 10) }

// spawnMain orders the main process: command i.
func (e *Engine) spawnMain(n *node, i int32) {
	s := n.service
	e.unfreeze(n)
	e.giveUp(&s.Main, &s.Lost)
	t := e.order(n.def.Name)
	s.Main, n.view.MainPid = proc{Gen: t.Gen, Index: i}, 0
	s.MainKnown = true
	s.Empty, s.Watch = false, 0
	e.live++
	n.enterCgroup()
	sp := Spawn{Token: t, Role: RoleMain, Index: i, Run: n.view.Run}
	sp.Env, _ = e.monitorEnv(n)
	e.giveSockets(n, &sp)
	e.giveJob(n, &sp, unit.PhaseStart)
	e.emit(sp)
}

// giveSockets adds what the service is to listen on, or the connection that it
// is to serve.
func (e *Engine) giveSockets(n *node, sp *Spawn) {
	s := n.service
	if s.More != nil && s.More.Conn != 0 {
		if !s.More.ConnUsed {
			sp.Conn = s.More.Conn
			s.More.ConnUsed = true
		}
	} else {
		sp.Sockets = e.socketsOf(n)
	}
}

// runControl orders a control process, command i, with a time limit, and
// enters the state in which it runs.
func (e *Engine) runControl(n *node, i int32, st serviceState, limit time.Duration) {
	s := n.service
	e.unfreeze(n)
	e.giveUp(&s.Control, &s.Lost)
	t := e.order(n.def.Name)
	s.Control, n.view.ControlPid = proc{Gen: t.Gen, Index: i}, 0
	s.Empty, s.Watch = false, 0
	e.live++
	p := n.serviceDef().Commands[i].Phase
	n.enterCgroup()
	sp := Spawn{Token: t, Role: RoleControl, Index: i, Run: n.view.Run, Env: e.controlEnv(n, p)}
	switch {
	case p == unit.PhaseStart:
		e.giveSockets(n, &sp) // Type=forking: its child will be the main process
	case s.More != nil && !s.More.ConnUsed:
		sp.Conn = s.More.Conn // lent
	}
	e.giveJob(n, &sp, p)
	e.emit(sp)
	e.armState(n, limit)
	if s.State != st {
		e.setService(n, st)
	}
}

// controlEnv is what systemd.exec(5) gives to control processes besides the
// settings of the unit.
func (e *Engine) controlEnv(n *node, p unit.Phase) []string {
	v := &n.view
	if n.serviceDef().Job != nil {
		return nil // it has what events and initctl gave it, and nothing else
	}
	env, _ := e.monitorEnv(n)
	if n.service.Main.Pid != 0 {
		env = append(env, "MAINPID="+itoa(int64(n.service.Main.Pid)))
	}
	if p != unit.PhaseStop && p != unit.PhaseStopPost {
		return env
	}
	env = append(env, "SERVICE_RESULT="+n.service.Result.String())
	switch v.MainCode {
	case codeExited:
		env = append(env, "EXIT_CODE=exited", "EXIT_STATUS="+itoa(int64(v.MainStatus)))
	case codeKilled:
		env = append(env, "EXIT_CODE=killed", "EXIT_STATUS="+signalName(v.MainStatus))
	case codeDumped:
		env = append(env, "EXIT_CODE=dumped", "EXIT_STATUS="+signalName(v.MainStatus))
	}
	return env
}

// lost are the Gens of Spawn orders that were given up before they were
// answered. Each gets its answer, so that there are never many.
type lost []uint64

// found forgets gen, and tells whether it was there.
func (l *lost) found(gen uint64) bool {
	i := slices.Index(*l, gen)
	if i < 0 {
		return false
	}
	*l = slices.Delete(*l, i, i+1)
	if len(*l) == 0 {
		*l = nil
	}
	return true
}

// giveUp stops to wait for a process: it outlived the last signal. One that
// does not exist yet is killed as soon as it does.
func (e *Engine) giveUp(p *proc, l *lost) {
	switch {
	case !p.alive():
		return
	case p.Pid == 0:
		*l = append(*l, p.Gen)
	default:
		delete(e.pids, p.Pid)
	}
	e.endProc(p)
}

// spawned takes the pid of an ordered process.
func (e *Engine) spawned(n *node, in Spawned) {
	s := n.service
	switch in.Token.Gen {
	case s.Main.Gen:
		if s.Main.Pid != 0 {
			e.late++
			return
		}
		e.setMain(n, in.Pid)
	case s.Control.Gen:
		if s.Control.Pid != 0 {
			e.late++
			return
		}
		s.Control.Pid, n.view.ControlPid = in.Pid, in.Pid
		e.pids[in.Pid] = n.id
		e.changed(n)
	default:
		if e.judgeSpawned(n, in) {
			return
		}
		e.late++
		if s.Lost.found(in.Token.Gen) {
			e.emit(Signal{Unit: n.def.Name, Main: in.Pid, Sig: sigKILL})
		}
		return
	}
	if s.State.stopping() {
		e.spawnedLate(n, in)
		return
	}
	if in.Token.Gen == s.Main.Gen {
		e.mainStarted(n, false)
	}
}

// setMain makes pid the main process.
func (e *Engine) setMain(n *node, pid int32) {
	s := n.service
	s.Main.Pid, n.view.MainPid, n.view.LastMainPid = pid, pid, pid
	n.view.MainStart, n.view.MainExit, n.view.MainCode, n.view.MainStatus = e.now, 0, 0, 0
	e.pids[pid] = n.id
	e.changed(n)
}

// spawnedLate handles a process that came to be after the unit had begun to
// stop: it gets the signal of the state at once.
func (e *Engine) spawnedLate(n *node, in Spawned) {
	s := n.service
	if in.Token.Gen == s.Control.Gen && (s.State == svcStop || s.State == svcStopPost) {
		return // its place
	}
	s.Empty, s.Watch = false, 0
	if s.State != svcStop && s.State != svcStopPost {
		e.kill(n, s.State)
	}
}

// executed: the program runs.
func (e *Engine) executed(n *node, in Executed) {
	s := n.service
	switch in.Token.Gen {
	case s.Main.Gen:
		s.Main.Ran = true
		if x := s.Idle; x != nil && x.Group && s.State == svcRunning {
			e.followTiers(n)
		}
		e.mainStarted(n, true)
	case s.Control.Gen:
	default:
		if s.More == nil || s.More.Judge.Gen != in.Token.Gen {
			e.late++
		}
	}
}

// spawnFailed: the process could not be made, or not become its program. If
// it had been Spawned its Exited follows and decides.
func (e *Engine) spawnFailed(n *node, in SpawnFailed) {
	s := n.service
	var p *proc
	switch in.Token.Gen {
	case s.Main.Gen:
		p = &s.Main
	case s.Control.Gen:
		p = &s.Control
	default:
		if !e.judgeFailed(n, in) {
			s.Lost.found(in.Token.Gen)
			e.late++
		}
		return
	}
	ignored := e.ignores(n, *p)
	if !ignored {
		n.view.Failure = in.Msg
	}
	main := p == &s.Main
	if ignored || n.serviceDef().Job != nil || !main && !s.State.starting() {
		e.record(RecordWarning, n, "%s", in.Msg) // else explain does, as it fails the run
	}
	s.Unspawned = p.Gen
	if p.Pid != 0 {
		return
	}
	if main && in.Status != 0 && n.serviceDef().Job == nil && n.serviceDef().Readiness == unit.ReadyByType && s.State == svcStart {
		// As if it had existed for a moment: a Type=simple service has
		// started, whatever becomes of it (systemd.service(5)).
		e.mainStarted(n, false)
	}
	x := Exited{Code: codeExited, Status: in.Status}
	switch {
	case main && s.Main.Gen == in.Token.Gen:
		n.view.MainStart = e.now
		e.mainExited(n, x, in.Status == 0)
	case !main && s.Control.Gen == in.Token.Gen:
		e.controlExited(n, x, in.Status == 0)
	}
}

// ignores tells whether the failure of p does not count ("-" before the
// command).
func (e *Engine) ignores(n *node, p proc) bool {
	cs := n.serviceDef().Commands
	if n.serviceDef().Type == unit.TypeForking && p.Index < 0 {
		// The daemon that a forking command left counts as that command.
		p.Index = firstOf(cs, unit.PhaseStart)
	}
	return p.Index >= 0 && int(p.Index) < len(cs) && cs[p.Index].IgnoreFailure
}
