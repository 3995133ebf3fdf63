// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// JobStatus returns a unit in the words of initctl(8).
func (e *Engine) JobStatus(name string) (JobStatus, bool) {
	n := e.node(name)
	if n == nil {
		return JobStatus{}, false
	}
	return e.statusOf(n), true
}

// Instances returns the instances of a job that exist, by their unit names; of
// a job that has only one the job itself, unless it rests.
func (e *Engine) Instances(name string) []JobStatus {
	n := e.node(name)
	if n == nil {
		return nil
	}
	if !e.isClass(n) {
		if n.job == nil && dead(n.view.Active) {
			return nil
		}
		return []JobStatus{e.statusOf(n)}
	}
	if n.ev == nil {
		return nil
	}
	var out []JobStatus
	for _, id := range n.ev.Instances {
		if m := e.nodes[id]; m != nil {
			out = append(out, e.statusOf(m))
		}
	}
	slices.SortFunc(out, func(a, b JobStatus) int { return strings.Compare(a.Unit, b.Unit) })
	return out
}

// InstanceName is the unit of the instance of a job that env names, whether it
// exists or not.
func (e *Engine) InstanceName(name string, env []string) (string, *Refusal) {
	n := e.node(name)
	if n == nil {
		return "", refuse("UnknownJob", "Unknown job: %s", name)
	}
	if !e.isClass(n) {
		return n.def.Name, nil
	}
	unitName, _, no := e.instanceName(n, env)
	return unitName, no
}

// JobEnv is what a process of the unit would get besides the manager's own
// environment.
func (e *Engine) JobEnv(name string) ([]string, bool) {
	n := e.node(name)
	if n == nil {
		return nil, false
	}
	return slices.Clone(e.jobEnv(n)), true
}

// JobUnset are the variables that were taken from an instance.
func (e *Engine) JobUnset(name string) []string {
	if n := e.node(name); n != nil && n.ev != nil {
		return n.ev.UnsetEnv
	}
	return nil
}

// Terms runs over all operands of the expressions of all units, each with the
// unit's definition, in the order of the units' ids.
func (e *Engine) Terms(yield func(u *unit.Unit, t *unit.Term)) {
	for _, n := range e.nodes {
		if n == nil || n.def.Events == nil || n.ev != nil && n.ev.Class != 0 {
			continue
		}
		for _, x := range [...]unit.Expr{n.def.Events.StartOn, n.def.Events.StopOn} {
			for i := range x {
				if x[i].Op == unit.OpEvent {
					yield(n.def, &x[i])
				}
			}
		}
	}
}

// IsInstance tells whether a unit is an instance of a job.
func (e *Engine) IsInstance(name string) bool {
	n := e.node(name)
	return n != nil && n.ev != nil && n.ev.Class != 0
}

// Hears tells whether any unit waits for events of this name.
func (e *Engine) Hears(name string) bool { return e.ears.byEvent[name] != nil }

// Watching tells whether Emitted is on.
func (e *Engine) Watching() bool { return e.watching }

// OpenEvent is an event that has not completed; Waits are the units that hold it.
type OpenEvent struct {
	ID    uint64
	Name  string
	Env   []string
	Waits []string
}

// OpenEvents returns the events that have not completed, oldest first.
func (e *Engine) OpenEvents() []OpenEvent {
	var out []OpenEvent
	at := map[uint64]int{}
	for i, v := range e.heldEvents() {
		out = append(out, OpenEvent{ID: v.ID, Name: v.Name, Env: v.Env})
		at[v.ID] = i
	}
	for _, n := range e.nodes {
		if n == nil || n.ev == nil || len(out) == 0 {
			continue
		}
		for _, id := range e.holding(n) {
			if i, ok := at[id]; ok {
				out[i].Waits = append(out[i].Waits, n.def.Name)
			}
		}
	}
	return out
}

