// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

// goalUp is the goal of a unit as Upstart means it: its queued job says where
// it is going, and without one its state.
func (e *Engine) goalUp(n *node) bool {
	if n.job != nil {
		return n.job.Type != Stop
	}
	if s := n.service; s != nil {
		switch {
		case s.State.starting(), s.State.up(), s.State == svcAutoRestart, s.State == svcAutoRestartQueued:
			return !s.StopAfter || s.Respawning
		case s.State == svcPreStop:
			return true // what asked for the stop was taken back
		}
		return s.State.stopping() && s.Respawning
	}
	return rising(n.view.Active)
}

// startBy starts n, or an instance of n, because its expression has come true.
// It takes over what the expression held.
func (e *Engine) startBy(class *node, t trigger, held []uint64) {
	n, no := e.instance(class, t.Env)
	if no != nil {
		e.record(RecordWarning, class, "its start condition has come true (%s), but it cannot be started: %s", strings.Join(t.Names, " "), no.Msg)
		e.unholdAll(held, false)
		return
	}
	if e.goalUp(n) {
		x := n.eventful()
		for _, s := range t.Sources {
			if !slices.Contains(x.Missed, s) {
				x.Missed = append(x.Missed, s)
			}
		}
		e.unholdAll(held, false)
		e.wakeFor(n, "its start condition has come true again")
		return
	}
	if e.tooFast(n) || e.down && n.eventful().Last {
		e.unholdAll(held, true)
		return
	}
	x := n.eventful()
	x.Next, x.HasNext, x.Last = t, true, e.down
	verb := Start
	if n.job != nil && n.job.Type == Stop && !n.job.Running && up(n.view.Active) {
		verb = Restart // the same event has just asked for the stop
	}
	if !e.aim(n, verb, t, held) {
		x.HasNext = false
	}
}

// stopBy stops n because its expression has come true.
func (e *Engine) stopBy(n *node, t trigger, held []uint64) {
	if e.tooFast(n) {
		e.unholdAll(held, true)
		return
	}
	x := n.eventful()
	x.StopEnv, x.StopNames = t.Env, t.Names
	e.aim(n, Stop, t, held)
}

// aim queues the job that an expression asks for. The events that it held wait
// for the end of the job, and no longer for what it replaces.
func (e *Engine) aim(n *node, v Verb, t trigger, held []uint64) bool {
	e.fulfil(n, nil)
	mode := unit.ModeReplace
	if e.last = e.down && v == Start; e.last {
		mode = unit.ModeIgnoreDependencies // it must do with what still runs
	}
	_, no := e.enqueue(n, v, mode, e.whatCame(t))
	e.last = false
	if no != nil {
		if !e.down {
			e.record(RecordWarning, n, "cannot %s it (%s): %s", v, strings.Join(t.Names, " "), no.Msg)
		}
		e.unholdAll(held, true)
		return false
	}
	for _, id := range held {
		n.ev.Holds = append(n.ev.Holds, hold{Event: id})
	}
	if n.job == nil {
		e.fulfil(n, nil)
	}
	return true
}

// whatCame is the cause of a job that an expression asks for.
func (e *Engine) whatCame(t trigger) string {
	if len(e.context) > 0 && len(t.Names) == 1 {
		return e.context[0].What
	}
	return "events " + strings.Join(t.Names, " and ")
}

// tooFast bounds what events may do to one unit at one moment, so that jobs
// which start and stop each other without any process cannot go round for ever.
func (e *Engine) tooFast(n *node) bool {
	const most = 32
	x := n.eventful()
	if x.BurstAt != e.now {
		x.BurstAt, x.Burst = e.now, 0
	}
	if x.Burst++; x.Burst <= most {
		return false
	}
	if x.Burst == most+1 {
		e.record(RecordError, n, "events start and stop it in a circle (%d times at one moment), leaving it as it is", most)
	}
	return true
}

func (e *Engine) unholdAll(held []uint64, failed bool) {
	for _, id := range held {
		e.unhold(id, failed)
	}
}

// sourcesUnused has sources armed again that nothing took.
func (e *Engine) sourcesUnused(sources []string) {
	for _, s := range sources {
		e.sourceDone(s)
	}
}

