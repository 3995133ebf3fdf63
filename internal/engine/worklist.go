// SPDX-License-Identifier: Apache-2.0

package engine

// worklist holds what is still to be done in this Step. It is empty between
// Steps: wishes spread through it to a fixed point, without recursion.
type worklist struct {
	reactions []reaction
	done      int // reactions[:done] are done
	run       []int32
	ran       int
	ending    []ending
	leaving   []int32 // sockets that are to be looked at, all in one order
}

// reaction is something that follows from a change of state.
type reaction struct {
	do          what
	node, other int32
	rels        atom
	ofJob       bool
	event       uint64
}

type what uint8

const (
	riseWith    what = iota // start and stop what belongs to an unexpected start
	fallWith                // stop what belongs to an unexpected end
	runHandlers             // start rels (OnFailure= or OnSuccess=) of node
	tellTrigger             // tell node, a socket, that other has changed
	recheck                 // what the manager does to a unit by itself
	regroup                 // put node, a service, to sleep or wake it as its group wants
	followIdle              // gather the idle policy of node, a service, anew
	hearEvent               // let everybody hear event
	endEvent                // complete event, if nothing holds it
)

// ending is a job that is about to end.
type ending struct {
	node   *node
	result JobResult
}

func (w *worklist) push(r reaction) { w.reactions = append(w.reactions, r) }

// settle works the list off. Reactions go before jobs, so that a job that is
// about to be cancelled does not run first.
func (e *Engine) settle() {
	w := &e.work
	for {
		switch {
		case e.roomsStale: // first: what follows takes and leaves seats
			e.rebuildRooms()
			e.tryRoom()
		case w.done < len(w.reactions):
			r := w.reactions[w.done]
			w.done++
			switch r.do {
			case hearEvent:
				e.hearEvent(r.event)
			case endEvent:
				e.endEvent(r.event)
			default:
				if n := e.nodes[r.node]; n != nil {
					e.react(n, r)
				}
			}
		case w.ran < len(w.run):
			n := e.nodes[w.run[w.ran]]
			w.ran++
			if n != nil {
				e.run(n)
			}
		case len(w.leaving) > 0:
			e.lookAtLeaving()
		case e.roomDue: // last: a seat may have been left only to be taken again
			e.roomDue = false
			e.letIn()
		default:
			w.reactions, w.done = w.reactions[:0], 0
			w.run, w.ran = w.run[:0], 0
			return
		}
	}
}

func (e *Engine) react(n *node, r reaction) {
	switch r.do {
	case riseWith:
		e.riseWith(n)
	case fallWith:
		e.fallWith(n)
	case runHandlers:
		e.runHandlers(n, r.rels, r.ofJob)
	case tellTrigger:
		if svc := e.nodes[r.other]; svc != nil {
			e.triggeredChanged(n, svc)
		}
	case recheck:
		e.recheck(n)
	case regroup:
		e.regroup(n)
	case followIdle:
		e.followPolicy(n)
	case hearEvent, endEvent: // they concern no one unit
	}
}
