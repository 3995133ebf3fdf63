// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"

	"github.com/rouse-init/rouse/internal/unit"
)

// Config is what an engine is made with; it never changes.
type Config struct {
	// User is true for everything but the system manager: RefuseManual and
	// action rules of user managers apply.
	User bool
	// MinIdleLook is the shortest time between two looks at connections.
	MinIdleLook Time
	// DestroyEvents: ConnectionClosed is delivered, so that sleepless
	// candidates need not be looked at by timer while connections are open.
	DestroyEvents bool
}

// Engine holds the whole state of the manager.
type Engine struct {
	cfg Config
	now Time

	nodes  []*node          // by id; nil when forgotten
	free   []int32          // ids of forgotten nodes, reused last in first out
	byName map[string]int32 // names and aliases

	gen uint64 // of the last order
	out []Effect
	// late counts answers to orders that nobody waits for any more.
	late uint64

	jobs    jobTable
	work    worklist
	tx      transaction // scratch space of enqueue
	touched []int32     // nodes for which UnitChanged is due
	// down is set by AskedShutdown, and finished once Finished was emitted.
	down, finished bool
	stepping       bool // a Step runs, or has panicked

	room       roomState // of the search for room
	mem        memoryState
	kinds      // what the kinds keep for all units, embedded
	eventTable // what is known of events
}

// node is one unit and all that is known of its life.
type node struct {
	id   int32
	def  *unit.Unit
	view View // the part of the state that every kind has, and its visible part

	// What follows belongs to link.go, job.go and transaction.go.
	edges []edge
	rels  atom // a superset of the relations in edges
	job   *job
	auto  *rateLimit // of what the manager does to the unit by itself; nil: never did
	// tx is 1 + the index of the unit's entry in Engine.tx, 0 for none.
	tx   int32
	flag nodeFlags

	// ev is what the unit has to do with events, why how it came to its state.
	ev  *eventful
	why []Cause

	// What follows belongs to the kinds.
	service *service
	socket  *socket
}

// New makes an engine that knows no unit.
func New(cfg Config) *Engine {
	return &Engine{cfg: cfg, byName: map[string]int32{}, kinds: newKinds()}
}

// node finds a unit by its name or an alias; nil if it is not known.
func (e *Engine) node(name string) *node {
	if id, ok := e.byName[name]; ok {
		return e.nodes[id]
	}
	return nil
}

// order makes the token of a new order. Gens rise by one from order to order.
func (e *Engine) order(unit string) Token {
	e.gen++
	return Token{Unit: unit, Gen: e.gen}
}

// emit appends an order to those of this Step.
func (e *Engine) emit(f Effect) { e.out = append(e.out, f) }

// record appends a line for the log; n is nil for what concerns no unit.
func (e *Engine) record(level RecordLevel, n *node, format string, args ...any) {
	r := Record{Level: level, Msg: format}
	if len(args) > 0 {
		r.Msg = fmt.Sprintf(format, args...)
	}
	if n != nil {
		r.Unit = n.def.Name
	}
	e.emit(r)
}

// changed makes sure that this Step ends with one UnitChanged of n.
func (e *Engine) changed(n *node) {
	if n.flag&flagChanged == 0 {
		n.flag |= flagChanged
		e.touched = append(e.touched, n.id)
	}
}

// stopping tells whether AskedShutdown has come.
func (e *Engine) stopping() bool { return e.down }
