// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// memoryState is what X-RunningMemory= keeps between Steps. Memory is measured
// when somebody knocks, as long as somebody waits, and once after a wake; never
// else.
type memoryState struct {
	Order  uint64 // the MeasureMemory that is waited for
	At     Time   // of the last answer, 0: never
	After  uint64 // TimerMemory, by Gen
	Relief bool   // a slice was found beyond its ceiling after a wake
}

// freshMemory is how long an answer counts, if nobody is let in meanwhile, and
// afterWake when what a service needs shows.
const (
	freshMemory = Time(time.Second)
	afterWake   = Time(time.Second)
)

func mebibytes(n uint64) string { return itoa(int64(n>>20)) + " MiB" }

// holdsMemory tells whether processes of the service are in memory.
func holdsMemory(n *node) bool {
	s := n.service
	return s != nil && !s.State.down() && s.State != svcExited
}

// total is what the services of a room have in memory, as far as is known.
func (e *Engine) total(r *room) (sum uint64) {
	for _, id := range r.holders.ids {
		sum += e.nodes[id].service.Memory
	}
	return sum
}

// measuredIn is total for who asks, 0 where nobody in the room has been measured
// yet: what they are taken for until then is no figure to show.
func (e *Engine) measuredIn(r *room) uint64 {
	for _, id := range r.holders.ids {
		if e.nodes[id].service.MemoryAt != 0 {
			return e.total(r)
		}
	}
	return 0
}

// extra is what a service that wakes will need beside what it has. One of which
// nothing is known needs as much as the greediest of the others: most often they
// are instances of one template.
func (e *Engine) extra(r *room, n *node) uint64 {
	s := n.service
	has, need := uint64(0), uint64(0)
	if s != nil {
		need = s.Need
	}
	if holdsMemory(n) {
		has = s.Memory
	}
	if need == 0 {
		for _, id := range r.holders.ids {
			need = max(need, e.nodes[id].service.Need)
		}
	}
	return max(need, has+1) - has
}

// short tells whether the memory of the room does not allow n to wake, or is
// not known well enough to tell.
func (e *Engine) short(r *room, n *node) bool {
	if r.memory == 0 || r.seats.has(n.id) {
		return false
	}
	if len(r.holders.ids) == 0 || len(r.holders.ids) == 1 && r.holders.has(n.id) {
		return false // alone: nothing else could make room
	}
	return !e.memoryKnown() || e.total(r)+e.extra(r, n) > r.memory
}

func (e *Engine) memoryKnown() bool { return e.mem.At != 0 && e.now-e.mem.At <= freshMemory }

// expectMemory counts what a service that is let in will need, and has it
// measured when that shows.
func (e *Engine) expectMemory(n *node) {
	n = e.behind(n)
	if n.service == nil {
		n.service = &service{}
	}
	s, below, more := n.service, false, uint64(0)
	e.roomsOf(n, func(r *room) {
		if r.memory != 0 {
			below, more = true, max(more, e.extra(r, n))
		}
	})
	if !below {
		return
	}
	if !holdsMemory(n) {
		s.Memory = 0 // what it had in the run before
	}
	s.Memory += more
	e.mem.At = 0 // the next one asks again
	t := e.order("")
	e.mem.After = t.Gen
	e.emit(ArmTimer{Token: t, Timer: TimerMemory, At: e.now + afterWake})
}

func (e *Engine) memoryTime(in TimerFired) {
	if in.Token.Gen == 0 || in.Token.Gen != e.mem.After {
		e.late++
		return
	}
	e.mem.After, e.mem.Relief = 0, true
	e.mem.At = 0
	e.measure()
}

