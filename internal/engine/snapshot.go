// SPDX-License-Identifier: Apache-2.0

package engine

import "github.com/rouse-init/rouse/internal/unit"

// State is the whole state of an engine as plain data: exported structs,
// slices, strings and numbers, without maps, interfaces or functions. Package
// statelog encodes it.
type State struct {
	Gen, Late      uint64
	LastJob        uint32
	Down, Finished bool
	Nodes          []NodeState // by rising ID
	Free           []int32     // ids that are free, in the order of their reuse
	Events         []event     // by rising ID
	Watching       bool
	Held           uint64
	HeldAt         Time
	Room           roomState
	Memory         memoryState
}

// NodeState is one unit in a State.
type NodeState struct {
	ID      int32
	Def     *unit.Unit
	Aliases []string // the aliases that were accepted
	View    View     // without its Unit, which is Def
	Edges   []edge
	Job     *job
	Auto    *rateLimit
	Flag    nodeFlags
	Service *service
	Socket  *socket
	Ev      *eventful
	Why     []Cause
}

// State returns the engine's state. It shares memory with the engine: encode
// it before the next Step.
func (e *Engine) State() *State {
	e.mustBeWhole()
	s := &State{
		Gen: e.gen, Late: e.late, LastJob: e.jobs.last, Down: e.down, Finished: e.finished,
		Nodes: make([]NodeState, 0, len(e.nodes)-len(e.free)), Free: e.free,
	}
	s.Watching, s.Held, s.HeldAt, s.Room, s.Memory = e.watching, e.held, e.heldAt, e.room, e.mem
	for _, v := range e.heldEvents() {
		s.Events = append(s.Events, *v)
	}
	for _, n := range e.nodes {
		if n == nil {
			continue
		}
		ns := NodeState{
			ID: n.id, Def: n.def, View: n.view, Edges: n.edges, Job: n.job, Auto: n.auto,
			Flag: n.flag, Service: n.service, Socket: n.socket, Ev: n.ev, Why: n.why,
		}
		ns.View.Unit = nil
		for _, a := range n.def.Aliases {
			if id, ok := e.byName[a]; ok && id == n.id {
				ns.Aliases = append(ns.Aliases, a)
			}
		}
		s.Nodes = append(s.Nodes, ns)
	}
	return s
}

// Restore makes the engine that s was taken from: the same inputs lead to the
// same effects. It takes s over.
func Restore(cfg Config, s *State) *Engine {
	e := New(cfg)
	e.gen, e.late, e.jobs.last = s.Gen, s.Late, s.LastJob
	e.down, e.finished, e.free = s.Down, s.Finished, s.Free
	e.room, e.mem = s.Room, s.Memory
	e.nodes = make([]*node, len(s.Nodes)+len(s.Free))
	for i := range s.Nodes {
		ns := &s.Nodes[i]
		n := &node{
			id: ns.ID, def: ns.Def, view: ns.View, edges: ns.Edges, job: ns.Job, auto: ns.Auto,
			flag: ns.Flag, service: ns.Service, socket: ns.Socket, ev: ns.Ev, why: ns.Why,
		}
		n.view.Unit = n.def
		for k := range n.edges {
			n.rels |= of(n.edges[k].Rel)
		}
		e.nodes[n.id] = n
		e.byName[n.def.Name] = n.id
		for _, a := range ns.Aliases {
			e.byName[a] = n.id
		}
		if n.job != nil {
			if e.jobs.byID == nil {
				e.jobs.byID = map[uint32]*job{}
			}
			e.jobs.byID[n.job.ID] = n.job
		}
	}
	e.restoreKinds()
	e.restoreEvents(s)
	return e
}
