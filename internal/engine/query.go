// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"iter"
	"strconv"

	"github.com/rouse-init/rouse/internal/unit"
)

// Unit returns what may be seen of a unit, by its name or an alias.
func (e *Engine) Unit(name string) (View, bool) {
	n := e.node(name)
	if n == nil {
		return View{}, false
	}
	return e.viewOf(n), true
}

// Units runs over all units, in no order that means anything. The engine must
// not take a Step meanwhile.
func (e *Engine) Units() iter.Seq[View] {
	return func(yield func(View) bool) {
		for _, n := range e.nodes {
			if n != nil && !yield(e.viewOf(n)) {
				return
			}
		}
	}
}

// viewOf completes the view of n by what is not kept in it.
func (e *Engine) viewOf(n *node) View {
	v := n.view
	if j := n.job; j != nil {
		v.Job, v.JobType, v.JobWhy = j.ID, j.Type, e.whyWaiting(n)
	}
	v.Waits = e.roomWords(n)
	if r := e.rooms[n.def.Name]; r != nil {
		v.Awake, v.Waiting, v.Memory = uint32(len(r.seats.ids)), e.waitingIn(r), e.measuredIn(r)
	}
	return v
}

// whyWaiting says what n's job waits for.
func (e *Engine) whyWaiting(n *node) string {
	j := n.job
	switch {
	case j.Checking != 0:
		return "its conditions are being checked"
	case j.Running && n.service != nil && n.service.Throttled:
		return "it was started too recently (ThrottleInterval)"
	case j.Running:
		return "it is " + n.view.Active.String()
	case n.service != nil && n.service.Waking:
		return "waits for " + e.thawing(n) + " to be thawed"
	case j.Blocked == 0:
		return "it will be tried again when the state of the unit changes"
	}
	for i := range n.edges {
		x := &n.edges[i]
		if x.Rel != Before && x.Rel != After {
			continue
		}
		m := e.nodes[x.Peer]
		if ordered(j, m.job) && waitsFor(j.Type, m.job.Type, x.Rel == Before) {
			return "waits for the " + m.job.Type.String() + " job of " + m.def.Name
		}
	}
	return ""
}

// Def returns the definition of a unit, nil if it is not known.
func (e *Engine) Def(name string) *unit.Unit {
	if n := e.node(name); n != nil {
		return n.def
	}
	return nil
}

// UnitOfPid names the unit whose main or control process this is, or whose
// X-IdleCommand=; "" if it is none.
func (e *Engine) UnitOfPid(pid int32) string {
	if id, ok := e.pids[pid]; ok {
		return e.nodes[id].def.Name
	}
	return ""
}

// Depends lists the units that name has the given relation to, in the order
// of linking; nil if it is not known.
func (e *Engine) Depends(name string, r Relation) []string {
	n := e.node(name)
	if n == nil {
		return nil
	}
	var names []string
	for m := range e.each(n, of(r)) {
		names = append(names, m.def.Name)
	}
	return names
}

// CanReload tells whether the unit has a way to be reloaded.
func (e *Engine) CanReload(name string) bool {
	n := e.node(name)
	return n != nil && e.reloadable(n)
}

// JobView is one queued job as the outside may see it.
type JobView struct {
	Job     uint32
	Unit    string
	Type    Verb
	Running bool
	Since   Time // when it was queued
}

// Jobs runs over all queued jobs, oldest first.
func (e *Engine) Jobs() iter.Seq[JobView] {
	return func(yield func(JobView) bool) {
		for _, j := range e.sortedJobs() {
			if !yield(JobView{j.ID, e.nodes[j.Unit].def.Name, j.Type, j.Running, j.Since}) {
				return
			}
		}
	}
}

// Late counts the answers that came after nobody waited for them any more.
func (e *Engine) Late() uint64 { return e.late }

// monitorEnv gives the MONITOR_* variables of a unit that handles the end of
// exactly one other by OnFailure= or OnSuccess=, nil for all others
// (systemd.exec(5), $MONITOR_SERVICE_RESULT). run is the Run of the unit that
// ended; the manager makes MONITOR_INVOCATION_ID of it.
func (e *Engine) monitorEnv(n *node) (env []string, run uint64) {
	var ended *node
	for m := range e.each(n, handlerOf) {
		if m.def.Kind != unit.KindService || m == ended {
			continue
		}
		if ended != nil {
			return nil, 0
		}
		ended = m
	}
	if ended == nil || ended.view.Run == 0 {
		return nil, 0
	}
	env = append(env, "MONITOR_SERVICE_RESULT="+ended.view.Result, "MONITOR_UNIT="+ended.def.Name)
	status := "MONITOR_EXIT_STATUS=" + signalName(ended.view.MainStatus)
	switch ended.view.MainCode {
	case codeExited:
		env = append(env, "MONITOR_EXIT_CODE=exited", "MONITOR_EXIT_STATUS="+strconv.Itoa(int(ended.view.MainStatus)))
	case codeKilled:
		env = append(env, "MONITOR_EXIT_CODE=killed", status)
	case codeDumped:
		env = append(env, "MONITOR_EXIT_CODE=dumped", status)
	}
	return env, ended.view.Run
}
