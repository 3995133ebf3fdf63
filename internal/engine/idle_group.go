// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// A service of a group is frozen when all services that need it sleep or are
// down, and thawed before the first of them goes on. It is in a group by
// X-IdleWhenUnneeded=, or because it and a service that sleeps by itself are
// bound to each other. Who of them needs whom is read from the links each time.

// groupCalm is how long the sockets of a service in a group must have been
// silent where X-IdleSec= says nothing: others than its group may use them.
const groupCalm = Time(time.Second)

// grouped tells whether n sleeps and wakes with those that need it.
func (e *Engine) grouped(n *node) bool {
	if n.def.Service == nil || e.lastOfAll(n) {
		return false
	}
	return n.def.Service.IdleWhenUnneeded || endless(n.def.Service.IdleSec) && e.partner(n) != nil
}

// partner is a service that n is bound to, that is bound to n, and that has
// X-IdleSec= by itself or by a socket, where n has no socket that says so.
func (e *Engine) partner(n *node) *node {
	if n.rels&boundTo == 0 || n.rels&boundBy == 0 || e.sleepsBySocket(n) {
		return nil
	}
	for m := range e.each(n, boundTo) {
		if m.def.Service != nil && e.related(n, boundBy, m) && (!endless(m.def.Service.IdleSec) || e.sleepsBySocket(m)) {
			return m
		}
	}
	return nil
}

func (e *Engine) sleepsBySocket(n *node) bool {
	for s := range e.each(n, triggeredBy) {
		if s.def.Socket != nil && !s.def.Socket.Accept && !endless(s.def.Socket.IdleSec) {
			return true
		}
	}
	return false
}

// resting tells whether n needs nobody now: it is down, or frozen to stay so.
func resting(n *node) bool {
	s := n.service
	if s != nil && s.Idle != nil && (s.Idle.Phase == idleFrozen || s.Idle.Ice && s.Idle.Depth.Stopping) {
		return !s.Waking
	}
	return n.job == nil && dead(n.view.Active)
}

// kept tells whether a service needs n now. A target or another unit without
// processes can need nothing, so that being enabled keeps nothing awake; but
// where no service at all names n, who uses it is not known, and those count.
func (e *Engine) kept(n *node) bool {
	known, others := false, false
	for m := range e.each(n, neededBy) {
		switch {
		case m.def.Kind == unit.KindService && m.view.Load == unit.Loaded:
			if !resting(m) {
				return true
			}
			known = true
		case m.job != nil || !dead(m.view.Active):
			others = true
		}
	}
	return !known && others
}

// regroup lets n sleep or wake as its group wants, after something has changed
// for it: its own state, that of one that needs it, or their links.
func (e *Engine) regroup(n *node) {
	s := n.service
	if s == nil || s.State != svcRunning {
		return
	}
	if member := e.grouped(n); s.Idle == nil && member {
		s.Idle = e.idlePolicy(n)
	} else if s.Idle == nil {
		return
	} else if s.Idle.Group != member {
		e.changeGroup(n, member)
		return
	}
	x := s.Idle
	if !x.Group {
		return
	}
	if e.kept(n) {
		x.Pinned = false
		switch {
		case x.Phase == idleAwake:
			e.unlook(n)
		case x.Phase != idleThawing && !x.Held:
			e.wakeMember(n, "a service that needs it is awake")
		}
		return
	}
	if x.Phase != idleAwake || x.Next != 0 || x.Gen != 0 || x.Pinned || n.view.Inhibited || n.job != nil || e.stopping() {
		return
	}
	x.Since, x.Empty = e.now, false
	if x.Sec == 0 && e.now >= x.Retry && !hasJudge(n) {
		e.sleep(n)
		return
	}
	e.planLook(n, e.firstLook(x))
}

// changeGroup takes a service into its group or lets it go, because files have
// changed while it ran.
func (e *Engine) changeGroup(n *node, member bool) {
	x := n.service.Idle
	x.Group, x.Pinned = member, false
	if !x.Held {
		e.unfreeze(n) // thawed looks at it again
	}
	x.take(e.idlePolicy(n))
	if x.Phase == idleAwake {
		e.judgeAnew(n)
	}
}

// tiers are how n sleeps deeper with time. One of a group is not stopped: those
// that need it would wake without it.
func (n *node) tiers() *unit.Tiers {
	t := n.serviceDef().Tiers
	if t == nil || t.Stop == unit.Infinity || !n.service.Idle.Group {
		return t
	}
	still := *t
	still.Stop = unit.Infinity
	return &still
}

// regroupAround has n looked at, whose definition is new, and all that it needs.
func (e *Engine) regroupAround(n *node) {
	e.work.push(reaction{do: regroup, node: n.id})
	for m := range e.each(n, needs) {
		if m.service != nil && m.service.State == svcRunning {
			e.work.push(reaction{do: regroup, node: m.id})
		}
	}
}

