// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// isTask: whoever starts it waits until it has finished.
func (n *node) isTask() bool {
	return n.def.Service != nil && n.def.Service.Job != nil && n.def.Service.Job.Task
}

// stepPatience bounds pre-stop and post-stop; Upstart would wait for ever.
const stepPatience = 90 * time.Second

// beginRun gives a start what it was asked for with.
func (e *Engine) beginRun(n *node) {
	x := n.ev
	if x == nil {
		return
	}
	if x.HasNext {
		x.Env, x.Names, x.Sources = x.Next.Env, x.Next.Names, x.Next.Sources
		x.Next, x.HasNext = trigger{}, false
		x.Respawned, x.Respawns = 0, rate{}
	}
	x.StopEnv, x.StopNames = nil, nil
	x.Forks, x.Asking, x.Looked, x.Notes = 0, false, false, nil
	e.unlatch(x.Stop)
	if !e.isClass(n) {
		e.letGo(x.Start)
	}
}

// endRun forgets what the run was started with, unless it is restarted with the
// same.
func (e *Engine) endRun(n *node, restart bool) {
	x := n.ev
	if x == nil || restart {
		return
	}
	e.takeBroken(n)
	if n.job == nil {
		e.fulfil(n, nil) // it was on its way down without a job
	}
	sources := append(x.Sources, x.Missed...)
	x.Missed = nil
	x.Env, x.Names, x.Sources, x.SetEnv, x.UnsetEnv = nil, nil, nil, nil, nil
	e.unlatch(x.Stop)
	e.sourcesUnused(sources)
}

// giveJob adds what events and jobs bring to a process.
func (e *Engine) giveJob(n *node, sp *Spawn, p unit.Phase) {
	j := n.serviceDef().Job
	if j == nil && n.ev == nil {
		return
	}
	sp.Env = append(sp.Env, e.spawnEnv(n, p)...)
	if n.ev != nil {
		sp.Unset = n.ev.UnsetEnv
	}
	if p != unit.PhaseStart {
		return
	}
	if n.ev != nil {
		sp.Sources = n.ev.Sources
	}
	if j != nil {
		sp.Follow, sp.Trap = uint8(j.Expect.Forks()), j.Expect == unit.ExpectStop
	}
}

// processName is what the four events call the process that runs the commands
// of a phase.
func processName(p unit.Phase) string {
	switch p {
	case unit.PhaseCondition, unit.PhaseStartPre:
		return "pre-start"
	case unit.PhaseStart, unit.PhaseReload, unit.NumPhases:
		return "main"
	case unit.PhaseStartPost:
		return "post-start"
	case unit.PhaseStop, unit.PhasePreStop:
		return "pre-stop"
	case unit.PhaseStopPost:
		return "post-stop"
	case unit.PhaseSecurity:
		return "security"
	case unit.PhaseIdle:
		return "idle"
	}
	return "main"
}

// blame keeps the first process that failed in this run.
func (e *Engine) blame(n *node, process string, in Exited, lost bool) {
	s := n.service
	if s.Blame.Process != "" {
		return
	}
	s.Blame = blame{Process: process, Code: in.Code, Status: in.Status}
	if lost {
		s.Blame.Code = 0
	}
}

// jobOutcome judges the end of a job's main process (init(5), respawn and
// normal exit). It decides about respawning.
func (e *Engine) jobOutcome(n *node, in Exited, lost bool) result {
	s, j := n.service, n.serviceDef().Job
	if s.State.stopping() || s.State == svcPreStop || s.StopAfter {
		return resSuccess
	}
	f := outcome(in, false, nil)
	if lost {
		return resResources
	}
	abnormal := f != resSuccess || j.Respawn && !j.Task
	if k := j.NormalExit; k != nil {
		if in.Code == codeExited && contains(k.Codes, in.Status) || in.Code != codeExited && contains(k.Signals, in.Status) {
			abnormal = false
		}
	}
	switch {
	case !abnormal:
		return resSuccess
	case !j.Respawn || e.stopping():
		return f
	}
	x := n.eventful()
	if j.RespawnCount > 0 && !x.Respawns.below(e.now, j.RespawnInterval, j.RespawnCount) {
		e.because(n, "it was respawned "+itoa(int64(j.RespawnCount))+" times in "+j.RespawnInterval.String()+" (respawn limit)")
		e.blame(n, "respawn", Exited{}, true)
		return resStartLimit
	}
	if n.view.MainStart != 0 && e.now-n.view.MainStart >= steady {
		x.Respawned = 0
	}
	s.Respawning = true
	return resSuccess
}

// steady is how long a main process must have lived for its end not to count
// for the pause before the next respawn.
const steady = Time(10 * time.Second)

// respawnDelay is the pause before a respawn: none for the first two, then
// doubling. With a limit it stays so short that the limit can be reached.
func (e *Engine) respawnDelay(n *node) (time.Duration, string) {
	x, j := n.eventful(), n.serviceDef().Job
	x.Respawned++
	x.LastRespawn = e.now
	longest := 10 * time.Second
	if j != nil && j.RespawnCount > 0 {
		longest = j.RespawnInterval / time.Duration(2*j.RespawnCount)
	}
	cause := "respawn: " + n.view.Cause
	if x.Respawned <= 2 {
		return 0, cause
	}
	d := 50 * time.Millisecond << min(x.Respawned-3, 10)
	return min(d, longest), cause
}

// lostMain: the main process of a job has ended while its post-start runs. It
// is stopped when that has ended; who waits for the start is told at once.
func (e *Engine) lostMain(n *node, f result) {
	n.service.StopAfter = true
	e.armState(n, n.serviceDef().TimeoutStop)
	if f != resSuccess {
		e.jobDone(n, JobFailed)
	}
}

// killTimeout: the processes of a job have not ended in time. To kill them is
// the ordinary way on, and no failure (init(5), kill timeout).
func (e *Engine) killTimeout(n *node) {
	s, d := n.service, n.serviceDef()
	next := svcStopSigkill
	if s.State == svcFinalSigterm {
		next = svcFinalSigkill
	}
	e.noteRun(n, "it did not end within its kill timeout ("+d.TimeoutStop.String()+") after signal "+
		signalName(signalOf(&d.Kill, s.State, false))+", and was killed")
	e.enterSignal(n, next, resSuccess)
}

// enterPreStop runs pre-stop, if there is one to run: the main process lives on
// meanwhile, and the stop may be taken back.
func (e *Engine) enterPreStop(n *node) bool {
	i := firstOf(n.serviceDef().Commands, unit.PhasePreStop)
	if i < 0 || !n.service.Main.alive() {
		return false
	}
	e.runControl(n, i, svcPreStop, stepPatience)
	return true
}

// preStopped goes on after pre-stop: with the stop, or, where it was taken
// back, as before.
func (e *Engine) preStopped(n *node) {
	s := n.service
	down := n.job != nil && (n.job.Type == Stop || n.job.Type == Restart) || e.stopping()
	if down || !s.Main.alive() {
		e.enterStopping(n, resSuccess)
		return
	}
	s.ForbidRestart = false
	n.view.Cause = "the stop was taken back during pre-stop"
	e.setService(n, svcRunning)
	e.armRuntime(n)
	e.armWatchdog(n)
	e.idleEnter(n)
}

// stopStarting stops a job that is on its way up: a command before the main
// process is left to end, and nothing comes after it.
func (e *Engine) stopStarting(n *node) {
	s := n.service
	switch {
	case s.Control.alive():
		s.StopAfter = true
		e.armState(n, n.serviceDef().TimeoutStop)
	default:
		e.enterStopping(n, resSuccess)
	}
}
