// SPDX-License-Identifier: Apache-2.0

package engine

import "github.com/rouse-init/rouse/internal/unit"

// plan fills the transaction with the anchor and all that it brings along.
func (e *Engine) plan(n *node, v Verb) *Refusal {
	t := &e.tx
	if _, why := e.add(n, v, -1, 0, true, false); why != nil {
		return why
	}
	deep := t.mode != unit.ModeIgnoreDependencies && t.mode != unit.ModeIgnoreRequirements
	for i := 0; deep && i < len(t.jobs); i++ {
		e.expand(int32(i))
	}
	if why := e.judgeFailures(); why != nil {
		return why
	}
	if deep {
		e.expandGently()
	}
	switch t.mode {
	case unit.ModeIsolate:
		e.addIsolate()
	case unit.ModeTriggering:
		e.addTriggering(n)
	case unit.ModeReplace, unit.ModeFail, unit.ModeReplaceIrreversibly, unit.ModeFlush,
		unit.ModeIgnoreDependencies, unit.ModeIgnoreRequirements, unit.ModeRestartDependencies:
	}
	return nil
}

// expand adds what job i brings along. A start of what is up and a stop of what
// is down will be dropped as redundant, and what they bring with them; so that is
// not looked at, and a knock costs no walk through half of the system. That is
// not so when isolating, where every unit of the transaction is one that stays.
func (e *Engine) expand(i int32) {
	j := e.tx.jobs[i]
	n := e.nodes[j.node]
	if n.rels&bringing == 0 || i != 0 && e.tx.mode != unit.ModeIsolate && e.idle(&j) {
		return
	}
	positive := j.verb == Start || j.verb == Restart
	negative := stops(j.verb) || j.verb == Start && i == 0 && e.tx.mode == unit.ModeRestartDependencies
	for k := range n.edges {
		r := n.edges[k].Rel
		m := e.nodes[n.edges[k].Peer]
		if positive {
			switch {
			case pullsStart.has(r):
				e.bring(m, Start, i, r, true, false)
			case pullsWeakly.has(r):
				e.bring(m, Start, i, r, false, false)
			case pullsVerify.has(r):
				e.bring(m, VerifyActive, i, r, true, false)
			case pullsStop.has(r):
				e.bring(m, Stop, i, r, true, true)
			case stopsWeakly.has(r):
				e.bring(m, Stop, i, r, false, false)
			}
		}
		switch {
		case negative && passesStop.has(r) && j.verb == Stop:
			e.bring(m, Stop, i, r, true, false)
		case negative && passesStop.has(r):
			if v := collapse(TryRestart, m.view.Active, false); v != Nop {
				e.bring(m, v, i, r, true, false)
			}
		case j.verb == Reload && passesReload.has(r) && !falling(m.view.Active):
			e.bring(m, Reload, i, r, false, false)
		}
	}
}

// bring adds one job that job by brings along.
func (e *Engine) bring(m *node, v Verb, by int32, r Relation, matters, conflicts bool) {
	if _, why := e.add(m, v, by, r, matters, conflicts); why != nil && matters {
		e.tx.failed = append(e.tx.failed, txFailure{by: by, why: why})
	}
}

// judgeFailures finds out whether the anchor can do without the jobs that could
// not be added. A job that is only wanted takes the fault no further, and stays
// itself: systemd starts a wanted unit whose own requirements are missing.
func (e *Engine) judgeFailures() *Refusal {
	t := &e.tx
	for _, f := range t.failed {
		stack := append(t.todo[:0], f.by)
		for len(stack) > 0 {
			i := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if i == 0 {
				return f.why
			}
			if t.jobs[i].failed {
				continue
			}
			t.jobs[i].failed = true
			for l := t.jobs[i].broughtBy; l >= 0; l = t.links[l].nextHolder {
				if t.links[l].matters {
					stack = append(stack, t.links[l].subject)
				}
			}
		}
		t.todo = stack[:0]
	}
	return nil
}

// expandGently follows PropagatesStopTo= once all other jobs are known: what
// is to start anyway is restarted, all else stops.
func (e *Engine) expandGently() {
	t := &e.tx
	for i := 0; i < len(t.jobs); i++ {
		known := len(t.jobs)
		j := t.jobs[i]
		if n := e.nodes[j.node]; stops(j.verb) && n.rels&passesGently != 0 && (i == 0 || !e.idle(&j)) {
			for k := range n.edges {
				m := e.nodes[n.edges[k].Peer]
				if !passesGently.has(n.edges[k].Rel) {
					continue
				}
				v := Stop
				if e.find(m, Start) >= 0 || e.find(m, Restart) >= 0 {
					v = collapse(TryRestart, m.view.Active, false)
				}
				if v != Nop {
					e.bring(m, v, int32(i), PropagatesStopTo, true, false)
				}
			}
		}
		for k := known; k < len(t.jobs); k++ {
			e.expand(int32(k))
		}
	}
}

// addIsolate stops every unit that the transaction does not mention.
func (e *Engine) addIsolate() {
	for _, n := range e.nodes {
		if n == nil || n.def.IgnoreOnIsolate || n.def.Perpetual || e.has(n) || dead(n.view.Active) && n.job == nil {
			continue
		}
		stays := false
		for m := range e.each(n, triggeredBy) {
			stays = stays || e.has(m)
		}
		if !stays {
			e.bring(n, Stop, 0, 0, true, false)
		}
	}
}

// addTriggering stops the units that could start n again.
func (e *Engine) addTriggering(n *node) {
	for m := range e.each(n, triggeredBy) {
		if !e.has(m) && !(dead(m.view.Active) && m.job == nil) {
			e.bring(m, Stop, 0, TriggeredBy, true, false)
		}
	}
}
