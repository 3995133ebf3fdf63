// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// The pauses between two tries to make room while somebody waits. Most that
// makes room tells of itself; the rest, the end of X-IdleMinUpSec= or a
// connection that falls silent, is looked for.
const (
	firstRoomTry = Time(10 * time.Millisecond)
	lastRoomTry  = Time(500 * time.Millisecond)
)

// quietEnough is how long no byte must have moved on the open connections of a
// service that is put to sleep before its time: a tenth of X-IdleSec=, and a
// second where that is longer.
func quietEnough(x *idle) Time { return min(x.Sec, max(x.Sec/10, Time(time.Second))) }

// silence is how long no byte must have moved on open connections for the sleep
// that a service is on its way to.
func (x *idle) silence() Time {
	if x.Evicted != "" {
		return quietEnough(x)
	}
	return x.Sec
}

// shortage is how many seats those who wait lack in one room, beside those that
// are about to be left.
type shortage struct {
	room *room
	want int
}

// shortages lists the rooms with a shortage, in the order in which they are
// found by those who wait.
func (e *Engine) shortages() []shortage {
	var all []shortage
	for _, id := range e.waiters {
		e.roomsOf(e.behind(e.nodes[id]), func(r *room) {
			if r.max == 0 {
				return
			}
			for i := range all {
				if all[i].room == r {
					all[i].want++
					return
				}
			}
			all = append(all, shortage{r, 1})
		})
	}
	short := all[:0]
	for _, s := range all {
		// Where a person has started more than there may be, those go first.
		s.want += len(s.room.seats.ids) - s.room.max - e.leaving(s.room)
		if s.want > 0 {
			short = append(short, s)
		}
	}
	return e.memoryShortages(short)
}

// leaving counts those in the room that are on their way to sleep or to stop.
func (e *Engine) leaving(r *room) int {
	k := 0
	for _, id := range r.seats.ids {
		if e.anyBound(e.nodes[id], goes) {
			k++
		}
	}
	return k
}

// goes tells whether a service is on its way to sleep or to stop.
func goes(n *node) bool {
	s := n.service
	if s == nil {
		return false
	}
	x := s.Idle
	return s.State.stopping() || x != nil && x.Phase >= idleFreezing && x.Phase <= idleHolding && !x.Held
}

// anyBound tells whether f holds for n, or for one of those that it is bound with
// and sleeps with.
func (e *Engine) anyBound(n *node, f func(*node) bool) bool {
	return f(n) || n.service != nil && n.service.Idle != nil && n.service.Idle.Group && slices.ContainsFunc(e.boundWith(n), f)
}

// mayEvict tells whether the service may be put to sleep now, if nobody uses it.
// There is no time to ask a command that judges it.
func (e *Engine) mayEvict(n *node) bool {
	s := n.service
	if s == nil || s.State != svcRunning || n.job != nil || e.inhibited(n) {
		return false
	}
	x := s.Idle
	return x != nil && x.Sec != 0 && x.Phase == idleAwake && !hasJudge(n) && !(x.Group && e.kept(n)) && max(x.Retry, e.upFor(n)) <= e.now
}

// yielding are those who go to sleep so that n leaves its seat: n itself, or the
// bridges in front of it, with which it sleeps. Nil: that may not be now.
func (e *Engine) yielding(n *node) (all []*node) {
	if e.mayEvict(n) {
		return []*node{n}
	}
	s := n.service
	if s == nil || s.State != svcRunning || s.Idle == nil || !s.Idle.Group || s.Idle.Phase != idleAwake || n.job != nil || n.view.Inhibited || hasJudge(n) {
		return nil
	}
	for m := range e.each(n, neededBy) {
		switch {
		case m.def.Kind != unit.KindService || resting(m):
		case !e.related(n, boundTo, m) || !e.mayEvict(m):
			return nil
		default:
			all = append(all, m)
		}
	}
	return all
}

// makeRoom has the candidates of every room with a shortage looked at, all in
// one order. Which of them go is decided by what that finds.
func (e *Engine) makeRoom() {
	e.relieve()
	if len(e.waiters) == 0 && !e.mem.Relief {
		if e.room.Timer != 0 {
			e.emit(DisarmTimer{Timer: TimerRoom})
		}
		e.room = roomState{}
		return
	}
	if e.room.Look == 0 {
		e.lookForRoom()
	}
	if len(e.waiters) > 0 {
		e.armRoom()
	}
}

