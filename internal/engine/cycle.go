// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

// orderWalk is the state of the search for cycles: a depth-first walk over the
// units that have jobs, from each to those whose jobs must wait for its own.
type orderWalk struct {
	marks []uint8 // by node id
	seen  []int32 // ids whose mark is not markNew
	path  []step
}

// step is one unit on the way.
type step struct {
	id    int32
	next  int32 // index of the edge to look at next
	fresh bool  // its job is of the transaction, not queued before
}

const (
	markNew  uint8 = iota
	markPath       // on the way that is being walked
	markDone       // leads into no ring
)

// breakCycles walks the jobs in the order in which they would run, those
// already queued among them. If a job would have to wait for itself, a unit on
// the ring that the anchor can do without is taken out; if there is none the
// transaction is refused.
//
// What was found to lead into no ring stays so when jobs are taken out, so each
// link is walked once, and the way back once for each ring.
func (e *Engine) breakCycles() *Refusal {
	t := &e.tx
	w := &t.walk
	if len(w.marks) < len(e.nodes) {
		w.marks = make([]uint8, max(len(e.nodes), 2*len(w.marks)))
	}
	var why *Refusal
	for i := 0; i < len(t.units) && why == nil; i++ {
		n := e.nodes[t.units[i]]
		for e.has(n) && w.marks[n.id] == markNew && e.between(n) && why == nil {
			why = e.walkFrom(n)
		}
	}
	for _, id := range w.seen {
		w.marks[id] = markNew
	}
	w.seen = w.seen[:0]
	return why
}

// orderVerb is the type of the job that n will have, false if it has none for
// which order counts.
func (e *Engine) orderVerb(n *node) (Verb, bool) {
	if i := e.firstJob(n); i >= 0 {
		v, free := e.tx.jobs[i].verb, e.tx.jobs[i].free
		for i = e.tx.jobs[i].next; i >= 0; i = e.tx.jobs[i].next {
			if m, ok := merge(v, e.tx.jobs[i].verb, n.view.Active); ok && !e.tx.jobs[i].gone {
				v = m
			}
		}
		return v, !free && e.tx.mode != unit.ModeIgnoreDependencies
	}
	if n.job == nil {
		return 0, false
	}
	return n.job.Type, !n.job.IgnoreOrder
}

// between tells whether some job must wait for n's and n's for some job: only
// then can n be on a ring. It keeps a start at boot from walking all the jobs
// that wait behind it.
func (e *Engine) between(n *node) bool {
	v, ok := e.orderVerb(n)
	if !ok {
		return false
	}
	var earlier, later bool
	for i := range n.edges {
		r := n.edges[i].Rel
		if r != Before && r != After {
			continue
		}
		o, ok := e.orderVerb(e.nodes[n.edges[i].Peer])
		if !ok {
			continue
		}
		if waitsFor(v, o, r == Before) {
			earlier = true
		} else {
			later = true
		}
		if earlier && later {
			return true
		}
	}
	return false
}

// walkFrom walks everything that must wait for n. It returns early, with n
// unmarked, when it has taken n itself out.
func (e *Engine) walkFrom(n *node) *Refusal {
	w := &e.tx.walk
	w.path = w.path[:0]
	e.stepTo(n)
	for len(w.path) > 0 {
		top := &w.path[len(w.path)-1]
		m := e.nodes[top.id]
		next := e.successor(m, top)
		switch {
		case next == nil:
			w.marks[top.id] = markDone
			w.path = w.path[:len(w.path)-1]
		case w.marks[next.id] == markNew:
			e.stepTo(next)
		case w.marks[next.id] == markPath:
			if why := e.breakRing(next.id); why != nil {
				return why
			}
		}
	}
	return nil
}

func (e *Engine) stepTo(n *node) {
	w := &e.tx.walk
	w.marks[n.id] = markPath
	w.seen = append(w.seen, n.id)
	w.path = append(w.path, step{id: n.id, fresh: e.has(n)})
}

// successor returns the next unit whose job must wait for m's.
func (e *Engine) successor(m *node, s *step) *node {
	v, ok := e.orderVerb(m)
	if !ok {
		return nil
	}
	for int(s.next) < len(m.edges) {
		x := &m.edges[s.next]
		s.next++
		if x.Rel != Before && x.Rel != After || e.tx.walk.marks[x.Peer] == markDone {
			continue
		}
		o := e.nodes[x.Peer]
		if ov, ok := e.orderVerb(o); ok && !waitsFor(v, ov, x.Rel == Before) {
			return o
		}
	}
	return nil
}

// breakRing takes a unit out of the ring that ends the present path and starts
// at id, going back from its end, and leaves the path where it is still whole.
// At the shutdown, where every unit must stop, it is taken out of the order only.
func (e *Engine) breakRing(id int32) *Refusal {
	t := &e.tx
	w := &t.walk
	victim := int32(-1)
	first := len(w.path) - 1
	for ; ; first-- {
		s := w.path[first]
		if victim < 0 && s.fresh && !e.mattersToAnchor(s.id) {
			victim = s.id
		}
		if s.id == id {
			break
		}
	}
	ring := e.ringText(first)
	if victim < 0 {
		e.record(RecordError, e.nodes[id], "unable to break the ordering cycle %s", ring)
		return refuse("TransactionOrderIsCyclic", "Transaction order is cyclic: %s.", ring)
	}
	n := e.nodes[victim]
	e.record(RecordWarning, e.nodes[id], "ordering cycle: %s", ring)
	if e.down {
		e.record(RecordWarning, n, "Job %s is run out of order to break ordering cycle starting with %s",
			e.jobText(victim), e.jobText(id))
		t.jobs[e.firstJob(n)].free = true
	} else {
		e.record(RecordError, n, "Job %s deleted to break ordering cycle starting with %s",
			e.jobText(victim), e.jobText(id))
		for i := e.firstJob(n); i >= 0; i = e.firstJob(n) {
			e.unlinkJob(i, true)
		}
	}
	cut := len(w.path)
	for i := range w.path {
		if s := &w.path[i]; s.fresh && (s.id == victim || !e.has(e.nodes[s.id])) {
			cut = i
			break
		}
	}
	for _, s := range w.path[cut:] {
		w.marks[s.id] = markNew
	}
	w.path = w.path[:cut]
	return nil
}

// ringText writes the ring as systemd does, each after the one that it waits
// for.
func (e *Engine) ringText(first int) string {
	w := &e.tx.walk
	var b strings.Builder
	b.WriteString(e.jobText(w.path[first].id))
	for i := len(w.path) - 1; i >= first; i-- {
		b.WriteString(" after ")
		b.WriteString(e.jobText(w.path[i].id))
	}
	return b.String()
}

func (e *Engine) jobText(id int32) string {
	n := e.nodes[id]
	v, _ := e.orderVerb(n)
	return n.def.Name + "/" + v.String()
}

// mattersToAnchor tells whether any of the unit's jobs does.
func (e *Engine) mattersToAnchor(id int32) bool {
	for i := e.nodes[id].tx - 1; i >= 0; i = e.tx.jobs[i].next {
		if j := &e.tx.jobs[i]; !j.gone && j.matters {
			return true
		}
	}
	return false
}
