// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

func dead(s engine.ActiveState) bool { return s == engine.Inactive || s == engine.Failed }

// check compares what the engine says of a unit with what the machine does.
func (w *World) check(it *item) {
	v, known := w.e.Unit(it.name)
	if !known {
		if len(it.procs) > 0 || it.open {
			w.violate("%s is forgotten but not gone", it.name)
		}
		return
	}
	mains := 0
	for _, p := range it.procs {
		if p.main {
			mains++
		}
	}
	if mains > 1 {
		w.violate("%s has %d main processes", it.name, mains)
	}
	if dead(v.Active) {
		w.checkDead(it, &v)
	}
	it.followSleep(&v)
	w.followWait(it, &v)
	if v.StateChange != 0 && v.Cause == "" {
		w.violate("%s is %s without a cause", it.name, v.Active)
	}
	w.checkGroup(it, &v)
	if v.Unit.Kind == unit.KindSocket {
		w.checkSocket(it, &v)
	}
	it.was = v.Active
	switch {
	case !stops(&v):
		it.stopJob = 0
	case it.stopJob != v.Job:
		it.stopJob, it.stopStep = v.Job, w.res.Steps
	}
}

// stops tells whether the job of the unit stops it.
func stops(v *engine.View) bool {
	return v.Job != 0 && (v.JobType == engine.Stop || v.JobType == engine.Restart)
}

// checkDead makes sure that what is down is quiet.
func (w *World) checkDead(it *item, v *engine.View) {
	if v.Job == 0 && len(it.procs) > 0 {
		w.violate("%s is %s/%s without a job, but process %d lives", it.name, v.Active, v.Sub, it.procs[0].pid)
	}
	if it.spawning > 0 {
		w.violate("%s is %s/%s while a process of it is being made", it.name, v.Active, v.Sub)
	}
	for t, gen := range it.timers {
		switch t := engine.Timer(t); t {
		case engine.TimerAuto, engine.TimerJob, engine.TimerJobRun:
		default:
			if t == engine.TimerRestart && v.Unit.Kind == unit.KindSocket && v.Active == engine.Failed {
				continue // it waits to bind again
			}
			if gen != 0 {
				w.violate("%s is %s/%s with timer %d armed", it.name, v.Active, v.Sub, t)
			}
		}
	}
}

// checkSocket makes sure that a socket is watched exactly when its service
// cannot watch it itself.
func (w *World) checkSocket(it *item, v *engine.View) {
	if v.Unit.Socket == nil {
		return // a member that was forgotten, and that others name
	}
	if it.armed && v.Active != engine.Active {
		w.violate("%s is %s/%s but armed", it.name, v.Active, v.Sub)
	}
	if v.Active == engine.Active && !it.open {
		w.violate("%s is active but not open", it.name)
	}
	w.checkLeaving(it, v)
	if v.Unit.Socket.Accept || v.Unit.Socket.Distribute > 0 {
		return
	}
	svc, ok := w.e.Unit(v.Unit.Socket.Service)
	if !ok {
		return
	}
	if it.armed && !dead(svc.Active) && svc.Freezer == "running" && svc.Sub != "auto-restart" && svc.Sub != "auto-restart-queued" {
		w.violate("%s is armed while %s is %s/%s", it.name, svc.Unit.Name, svc.Active, svc.Sub)
	}
	// A knock at a socket that waits to be stopped is not answered.
	if v.Sub == "listening" && !it.armed && it.timers[engine.TimerPoll] == 0 && v.Job == 0 && svc.Waits == "" {
		w.violate("%s listens, but is neither armed nor pausing, nor does its service wait for room", it.name)
	}
}

// checkTurn makes sure that a unit starts only when the jobs of all units that
// it is after are done.
func (w *World) checkTurn(it *item) {
	if it.job == 0 || !dead(it.was) || w.down {
		return // a task that follows from the end of everything waits for nothing
	}
	for _, name := range w.e.Depends(it.name, engine.After) {
		if o := w.item(name); o.job != 0 && !w.meanwhile(it.jobStep, o.jobStep) {
			w.violate("%s starts before job %d of %s, which it is after, is done", it.name, o.job, name)
		}
	}
}

// meanwhile: the job of another unit came when the turn of this one may have
// come already. A job waits at its gates and for its pre-start after its turn
// has come, and one step can queue jobs by events after that.
func (w *World) meanwhile(own, other int) bool { return w.hasJobs() && other >= own }

// stopsSince is the step since which the job of the unit stops it. That is not
// when it was queued where a start has become a restart.
func (w *World) stopsSince(it *item, v *engine.View) int {
	if it.stopJob == v.Job {
		return it.stopStep
	}
	return w.res.Steps
}

// checkStopTurn makes sure that a unit is not stopped before those that are
// after it, where both were told to stop. It is called for the first signal, when
// the jobs that the machine knows of are those of that moment.
func (w *World) checkStopTurn(it *item) {
	v, _ := w.e.Unit(it.name)
	if dead(it.was) || it.was == engine.Deactivating || it.job == 0 || it.unordered || v.Job != it.job ||
		!stops(&v) || strings.HasPrefix(v.JobWhy, "waits for") {
		return
	}
	for _, name := range w.e.Depends(it.name, engine.Before) {
		o, _ := w.e.Unit(name)
		om := w.item(name)
		if max(it.loaded, om.loaded) >= w.stopsSince(it, &v) {
			continue // the order may be younger than the stop
		}
		if om.job == o.Job && stops(&o) && !om.unordered && !w.meanwhile(w.stopsSince(it, &v), w.stopsSince(om, &o)) {
			w.violate("%s stops before %s, which is after it, has stopped", it.name, name)
		}
	}
}

// checkAll checks every unit.
func (w *World) checkAll() {
	var names []string
	for v := range w.e.Units() {
		names = append(names, v.Unit.Name)
	}
	for _, name := range names {
		w.check(w.item(name))
	}
	w.checkWaiting()
}

// checkEnd makes sure that nothing is left over.
func (w *World) checkEnd() {
	if len(w.res.Violations) > 0 {
		return
	}
	if !w.res.Finished {
		w.violate("the shutdown did not finish: %s", w.stuck())
	}
	for id := range w.emitted {
		w.violate("event N=%d has neither completed nor been reported as waited for", id)
		break
	}
	if w.hasJobs() {
		clear(w.asked) // half an expression keeps its event, which was reported
	}
	if len(w.jobs) > 0 || len(w.asked) > 0 || len(w.conns) > 0 {
		w.violate("left over: %d jobs, %d wishes without a reply, %d connections", len(w.jobs), len(w.asked), len(w.conns))
	}
}

// stuck names some units that did not stop.
func (w *World) stuck() string {
	var left []string
	for v := range w.e.Units() {
		if v.Job != 0 || !dead(v.Active) {
			left = append(left, fmt.Sprintf("%s %s/%s job %d (%s)", v.Unit.Name, v.Active, v.Sub, v.Job, v.JobWhy))
		}
	}
	slices.Sort(left)
	if len(left) > 5 {
		left = append(left[:5], "...")
	}
	return fmt.Sprint(left)
}
