// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"slices"

	"github.com/rouse-init/rouse/internal/unit"
)

// A slice may have a ceiling: how many of its services are awake at once
// (X-RunningMax=). Each service that is awake has a seat in every room, which is
// a slice with a ceiling, that it is below. A knock needs a seat; where there is
// none the service waits with a ticket, first come first served, while others
// are put to sleep (idle_evict.go). Whatever else starts a service takes its
// seat without asking.

// room is a slice with a ceiling.
type room struct {
	slice   string
	max     int     // services; 0: any number
	memory  uint64  // bytes; 0: any amount
	seats   nodeSet // of those that are awake
	holders nodeSet // of those that have processes, awake or not; only with memory
}

// full tells whether there is no seat left.
func (r *room) full() bool { return r.max > 0 && len(r.seats.ids) >= r.max }

// nodeSet is a set of nodes by id, in no order that means anything.
type nodeSet struct {
	at  map[int32]int32 // their places in ids
	ids []int32
}

func (s *nodeSet) has(id int32) bool {
	_, in := s.at[id]
	return in
}

// set puts id in, or takes it out; left is true if it was in and is not now.
func (s *nodeSet) set(id int32, in bool) (left bool) {
	i, is := s.at[id]
	switch {
	case in && !is:
		if s.at == nil {
			s.at = map[int32]int32{}
		}
		s.at[id] = int32(len(s.ids))
		s.ids = append(s.ids, id)
	case !in && is:
		last := s.ids[len(s.ids)-1]
		s.ids[i] = last
		s.at[last] = i
		s.ids = s.ids[:len(s.ids)-1]
		delete(s.at, id)
		return true
	}
	return false
}

// sorted is in the order of ids, which the same inputs always give.
func (s *nodeSet) sorted() []int32 { return slices.Sorted(slices.Values(s.ids)) }

// ceilings is what is kept for all rooms. It is rebuilt from the nodes after
// Restore, but for Room.
type ceilings struct {
	rooms   map[string]*room // by slice
	waiters []int32          // node ids, in the order of their tickets
	// roomsStale: definitions that came in this Step change the rooms.
	roomsStale bool
	roomDue    bool // those who wait are to be looked at in this Step
}

// roomState is what the search for room keeps between Steps.
type roomState struct {
	Timer uint64 // TimerRoom, by Gen
	At    Time   // when it fires
	Pause Time   // until the next try
	Look  uint64 // the CountConnections of candidates that is waited for
	Ended Time   // when the end of a connection had one ordered last
}

// roomsOf calls f for every room that n is in, innermost first.
func (e *Engine) roomsOf(n *node, f func(*room)) {
	for s := n.slice(); s != "" && len(e.rooms) > 0; s = unit.SliceParent(s) {
		if r := e.rooms[s]; r != nil {
			f(r)
		}
	}
}

// needsSeat tells whether the service needs a seat: it has processes that run, or
// a job that starts it. One that sleeps has given its seat up, also while it is thawed in
// order to stop. A bridge has that of the service behind it.
func needsSeat(n *node) bool {
	s := n.service
	switch {
	case n.def.Kind != unit.KindService, unit.BridgedBy(n.def.Name) != "":
		return false
	case starts(n):
		return true
	case s == nil || s.Idle != nil && s.Idle.Depth.Down || s.State == svcExited:
		return false
	}
	return !s.State.down() || s.State >= svcDeadBeforeRestart
}

// starts tells whether a job starts the unit.
func starts(n *node) bool { return n.job != nil && (n.job.Type == Start || n.job.Type == Restart) }

// reseat gives n its seats, or takes them.
func (e *Engine) reseat(n *node) {
	if len(e.rooms) == 0 || n.def.Kind != unit.KindService {
		return
	}
	in, look := needsSeat(n), false
	e.roomsOf(n, func(r *room) {
		if in && len(e.waiters) > 0 && !r.seats.has(n.id) && slices.ContainsFunc(e.boundWith(n), waitsForRoom) {
			look = true // its bridge needs no seat any more
		}
		look = r.seats.set(n.id, in) || look
		if r.memory != 0 {
			look = r.holders.set(n.id, holdsMemory(n)) || look
		}
	})
	if look {
		e.tryRoom()
	}
}

func waitsForRoom(n *node) bool { return n.service != nil && n.service.Ticket != 0 }

// vacate takes the seats of a node that is forgotten.
func (e *Engine) vacate(n *node) {
	left := false
	e.roomsOf(n, func(r *room) {
		left = r.seats.set(n.id, false) || left
		left = r.holders.set(n.id, false) || left
	})
	if left {
		e.tryRoom()
	}
}

// tryRoom has those looked at who wait, when this input is handled.
func (e *Engine) tryRoom() {
	e.roomDue = len(e.waiters) > 0 || e.mem.Relief
}

// rebuildRooms follows a change of ceilings.
func (e *Engine) rebuildRooms() {
	e.rooms, e.roomsStale = nil, false
	for _, n := range e.nodes {
		if n == nil || n.def.Kind != unit.KindSlice || n.def.Ceiling == nil || n.view.Load != unit.Loaded {
			continue
		}
		if e.rooms == nil {
			e.rooms = map[string]*room{}
		}
		e.rooms[n.def.Name] = &room{slice: n.def.Name, max: int(n.def.Ceiling.Running), memory: n.def.Ceiling.Memory}
	}
	if len(e.rooms) == 0 && len(e.waiters) == 0 {
		return
	}
	for _, n := range e.nodes {
		if n != nil {
			e.reseat(n)
		}
	}
}