// fulfil ends the waiting for n's goal, which was reached or changed (nil), or
// missed.
func (e *Engine) fulfil(n *node, why *Refusal) {
	if n.ev == nil || len(n.ev.Holds) == 0 {
		return
	}
	holds := n.ev.Holds
	n.ev.Holds = nil
	for _, h := range holds {
		if h.Event != 0 {
			e.unhold(h.Event, why != nil)
			continue
		}
		e.emit(Reply{ID: h.Client, Unit: n.def.Name, Err: why})
	}
}

// reached is called when a job of n has ended.
func (e *Engine) reached(n *node, v Verb, r JobResult) {
	if n.ev == nil || len(n.ev.Holds) == 0 {
		return
	}
	switch {
	case r == JobDone && v == Stop && n.view.Active == Failed:
		e.fulfil(n, e.missed(n, "Job failed while stopping"))
	case r == JobDone, r == JobCanceled:
		e.fulfil(n, nil)
	case v == Stop:
		e.fulfil(n, e.missed(n, "Job failed while stopping"))
	default:
		e.fulfil(n, e.missed(n, "Job failed to start"))
	}
}

// missed says why a goal was not reached.
func (e *Engine) missed(n *node, what string) *Refusal {
	if n.view.Failure != "" {
		what += ": " + n.view.Failure
	}
	return refuse("JobFailed", "%s", what)
}

// isClass tells whether n stands for all instances of a job.
func (e *Engine) isClass(n *node) bool {
	return n.def.Service != nil && n.def.Service.Job != nil && n.def.Service.Job.Instance != "" && (n.ev == nil || n.ev.Class == 0)
}

// maxUnitName is the longest name that a unit can have (systemd.unit(5)).
const maxUnitName = 255

// instance finds or makes the unit that a start of the job with this
// environment means; of a job without instances that is the job's.
func (e *Engine) instance(class *node, env []string) (*node, *Refusal) {
	if !e.isClass(class) {
		return class, nil
	}
	name, text, no := e.instanceName(class, env)
	if no != nil {
		return nil, no
	}
	if n := e.node(name); n != nil && n.ev != nil && n.ev.Class == class.id+1 {
		return n, nil
	}
	n := e.adopt(instanceDef(class.def, name))
	e.joinClass(n, class, text)
	return n, nil
}

// instanceName expands the instance stanza.
func (e *Engine) instanceName(class *node, env []string) (name, text string, no *Refusal) {
	all := append([]string(nil), e.jobEnv(class)...)
	text, err := expand(class.def.Service.Job.Instance, append(all, env...))
	if err != nil {
		msg := err.Error()
		if usage := class.def.Service.Job.Usage; usage != "" {
			msg += "\nUsage: " + usage
		}
		return "", "", refuse("InvalidArgs", "%s", msg)
	}
	name = unit.InstanceOf(class.def.Name, unit.Escape(text))
	if len(name) > maxUnitName {
		return "", "", refuse("InvalidArgs", "Instance name too long")
	}
	return name, text, nil
}

// instanceDef is the definition of an instance: that of its class under
// another name. It is forgotten when it has ended, however it ended.
func instanceDef(class *unit.Unit, name string) *unit.Unit {
	u := *class
	u.Name, u.Aliases = name, nil
	u.CollectMode = unit.CollectInactiveOrFailed
	return &u
}

func (e *Engine) joinClass(n, class *node, text string) {
	x := n.eventful()
	x.Class, x.Instance = class.id+1, text
	c := class.eventful()
	c.Instances = insertID(c.Instances, n.id)
}

// leaveClass is called when n is forgotten.
func (e *Engine) leaveClass(n *node) {
	x := n.ev
	if x == nil {
		return
	}
	e.unlatch(x.Start)
	e.unlatch(x.Stop)
	e.fulfil(n, refuse("JobFailed", "The job is gone"))
	if x.Class != 0 {
		if c := e.nodes[x.Class-1]; c != nil && c.ev != nil {
			c.ev.Instances = removeID(c.ev.Instances, n.id)
			e.takeBroken(c)
		}
	}
}
