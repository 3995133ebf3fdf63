// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"github.com/rouse-init/rouse/internal/unit"
)

// enlist makes n's expressions heard, after its definition has come. An
// instance is heard through its class, whose new definition it gets.
func (e *Engine) enlist(n *node) {
	s := n.def.Service
	if s != nil && s.Job != nil && s.Job.Instance != "" && (n.ev == nil || n.ev.Class == 0) {
		if class := unit.Split(n.def.Name); class.Instance != "" {
			class.Instance, class.At = "", false
			if c := e.node(class.String()); c != nil && e.isClass(c) {
				text, err := unit.Unescape(unit.Split(n.def.Name).Instance)
				if err == nil {
					e.joinClass(n, c, text)
					n.flag |= flagCollect
				}
			}
		}
	}
	if n.ev != nil && n.ev.Class != 0 {
		// However it was loaded, it is forgotten when it has ended.
		u := instanceDef(n.def, n.def.Name)
		n.def, n.view.Unit = u, u
		n.flag |= flagCollect
		return
	}
	e.listen(n, false)
	if n.ev == nil {
		return
	}
	for _, id := range n.ev.Instances {
		if m := e.nodes[id]; m != nil && n.def.Load == unit.Loaded {
			u := instanceDef(n.def, m.def.Name)
			e.newExpressions(m, u)
			e.redefine(m, u)
			e.changed(m)
		}
	}
}

// newExpressions forgets what has come true of expressions that are replaced
// by others.
func (e *Engine) newExpressions(n *node, u *unit.Unit) {
	if n.ev == nil || n.def == u {
		return
	}
	var old, next unit.Events
	if n.def.Events != nil {
		old = *n.def.Events
	}
	if u.Events != nil {
		next = *u.Events
	}
	if !sameExpr(old.StartOn, next.StartOn) {
		e.unlatch(n.ev.Start)
		n.ev.Start = nil
	}
	if !sameExpr(old.StopOn, next.StopOn) {
		e.unlatch(n.ev.Stop)
		n.ev.Stop = nil
	}
}

func sameExpr(a, b unit.Expr) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Op != b[i].Op || a[i].Op == unit.OpEvent && termWords(&a[i]) != termWords(&b[i]) {
			return false
		}
	}
	return true
}

// keepRunning is the definition that n gets. A job that runs, or has instances
// that do, while its file is broken goes on with the one that it has; what is
// in the file counts from its stop on.
func (e *Engine) keepRunning(n *node, u *unit.Unit) *unit.Unit {
	old := n.def
	if n.ev != nil {
		n.ev.Broken = nil
	}
	if u.Load == unit.Loaded || u.Load == unit.Masked || old == u || old.Service == nil || old.Service.Job == nil || old.Load != unit.Loaded {
		return u
	}
	runs := n.service != nil && !n.service.State.down() || n.ev != nil && len(n.ev.Instances) > 0
	if !runs {
		return u
	}
	n.eventful().Broken = u
	return old
}

// takeBroken gives n the definition of its broken file, now that it has
// stopped.
func (e *Engine) takeBroken(n *node) {
	if n.ev == nil || n.ev.Broken == nil || len(n.ev.Instances) > 0 {
		return
	}
	u := n.ev.Broken
	n.ev.Broken = nil
	e.listen(n, true)
	e.newExpressions(n, u)
	n.def, n.view.Unit, n.view.Load = u, u, u.Load
	e.listen(n, false)
	e.changed(n)
}

// deafen is called when n is forgotten.
func (e *Engine) deafen(n *node) {
	if n.ev == nil || n.ev.Class == 0 {
		e.listen(n, true)
	}
	e.leaveClass(n)
}

// restoreEvents rebuilds what is derived.
func (e *Engine) restoreEvents(s *State) {
	e.watching, e.held, e.heldAt = s.Watching, s.Held, s.HeldAt
	if len(s.Events) > 0 {
		e.events = make(map[uint64]*event, len(s.Events))
	}
	for i := range s.Events {
		e.events[s.Events[i].ID] = &s.Events[i]
	}
	for _, n := range e.nodes {
		if n != nil && (n.ev == nil || n.ev.Class == 0) {
			e.listen(n, false)
		}
	}
}