// roomsChange tells whether the definition u of n brings another set of rooms,
// or moves n between them.
func (e *Engine) roomsChange(n *node, u *unit.Unit) bool {
	if u.Kind != unit.KindSlice {
		return len(e.rooms) > 0 && (n.service != nil || n.job != nil) && n.view.Slice == "" && n.def.Slice != u.Slice
	}
	r := e.rooms[u.Name]
	if r == nil || u.Ceiling == nil {
		return (r == nil) != (u.Ceiling == nil)
	}
	return r.max != int(u.Ceiling.Running) || r.memory != u.Ceiling.Memory
}

// restoreRooms rebuilds what is derived.
func (e *Engine) restoreRooms() {
	for _, n := range e.nodes {
		if n != nil && n.service != nil && n.service.Ticket != 0 {
			e.waiters = append(e.waiters, n.id)
		}
	}
	slices.SortFunc(e.waiters, func(a, b int32) int { return cmp.Compare(e.nodes[a].service.Ticket, e.nodes[b].service.Ticket) })
	e.rebuildRooms()
	e.roomDue = false // as it is between Steps
}

// fullRoom finds a room that n has no seat in and cannot get one; nil if it
// may come in.
func (e *Engine) fullRoom(n *node) (found *room) {
	n = e.behind(n)
	e.roomsOf(n, func(r *room) {
		if found == nil && (r.full() && !r.seats.has(n.id) || e.short(r, n)) {
			found = r
		}
	})
	return found
}

// busCause is why a sleeper on a message bus wakes.
const busCause = "a message on the bus"

// mayWake tells whether a service that is woken by sock, or where that is nil by
// a message bus, has a seat. If not, it waits for its turn: settle lets it in as
// soon as there is room.
func (e *Engine) mayWake(n, sock *node) bool {
	s := n.service
	if len(e.rooms) == 0 || s.Ticket == 0 && len(e.waiters) == 0 && e.fullRoom(n) == nil {
		e.expectMemory(n)
		return true
	}
	if s.Ticket == 0 {
		e.gen++
		s.Ticket, s.Knocker = e.gen, ""
		if sock != nil {
			s.Knocker = sock.def.Name
		}
		e.waiters = append(e.waiters, n.id)
		e.room.Pause = 0
		e.changed(n)
	}
	e.tryRoom()
	return false
}

// letIn lets those in for whom there is room, in the order of their tickets:
// who finds a room full holds up nobody who needs no seat in it.
func (e *Engine) letIn() {
	for i := 0; i < len(e.waiters); {
		n := e.nodes[e.waiters[i]]
		if starts(n) || e.fullRoom(n) != nil && !e.down { // when all stops it is refused, and done with
			i++
			continue
		}
		e.admit(n)
		e.room.Pause = 0
	}
	e.makeRoom()
}

// admit does what the knock was for.
func (e *Engine) admit(n *node) {
	s := n.service
	sock, cause := e.node(s.Knocker), s.Knocker+" was knocked on"
	if s.Knocker == "" {
		cause = busCause
	}
	e.dropTicket(n)
	e.expectMemory(n)
	switch {
	case s.Idle.asleep():
		if !e.down {
			e.wakeFor(n, cause)
		}
	case s.More != nil && s.More.Conn != 0:
		e.startInstance(n, sock)
	case sock != nil && sock.listens():
		e.disarmSocket(sock) // a reload may have had it watched again
		e.knocked(sock, n)
	}
}

// dropTicket ends the wait of a service.
func (e *Engine) dropTicket(n *node) {
	s := n.service
	if s == nil || s.Ticket == 0 {
		return
	}
	if i := slices.Index(e.waiters, n.id); i >= 0 {
		e.waiters = slices.Delete(e.waiters, i, i+1)
	}
	sock := e.node(s.Knocker)
	s.Ticket, s.Knocker = 0, ""
	e.changed(n)
	if sock != nil && sock.socket != nil && sock.socketDef().Accept && !e.holdsUp(sock) {
		e.armSocket(sock)
	}
}

// holdsUp tells whether instances of an Accept=yes socket wait for room: it
// accepts no more until then.
func (e *Engine) holdsUp(sock *node) bool {
	return slices.ContainsFunc(e.waiters, func(id int32) bool { return e.nodes[id].service.Knocker == sock.def.Name })
}

// leaveQueue drops the ticket of a service that its socket cannot wake any more.
// Others of its sockets knock again.
func (e *Engine) leaveQueue(n *node) {
	if n == nil || n.service == nil || n.service.Ticket == 0 {
		return
	}
	e.dropTicket(n)
	for m := range e.each(n, of(TriggeredBy)) {
		if m.socket != nil && m.socket.State == sckListening {
			e.armSocket(m)
		}
	}
	e.tryRoom()
}

// waitingIn counts those that wait below a slice.
func (e *Engine) waitingIn(r *room) (k uint32) {
	for _, id := range e.waiters {
		e.roomsOf(e.behind(e.nodes[id]), func(x *room) {
			if x == r {
				k++
			}
		})
	}
	return k
}

// roomWords says which room a service waits for.
func (e *Engine) roomWords(n *node) string {
	if n.service == nil || n.service.Ticket == 0 {
		return ""
	}
	r := e.fullRoom(n)
	if r == nil {
		return "its turn"
	}
	if !r.full() || r.seats.has(e.behind(n).id) {
		return "room in " + r.slice + " (" + mebibytes(e.total(r)) + " of " + mebibytes(r.memory) + " in memory)"
	}
	return "room in " + r.slice + " (" + itoa(int64(len(r.seats.ids))) + " of " + itoa(int64(r.max)) + " awake)"
}