// holding are the events that n holds.
func (e *Engine) holding(n *node) []uint64 {
	var ids []uint64
	for _, h := range n.ev.Holds {
		ids = append(ids, h.Event)
	}
	for _, latches := range [...][]latch{n.ev.Start, n.ev.Stop} {
		for i := range latches {
			ids = append(ids, latches[i].Held)
		}
	}
	return ids
}

func (e *Engine) statusOf(n *node) JobStatus {
	st := JobStatus{Unit: n.def.Name, Class: e.isClass(n), Goal: "stop", State: "waiting"}
	st.Job, st.Instance = jobOf(n)
	if e.goalUp(n) {
		st.Goal = "start"
	}
	s := n.service
	if s == nil {
		switch {
		case up(n.view.Active):
			st.State = "running"
		case n.view.Active == Activating:
			st.State = "starting"
		case n.view.Active == Deactivating:
			st.State = "stopping"
		}
		return st
	}
	st.State = s.State.upstart()
	if s.Main.Pid != 0 {
		st.Processes = append(st.Processes, JobProcess{"main", s.Main.Pid})
	}
	if s.Control.Pid != 0 {
		st.Processes = append(st.Processes, JobProcess{e.controlName(n), s.Control.Pid})
	}
	st.Notes = e.notes(n)
	if st.Failed = s.Result != resSuccess && s.Result != resCondition; st.Failed {
		st.FailStatus = failStatus(s.Blame)
	}
	return st
}

// failStatus is the argument of the signal Failed: an exit status, a signal in
// the next byte, or -1.
func failStatus(b blame) int32 {
	switch b.Code {
	case codeExited:
		return int32(b.Status)
	case codeKilled, codeDumped:
		return int32(b.Status) << 8
	}
	return -1
}

// controlName names the control process as initctl does.
func (e *Engine) controlName(n *node) string {
	d, i := n.serviceDef(), int(n.service.Control.Index)
	if i >= 0 && i < len(d.Commands) {
		return processName(d.Commands[i].Phase)
	}
	return "main"
}

// notes are what was seen of the present run and is worth knowing.
func (e *Engine) notes(n *node) []string {
	x := n.ev
	if x == nil {
		return nil
	}
	notes := slices.Clone(x.Notes)
	if b := e.brokenOf(n); b != nil && b.LoadErr != nil {
		notes = append(notes, "its file has an error, so it goes on with what it was: "+b.LoadErr.String())
	}
	if n.service != nil && n.view.NRestarts > 0 {
		text := "respawned " + times(n.view.NRestarts)
		if x.LastRespawn > 0 {
			text += ", the last time " + ago(e.now-x.LastRespawn)
		}
		notes = append(notes, text)
	}
	return notes
}

func times(n uint32) string {
	if n == 1 {
		return "once"
	}
	return itoa(int64(n)) + " times"
}

// ago is coarse on purpose: the engine's clock stands still between inputs.
func ago(d Time) string {
	if d < Time(time.Second) {
		return "just now"
	}
	return time.Duration(d).Round(time.Second).String() + " ago"
}

// upstart is the state in the words of init(5).
func (s serviceState) upstart() string {
	switch s {
	case svcStarting:
		return "starting"
	case svcCondition, svcStartPre:
		return "pre-start"
	case svcStart:
		return "spawned"
	case svcStartPost:
		return "post-start"
	case svcRunning, svcExited, svcReload, svcReloadSignal, svcReloadNotify:
		return "running"
	case svcPreStop:
		return "pre-stop"
	case svcStopping:
		return "stopping"
	case svcStop, svcStopWatchdog, svcStopSigterm, svcStopSigkill:
		return "killed"
	case svcStopPost, svcFinalWatchdog, svcFinalSigterm, svcFinalSigkill:
		return "post-stop"
	case svcDead, svcDeadPinned, svcFailed, svcDeadBeforeRestart, svcFailedBeforeRestart, svcAutoRestart, svcAutoRestartQueued:
	}
	return "waiting"
}
