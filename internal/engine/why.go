// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// trace keeps the chain of causes of n in step with View.Cause: what n did by
// itself is the beginning of a new chain.
func (e *Engine) trace(n *node) {
	c := n.view.Cause
	if c == "" || len(n.why) > 0 && n.why[0].What == c {
		return
	}
	n.why = e.chain(c, n.def.Name, nil)
}

// Why explains a unit's state; ok is false where there is no such unit.
func (e *Engine) Why(name string) (x Explanation, ok bool) {
	n := e.node(name)
	if n == nil {
		return x, false
	}
	x = Explanation{
		Unit: n.def.Name, Active: n.view.Active.String(), Sub: n.view.Sub, Goal: "down",
		Since: n.view.StateChange, Causes: n.why, Failure: n.view.Failure, Notes: e.notes(n),
	}
	if e.goalUp(n) {
		x.Goal = "up"
	}
	x.Waits, x.Sleep = e.waits(n), e.sleepOf(n)
	if v := n.def.Events; v != nil {
		var start, stop []latch
		if n.ev != nil {
			start, stop = n.ev.Start, n.ev.Stop
			if n.ev.Class != 0 {
				if c := e.nodes[n.ev.Class-1]; c != nil && c.ev != nil {
					start = c.ev.Start
				}
			}
		}
		x.StartOn, x.StopOn = exprState(start, v.StartOn), exprState(stop, v.StopOn)
	}
	x.Needs = e.needsOf(n)
	if n.view.Load != unit.Loaded && n.def.LoadErr != nil {
		x.Notes = append(x.Notes, "not loaded: "+n.def.LoadErr.String())
	}
	return x, true
}

// waits says what n waits for now.
func (e *Engine) waits(n *node) []string {
	var out []string
	if s := n.service; s != nil {
		if s.Gate != 0 && (s.State == svcStarting || s.State == svcStopping) {
			if v := e.events[s.Gate]; v != nil {
				out = append(out, "the event "+v.words()+" to complete: "+e.whyGate(v, n))
			}
		}
		out = append(out, e.waitsForProcess(n)...)
		if s.Waking && n.job == nil {
			out = append(out, e.thawing(n)+" to be thawed")
		}
	}
	if n.job != nil && !n.job.Running {
		out = append(out, e.whyWaiting(n))
	}
	if w := e.roomWords(n); w != "" {
		out = append(out, w)
	}
	if v := n.def.Events; v != nil && !e.goalUp(n) && n.job == nil && n.ev != nil && len(v.StartOn) > 0 {
		for i := range n.ev.Start {
			if n.ev.Start[i].True {
				out = append(out, "the rest of its start condition")
				break
			}
		}
	}
	return out
}

// whyGate is whyHeld without going in a circle.
func (e *Engine) whyGate(v *event, self *node) string {
	for _, n := range e.nodes {
		if n == nil || n.ev == nil || n == self {
			continue
		}
		for _, h := range n.ev.Holds {
			if h.Event == v.ID {
				st := e.statusOf(n)
				return title(n) + " is " + st.Goal + "/" + st.State
			}
		}
		if n.def.Events == nil {
			continue
		}
		if w := heldBy(nil, n, "start", n.ev.Start, n.def.Events.StartOn, v.ID); len(w) > 0 {
			return w[0]
		}
		if w := heldBy(nil, n, "stop", n.ev.Stop, n.def.Events.StopOn, v.ID); len(w) > 0 {
			return w[0]
		}
	}
	return "somebody reacts to it"
}

// waitsForProcess says what a running step waits for.
func (e *Engine) waitsForProcess(n *node) []string {
	s, d := n.service, n.serviceDef()
	if s.Control.Pid != 0 {
		return []string{"its " + e.controlName(n) + " process " + itoa(int64(s.Control.Pid)) + " to end"}
	}
	switch s.State { //nolint:exhaustive // in the others nothing is waited for
	case svcStart:
		return []string{readinessWords(n, d)}
	case svcStopSigterm, svcStopSigkill, svcStopWatchdog:
		if s.Main.Pid != 0 {
			return []string{"process " + itoa(int64(s.Main.Pid)) + " to end, after signal " + signalName(signalOf(&d.Kill, s.State, false))}
		}
		return []string{"its processes to end"}
	case svcAutoRestart:
		if left := s.Timer.At - e.now; left > 0 {
			return []string{"the pause before its restart, " + time.Duration(left).Round(time.Millisecond).String()}
		}
	}
	return nil
}

// readinessWords says what makes the service ready.
func readinessWords(n *node, d *unit.Service) string {
	seen := uint8(0)
	if n.ev != nil {
		seen = n.ev.Forks
	}
	if d.Job != nil {
		switch d.Job.Expect {
		case unit.ExpectFork, unit.ExpectDaemon:
			return "its main process to fork (" + itoa(int64(d.Job.Expect.Forks())) + " expected, " + itoa(int64(seen)) + " seen)"
		case unit.ExpectStop:
			return "its main process to raise SIGSTOP"
		case unit.ExpectListen:
			return "its main process to call listen()"
		case unit.ExpectNone:
		}
	}
	switch d.Type {
	case unit.TypeNotify, unit.TypeNotifyReload:
		return "READY=1"
	case unit.TypeDBus:
		return "the name " + d.BusName + " on the bus"
	case unit.TypeOneshot:
		return "its command to end"
	case unit.TypeSimple, unit.TypeExec, unit.TypeForking, unit.TypeIdle:
	}
	return "its process to start"
}

// needsOf lists what n cannot start without, and what its queued start is
// ordered after.
func (e *Engine) needsOf(n *node) []Need {
	var out []Need
	for i := range n.edges {
		x := &n.edges[i]
		m := e.nodes[x.Peer]
		switch x.Rel { //nolint:exhaustive // the others need nothing
		case Relation(unit.Requires), Relation(unit.BindsTo), Relation(unit.Requisite):
			out = append(out, Need{Unit: m.def.Name, Why: x.Rel.String() + "=", Active: m.view.Active.String()})
		case After:
			if m.job != nil && n.job != nil {
				out = append(out, Need{Unit: m.def.Name, Why: "After=", Active: m.view.Active.String()})
			}
		}
	}
	return out
}

// exprState is the tree of an expression with what has come true of it.
func exprState(latches []latch, x unit.Expr) *ExprState {
	var stack []*ExprState
	for i := range x {
		t := &x[i]
		if t.Op == unit.OpEvent {
			s := &ExprState{Op: "event", Text: termWords(t), Pos: t.Pos.String()}
			if i < len(latches) && latches[i].True {
				l := &latches[i]
				s.True, s.At, s.By = true, l.At, eventWords(l.Name, l.Env)
			}
			stack = append(stack, s)
			continue
		}
		if len(stack) < 2 {
			return nil
		}
		a, b := stack[len(stack)-2], stack[len(stack)-1]
		s := &ExprState{Op: "and", True: a.True && b.True}
		if t.Op == unit.OpOr {
			s.Op, s.True = "or", a.True || b.True
		}
		for _, sub := range []*ExprState{a, b} {
			if sub.Op == s.Op && sub == a { // "a and b and c" is one level
				s.Sub = append(s.Sub, sub.Sub...)
			} else {
				s.Sub = append(s.Sub, sub)
			}
		}
		stack = append(stack[:len(stack)-2], s)
	}
	if len(stack) != 1 {
		return nil
	}
	return stack[0]
}