// regroupNeeds has all looked at that n needs: it falls asleep, or wakes.
func (e *Engine) regroupNeeds(n *node) {
	for m := range e.each(n, needs) {
		if m.service != nil && m.service.Idle != nil && m.service.Idle.Group {
			e.work.push(reaction{do: regroup, node: m.id})
		}
	}
}

// frozenNeeds lists the frozen services of a group that n needs, and those that
// they need, each after what it needs itself. What a person froze stays so.
func (e *Engine) frozenNeeds(n *node) []int32 {
	if n.rels&needs == 0 {
		return nil
	}
	return e.gatherNeeds(n, []int32{n.id})[1:]
}

func (e *Engine) gatherNeeds(n *node, ids []int32) []int32 {
	for m := range e.each(n, needs) {
		if m.service == nil || slices.Contains(ids, m.id) {
			continue
		}
		x := m.service.Idle
		if x == nil || !x.Group && !e.deaf(m) || x.Held || !x.Ice && x.Phase != idleThawing {
			continue
		}
		// Its place is taken first, so that a ring ends here.
		at := len(ids)
		ids = e.gatherNeeds(m, append(ids, m.id))
		ids = append(slices.Delete(ids, at, at+1), m.id)
	}
	return ids
}

// deaf tells whether nothing but a start or a thaw wakes n, so that those who
// need it have it thawed, though they do not keep it awake.
func (e *Engine) deaf(n *node) bool {
	return len(n.service.Idle.Sockets) == 0 && !onAnyBus(n)
}

// thawNeeds thaws what n needs, and tells whether there was something: its
// Thawed are on their way then.
func (e *Engine) thawNeeds(n *node) bool {
	ids := e.frozenNeeds(n)
	for _, id := range ids {
		e.wakeMember(e.nodes[id], n.def.Name+" needs it")
	}
	return len(ids) > 0
}

// thawing names what n waits for.
func (e *Engine) thawing(n *node) string {
	var names []string
	for _, id := range e.frozenNeeds(n) {
		names = append(names, e.nodes[id].def.Name)
	}
	return strings.Join(names, ", ")
}

func (e *Engine) wakeMember(n *node, cause string) {
	if x := n.service.Idle; !x.Ice {
		return
	} else if x.asleep() {
		n.view.Wakes++
		e.wokenNow(n)
	}
	e.unfreeze(n)
	n.view.Cause = cause
	e.changed(n)
}

// awaitNeeds thaws what n needs, and tells whether n must wait for it: it goes
// on, or starts, when all of it is thawed.
func (e *Engine) awaitNeeds(n *node) bool {
	s := n.service
	if !s.Waking {
		if !e.thawNeeds(n) {
			return false
		}
		s.Waking = true
		e.waking = append(e.waking, n.id)
	}
	return len(e.frozenNeeds(n)) > 0
}

// needsThawed lets those go on that wait for what they need: something was
// thawed, or is gone.
func (e *Engine) needsThawed() {
	waiting := e.waking
	if len(waiting) == 0 {
		return
	}
	e.waking = nil
	slices.Sort(waiting) // restoreKinds does not know the order
	for _, id := range waiting {
		n := e.nodes[id]
		if n == nil || n.service == nil || !n.service.Waking {
			continue
		}
		if len(e.frozenNeeds(n)) > 0 {
			e.waking = append(e.waking, id)
			continue
		}
		n.service.Waking = false
		if n.service.Idle.asleep() {
			e.unfreeze(n)
		} else {
			e.queueRun(n)
		}
	}
}

// groupFailed: n could not be frozen, so nobody of its group sleeps, and it is
// not tried again at once.
func (e *Engine) groupFailed(n *node) {
	for m := range e.each(n, neededBy) {
		if m.service == nil || !m.service.Idle.asleep() {
			continue
		}
		m.service.Idle.Retry = e.now + maxPause
		e.unfreeze(m)
		m.view.Cause = n.def.Name + ", which it needs, cannot be frozen"
		e.changed(m)
		e.groupFailed(m)
	}
}

// stopsAsleep notes that the stop of n, just queued, comes from the sleep of a
// service that needs it: then it sleeps, too.
func (e *Engine) stopsAsleep(n *node) {
	if n.job == nil || n.job.Type != Stop {
		return
	}
	for m := range e.each(n, neededBy) {
		if s := m.service; s != nil && (s.IdleStop || s.Slept && s.State.down()) {
			n.job.Asleep = true
			return
		}
	}
}

// wakes tells whether a start of n undoes its sleep, so that it does not count
// against StartLimitBurst=: its socket was knocked on, a message has come for it,
// or it is started for one that needs it.
func (e *Engine) wakes(n *node, knocked bool) bool {
	if !n.service.Slept || knocked || onAnyBus(n) {
		return n.service.Slept
	}
	for m := range e.each(n, neededBy) {
		if s := m.service; s != nil && (s.Knocked && s.Slept || s.State.starting()) {
			return true
		}
	}
	return false
}