// measure orders a measurement of all rooms with a ceiling of memory: of those
// who are awake, and of those who have not been measured in this sleep.
func (e *Engine) measure() {
	if e.mem.Order != 0 {
		return
	}
	var ids []int32
	for _, r := range e.rooms {
		for _, id := range r.holders.ids {
			s := e.nodes[id].service
			if x := s.Idle; x == nil || !x.Depth.Down || s.MemoryAt < x.Depth.Slept {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	var names []string
	for _, id := range slices.Compact(ids) {
		names = append(names, e.nodes[id].def.Name)
	}
	if len(names) == 0 {
		e.mem.At = e.now
		e.tryRoom()
		return
	}
	t := e.order("")
	e.mem.Order = t.Gen
	e.emit(MeasureMemory{Token: t, Units: names})
}

// measured takes the answer.
func (e *Engine) measured(in *Measured) {
	if e.mem.Order == 0 || in.Token.Gen != e.mem.Order {
		e.late++
		return
	}
	e.mem.Order, e.mem.At = 0, e.now
	for i, name := range in.Units {
		n := e.node(name)
		if n == nil || n.service == nil || i >= len(in.Memory) || !holdsMemory(n) {
			continue // it has ended
		}
		s := n.service
		s.Memory, s.MemoryAt = in.Memory[i], e.now
		switch x := s.Idle; {
		case x != nil && x.Depth.Down:
		case s.State.starting(), e.now-n.view.ActiveEnter < afterWake, x != nil && e.now-x.Depth.Woken < afterWake:
			s.Need = max(s.Need, s.Memory) // it has only begun
			s.Memory = s.Need
		default:
			s.Need = s.Memory
		}
	}
	e.tryRoom()
}

// excess is by how much a room is beyond its ceiling of memory: for the first
// that waits for it, or, with Relief, as it is.
func (e *Engine) excess(r *room) uint64 {
	want := uint64(0)
	for _, id := range e.waiters {
		n := e.behind(e.nodes[id])
		below := false
		e.roomsOf(n, func(x *room) { below = below || x == r })
		if below && !r.seats.has(n.id) {
			want = e.extra(r, n)
			break
		}
	}
	if want == 0 && !e.mem.Relief {
		return 0
	}
	if sum := e.total(r) + want; sum > r.memory {
		return sum - r.memory
	}
	return 0
}

// memoryRooms are those with a ceiling of memory, by name.
func (e *Engine) memoryRooms() []*room {
	var all []*room
	for _, r := range e.rooms {
		if r.memory != 0 {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b *room) int { return strings.Compare(a.slice, b.slice) })
	return all
}

// relieve has sleepers paged out, or stopped, in rooms that are short of memory:
// one at a time in each, because what that gives is known only then.
func (e *Engine) relieve() {
	rooms := e.memoryRooms()
	if len(rooms) == 0 {
		return
	}
	if len(e.waiters) > 0 && !e.memoryKnown() {
		e.measure()
	}
	if !e.memoryKnown() {
		return
	}
	short := false
	for _, r := range rooms {
		if e.excess(r) > 0 {
			short = true
			e.relieveRoom(r)
		}
	}
	e.mem.Relief = e.mem.Relief && short
}

func (e *Engine) relieveRoom(r *room) {
	if e.relieving(r) {
		return
	}
	if n := e.deepest(r, e.mayReclaim); n != nil {
		e.reclaim(n)
		return
	}
	if n := e.deepest(r, e.mayStopSleeper); n != nil {
		e.lookAtSleeper(n)
	}
}

// relieving tells whether something in the room is on its way to give memory back.
func (e *Engine) relieving(r *room) bool {
	gives := func(n *node) bool {
		s := n.service
		if s == nil {
			return false
		}
		x := s.Idle
		return s.State.stopping() || x != nil && (x.Depth.Order != 0 || x.Evicted != "" || x.Depth.Stopping)
	}
	return slices.ContainsFunc(r.holders.ids, func(id int32) bool { return e.anyBound(e.nodes[id], gives) })
}

// deepest finds the sleeper that has slept longest, of those that may.
func (e *Engine) deepest(r *room, may func(*node) bool) (best *node) {
	for _, id := range r.holders.sorted() {
		n := e.nodes[id]
		x := n.service.Idle
		if !x.asleep() || n.service.Ticket != 0 || n.service.Waking || !may(n) {
			continue
		}
		if best == nil || x.Depth.Slept < best.service.Idle.Depth.Slept {
			best = n
		}
	}
	return best
}

func (e *Engine) mayReclaim(n *node) bool {
	return n.view.Tier == TierFrozen && !n.service.Idle.Depth.Kept
}

// mayStopSleeper: only where the unit says that a sleeper may be stopped at all,
// and not where others that sleep need it.
func (e *Engine) mayStopSleeper(n *node) bool {
	t := n.serviceDef().Tiers
	return t != nil && t.Stop != unit.Infinity && n.service.Idle.Depth.Again <= e.now && !n.service.Idle.Group
}

// memoryShortages adds the rooms in which only those who are awake could give
// memory back.
func (e *Engine) memoryShortages(short []shortage) []shortage {
	if !e.memoryKnown() {
		return short
	}
	for _, r := range e.memoryRooms() {
		if e.excess(r) == 0 || e.relieving(r) || e.deepest(r, e.mayReclaim) != nil || e.deepest(r, e.mayStopSleeper) != nil {
			continue
		}
		if !slices.ContainsFunc(short, func(s shortage) bool { return s.room == r }) {
			short = append(short, shortage{r, 1})
		}
	}
	return short
}
