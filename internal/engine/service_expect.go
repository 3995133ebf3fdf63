// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// busPatience is how long a job waits for its name on the bus: like
// DefaultTimeoutStartSec= of systemd-system.conf(5).
const busPatience = 90 * time.Second

// beginExpect limits the wait for what the expect stanza of a job promises.
// Where the promise is not kept the job goes on with what is there. It returns
// the limit of the state.
func (e *Engine) beginExpect(n *node, limit time.Duration) time.Duration {
	d := n.serviceDef()
	if d.Type == unit.TypeDBus && endless(limit) {
		return busPatience
	}
	if d.Job.Expect == unit.ExpectNone || endless(d.Job.ExpectTimeout) {
		return limit
	}
	e.armExpect(n, d.Job.ExpectTimeout)
	return unit.Infinity
}

func (e *Engine) armExpect(n *node, d time.Duration) {
	e.arm(n, TimerExpect, &n.eventful().Expect, e.now+Time(d))
}

// endExpect: nothing is waited for any more.
func (e *Engine) endExpect(n *node) {
	if n.ev != nil && n.ev.Expect.Gen != 0 {
		e.disarm(n, TimerExpect, &n.ev.Expect)
	}
}

// noteRun remembers something that was seen of this run, once.
func (e *Engine) noteRun(n *node, text string) {
	x := n.eventful()
	if slices.Contains(x.Notes, text) {
		return
	}
	x.Notes = append(x.Notes, text)
	e.changed(n)
	e.record(RecordWarning, n, "%s", text)
}

func forksText(n uint8) string {
	if n == 1 {
		return "1 fork"
	}
	return itoa(int64(n)) + " forks"
}

// expectOver: the job did not keep its promise in time.
func (e *Engine) expectOver(n *node) {
	s, d := n.service, n.serviceDef()
	if s.State != svcStart || d.Job == nil {
		return
	}
	within := " within " + d.Job.ExpectTimeout.String() + ", going on with what is there"
	switch d.Job.Expect {
	case unit.ExpectFork, unit.ExpectDaemon:
		e.noteRun(n, "expected "+forksText(uint8(d.Job.Expect.Forks()))+", saw "+itoa(int64(n.ev.Forks))+"; going on with what is there")
	case unit.ExpectStop:
		e.noteRun(n, "expected it to raise SIGSTOP, which it did not"+within)
	case unit.ExpectListen:
		e.noteRun(n, "expected it to call listen(), which it did not"+within)
	case unit.ExpectNone:
	}
	e.enterStartPost(n)
}

// stopped: a process has raised SIGSTOP, which is how a job with expect stop
// says that it is ready.
func (e *Engine) stopped(n *node, pid int32) {
	s := n.service
	if s == nil || s.Main.Pid != pid || s.State != svcStart {
		return
	}
	if j := n.serviceDef().Job; j == nil || j.Expect != unit.ExpectStop {
		return
	}
	e.emit(Signal{Unit: n.def.Name, Main: pid, Sig: sigCONT})
	e.enterStartPost(n)
}

// followed: the main process has forked.
func (e *Engine) followed(n *node, in Followed) {
	s, j := n.service, n.serviceDef().Job
	if j == nil || !s.MainKnown || s.State.down() {
		e.late++
		return
	}
	x := n.eventful()
	x.Forks = in.Forks
	want := uint8(j.Expect.Forks())
	if in.Pid != s.Main.Pid && s.Main.alive() && in.Pid > 0 {
		delete(e.pids, s.Main.Pid)
		start := n.view.MainStart
		s.Main.Pid, n.view.MainPid, n.view.LastMainPid = in.Pid, in.Pid, in.Pid
		n.view.MainStart = start
		e.pids[in.Pid] = n.id
		e.changed(n)
		if s.State.stopping() {
			e.spawnedLate(n, Spawned{Token: Token{Gen: s.Main.Gen}, Pid: in.Pid})
		}
	}
	if in.Forks > want {
		e.noteRun(n, "expected "+forksText(want)+", saw "+itoa(int64(in.Forks)))
	}
	switch {
	case s.State != svcStart:
	case in.Forks < want && in.Ended:
		e.noteRun(n, "expected "+forksText(want)+", saw "+itoa(int64(in.Forks))+" before it ran another program")
		e.enterStartPost(n)
	case in.Forks >= want:
		e.enterStartPost(n)
	default:
		// The other fork of a daemon follows at once, or never.
		e.armExpect(n, min(j.ExpectTimeout, secondFork))
	}
}

// secondFork is how long the second fork of a daemon is waited for after the
// first.
const secondFork = 2 * time.Second

// leftBehind: the main process of a job that forks has ended well. It may have
// been the parent of the daemon, if nobody could trace it or it forks once more
// than it promised; then the daemon is among what is left. True: that is being
// looked at.
func (e *Engine) leftBehind(n *node, in Exited) bool {
	s, j := n.service, n.serviceDef().Job
	if j.Expect.Forks() == 0 || in.Code != codeExited || in.Status != 0 || s.Empty || s.StopAfter ||
		s.State != svcStart && s.State != svcStartPost && s.State != svcRunning || s.PIDFile != 0 {
		return false
	}
	x := n.eventful()
	if x.Looked {
		return false
	}
	if s.State != svcStart && e.now-n.view.MainStart >= steady {
		return false // it was the daemon
	}
	n.view.MainCode, n.view.MainStatus, n.view.MainExit = in.Code, in.Status, e.now
	s.Main.Pid, n.view.MainPid = 0, 0 // the slot stays taken until the answer
	x.Asking = true
	t := e.order(n.def.Name)
	s.PIDFile = t.Gen
	e.emit(ReadPIDFile{Token: t, Now: true})
	return true
}

// leftFound is the answer to leftBehind.
func (e *Engine) leftFound(n *node, pid int32) {
	s, j, x := n.service, n.serviceDef().Job, n.ev
	x.Asking = false
	s.PIDFile = 0
	v := &n.view
	if pid <= 0 {
		e.jobMainExited(n, Exited{Code: v.MainCode, Status: v.MainStatus})
		return
	}
	start := v.MainStart
	e.setMain(n, pid)
	v.MainStart = start
	x.Forks++
	want := uint8(0)
	if j != nil {
		want = uint8(j.Expect.Forks())
	}
	if x.Forks > want {
		e.noteRun(n, "expected "+forksText(want)+", saw "+itoa(int64(x.Forks))+"; the main process is the one that is left")
	}
	switch {
	case s.State.stopping():
		e.spawnedLate(n, Spawned{Token: Token{Gen: s.Main.Gen}, Pid: pid})
	case s.State == svcStart:
		e.enterStartPost(n)
	}
}

// jobMainExited is the end of a main process that left nothing behind.
func (e *Engine) jobMainExited(n *node, in Exited) {
	n.ev.Looked = true
	e.mainExited(n, in, false)
}