func (e *Engine) lookForRoom() {
	var f CountConnections
	for _, s := range e.shortages() {
		for _, id := range s.room.seats.sorted() {
			for _, n := range e.yielding(e.nodes[id]) {
				if f.Token.Gen != 0 && n.service.Idle.Gen == f.Token.Gen {
					continue
				}
				if f.Token.Gen == 0 {
					f.Token = e.order(n.def.Name)
					e.room.Look = f.Token.Gen
				}
				n.service.Idle.Gen = f.Token.Gen
				n.service.Idle.subjects(n, &f)
			}
		}
	}
	if f.Token.Gen != 0 {
		e.emit(f)
	}
}

// armRoom plans the next try, more and more rarely.
func (e *Engine) armRoom() {
	if e.room.Timer != 0 && (e.room.Pause != 0 || e.room.At <= e.now+firstRoomTry) {
		return
	}
	e.room.Pause = min(max(2*e.room.Pause, firstRoomTry), lastRoomTry)
	t := e.order("")
	e.room.Timer, e.room.At = t.Gen, e.now+e.room.Pause
	e.emit(ArmTimer{Token: t, Timer: TimerRoom, At: e.room.At})
}

// roomTime: the next try. A look that has not been answered is given up: its
// unit may have been forgotten.
func (e *Engine) roomTime(in TimerFired) {
	if in.Token.Gen == 0 || in.Token.Gen != e.room.Timer {
		e.late++
		return
	}
	e.room = roomState{Pause: e.room.Pause, Ended: e.room.Ended}
	e.tryRoom()
}

// connectionEnded has those looked at who wait. Thousands of connections may end
// in a second, and each look asks the kernel for all of them.
func (e *Engine) connectionEnded() {
	switch {
	case len(e.waiters) == 0 && !e.mem.Relief:
	case e.now >= e.room.Ended+firstRoomTry:
		e.room.Ended = e.now
		e.tryRoom()
	default:
		e.room.Pause = 0
		e.armRoom()
	}
}

// seen notes what a look at an awake service tells about its use.
func (e *Engine) seen(n *node, c *Count) {
	x := n.service.Idle
	quiet := c.Queued == 0 && !c.Traffic && !x.owes(*c) && (c.Open == 0 || x.Action == unit.IdleFreeze && c.Silence >= quietEnough(x))
	switch {
	case c.Queued > 0, c.Traffic, c.Open > 0 && x.Action == unit.IdleStop:
		x.Used = e.now
	case c.Open > 0:
		x.Used = max(x.Used, e.now-c.Silence)
	}
	if c.CPU >= 0 {
		// Without a look before this one it cannot be told whether it works.
		quiet = quiet && x.CPUAt != 0 && !e.works(n, c.CPU)
	}
	quiet = quiet && !e.unseen(n, *c)
	x.QuietAt = 0
	if quiet {
		x.QuietAt = e.now
	}
}

// lastUse is when somebody used the service last, as far as is known.
func lastUse(n *node) Time {
	x := n.service.Idle
	return max(x.Used, x.Depth.Woken, n.view.ActiveEnter)
}

// evict puts those to sleep that a look has found without use, least recently
// used first, as many as are needed.
func (e *Engine) evict(look uint64) {
	if e.room.Look == 0 || e.room.Look != look {
		return
	}
	e.room.Look = 0
	some := false
	for e.evictOne() {
		some = true
	}
	e.mem.Relief = e.mem.Relief && some // else there is nobody who could make room
}

func (e *Engine) evictOne() bool {
	for _, s := range e.shortages() {
		var best []*node
		var used Time
		var of int32
		for _, id := range s.room.seats.ids {
			all := e.yielding(e.nodes[id])
			if len(all) == 0 || slices.ContainsFunc(all, func(n *node) bool { return n.service.Idle.QuietAt != e.now }) {
				continue
			}
			last := Time(0)
			for _, n := range all {
				last = max(last, lastUse(n))
			}
			if best == nil || last < used || last == used && id < of {
				best, used, of = all, last, id
			}
		}
		for _, n := range best {
			x := n.service.Idle
			x.Evicted = s.room.slice
			e.freeze(n)
			x.Phase = idleFreezing
		}
		if best != nil {
			return true
		}
	}
	return false
}
