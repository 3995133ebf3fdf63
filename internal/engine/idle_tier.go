// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// depth is what a service has that sleeps deeper with time: first frozen, then
// without its memory (X-IdleReclaimSec=), at last stopped (X-IdleStopSec=).
type depth struct {
	Slept    Time   // when it fell asleep
	Woken    Time   // when a knock woke it last
	Paged    bool   // it had been paged out then
	Order    uint64 // the Reclaim that is waited for
	Kept     bool   // its memory cannot be paged out
	Down     bool   // it has given up its seats (idle_ceiling.go)
	Stopping bool   // it is being looked at, or stopped, for X-IdleStopSec=
	Again    Time   // it is not looked at for that before
	Timer    timer  // TimerTier
}

// minStopLook is the shortest time between two looks at a sleeper that an open
// connection keeps from being stopped.
const minStopLook = Time(time.Second)

// sink begins the time of a sleeper.
func (e *Engine) sink(n *node) {
	d := &n.service.Idle.Depth
	*d = depth{Slept: e.now, Woken: d.Woken, Paged: d.Paged, Down: true}
	n.service.Idle.Evicted = ""
	n.view.Tier, n.view.TierNote, n.view.MemoryNow = TierFrozen, "", 0
	e.armTier(n)
	e.reseat(n)
}

// rise ends it: the service wakes, stops or dies.
func (e *Engine) rise(n *node) {
	d := &n.service.Idle.Depth
	e.disarm(n, TimerTier, &d.Timer)
	d.Order = 0
	n.service.Idle.Evicted = ""
	n.view.Tier, n.view.TierNote, n.view.MemoryNow = TierAwake, "", 0
}

// armTier plans the next tier of a sleeper.
func (e *Engine) armTier(n *node) {
	t, d := n.tiers(), &n.service.Idle.Depth
	next := Time(0)
	if t != nil && t.Stop != unit.Infinity {
		next = max(d.Slept+Time(t.Stop), d.Again)
	}
	if t != nil && t.Reclaim != unit.Infinity && n.view.Tier == TierFrozen && d.Order == 0 && !d.Kept {
		if at := d.Slept + Time(t.Reclaim); next == 0 || at < next {
			next = at
		}
	}
	if next == 0 {
		e.disarm(n, TimerTier, &d.Timer)
		return
	}
	e.arm(n, TimerTier, &d.Timer, max(next, e.now))
}

// tierTime: the next tier is due. Its keys may have changed meanwhile.
func (e *Engine) tierTime(n *node, in TimerFired) {
	x := n.service.Idle
	if x == nil || x.Depth.Timer.Gen == 0 || x.Depth.Timer.Gen != in.Token.Gen {
		e.late++
		return
	}
	t, d := n.tiers(), &x.Depth
	d.Timer = timer{}
	switch {
	case x.Stuck:
		e.thawAgain(n)
	case !x.asleep():
		e.bug(n, "tier timer")
	case t == nil:
	case n.service.Ticket != 0, n.service.Waking: // it is about to wake
		e.arm(n, TimerTier, &d.Timer, e.now+minStopLook)
	case t.Stop != unit.Infinity && e.now >= max(d.Slept+Time(t.Stop), d.Again):
		e.lookAtSleeper(n)
	case t.Reclaim != unit.Infinity && n.view.Tier == TierFrozen && d.Order == 0 && !d.Kept && e.now >= d.Slept+Time(t.Reclaim):
		e.reclaim(n)
		e.armTier(n)
	default:
		e.armTier(n)
	}
}

// reclaim orders its memory paged out. A knock need not wait for the end of it.
func (e *Engine) reclaim(n *node) {
	t := e.order(n.def.Name)
	n.service.Idle.Depth.Order = t.Gen
	e.emit(Reclaim{Token: t})
}

func (e *Engine) reclaimed(n *node, in Reclaimed) {
	if !e.tierAnswered(n, in.Token) {
		return
	}
	n.view.Tier, n.view.MemoryNow = TierReclaimed, in.Memory
	n.service.Memory = min(n.service.Memory, in.Memory)
	e.tryRoom()
	e.changed(n)
}

// reclaimFailed: it stays as it is, in this sleep.
func (e *Engine) reclaimFailed(n *node, in ReclaimFailed) {
	if !e.tierAnswered(n, in.Token) {
		return
	}
	n.service.Idle.Depth.Kept = true
	n.view.TierNote = in.Msg
	e.tryRoom()
	e.changed(n)
}

func (e *Engine) tierAnswered(n *node, t Token) bool {
	x := n.service.Idle
	if x == nil || x.Depth.Order == 0 || x.Depth.Order != t.Gen {
		e.late++
		return false
	}
	x.Depth.Order = 0
	return true
}

// lookAtSleeper begins the stop of a sleeper. It is frozen, so the look tells
// the truth; nobody may wake it between the look and the end.
func (e *Engine) lookAtSleeper(n *node) {
	x := n.service.Idle
	e.unwatch(n)
	e.disarm(n, TimerTier, &x.Depth.Timer)
	x.Phase, x.Depth.Stopping = idleLooking, true
	e.count(n)
}

// sleeperCounted is counted for X-IdleStopSec=.
func (e *Engine) sleeperCounted(n *node, c Count) {
	x := n.service.Idle
	d := &x.Depth
	if c.Open == 0 && c.Queued == 0 && !c.Traffic {
		e.stopIdle(n, "asleep for "+time.Duration(e.now-d.Slept).Round(time.Millisecond).String()+" (X-IdleStopSec=)")
		return
	}
	// It goes on sleeping. A knock that came meanwhile is told of by the watch
	// that begins again; whoever is connected would lose the connection by the stop.
	e.release(n)
	x.Phase, x.Gen, d.Stopping = idleFrozen, 0, false
	if c.Queued == 0 {
		n.view.TierNote = itoa(int64(c.Open)) + " connections, open and silent, keep it from being stopped (X-IdleStopSec=)"
	}
	if t := n.serviceDef().Tiers; t != nil && t.Stop != unit.Infinity {
		d.Again = e.now + max(Time(t.Stop), minStopLook)
	}
	e.armTier(n)
	e.watchSleeper(n)
	e.changed(n)
}

// sleptSince is since when a service sleeps that has been stopped for it, and
// whether it was asleep before that.
func (e *Engine) sleptSince(n *node) (since Time, before bool) {
	if x := n.service.Idle; x != nil && x.Depth.Stopping {
		return x.Depth.Slept, true
	}
	return e.now, false
}

// tooYoung puts the sleep of a service off until it has been up for
// X-IdleMinUpSec=.
func (e *Engine) tooYoung(n *node) bool {
	at := e.upFor(n)
	if at <= e.now {
		return false
	}
	e.planLook(n, at)
	return true
}

// pagedGrace is how long a service that was paged out stays awake at least. It
// waits for its pages, which shows neither in bytes nor in processor time, so that
// it would seem idle in the middle of a request.
const pagedGrace = Time(time.Second)

// execPatience is how long a service of a group, which would be frozen at once, is
// waited with that has not come to its program: what it does at its start is not
// done else. Executed may be lost with a manager, so that it has an end.
const execPatience = Time(10 * time.Second)

// upFor is when the service, and who it is bound with, will have been up for long
// enough.
func (e *Engine) upFor(n *node) Time {
	at := n.oldEnough()
	if m := &n.service.Main; n.service.Idle.Group && !m.Ran && m.Index >= 0 && m.Pid != 0 && n.serviceDef().Type == unit.TypeSimple {
		at = max(at, n.view.MainStart+execPatience)
	}
	for _, m := range e.boundWith(n) {
		if m.service != nil && m.service.State.up() {
			at = max(at, m.oldEnough())
		}
	}
	return at
}

func (n *node) oldEnough() Time {
	t, d := n.serviceDef().Tiers, depth{}
	if x := n.service.Idle; x != nil {
		d = x.Depth
	}
	at := Time(0)
	if d.Paged {
		at = d.Woken + pagedGrace
	}
	switch {
	case t == nil || t.MinUp == 0:
		return at
	case t.MinUp == unit.Infinity:
		return Time(unit.Infinity)
	}
	return max(at, max(n.view.ActiveEnter, d.Woken)+Time(t.MinUp))
}

// wokenNow notes the moment of a wake.
func (e *Engine) wokenNow(n *node) {
	d := &n.service.Idle.Depth
	d.Woken, d.Paged = e.now, n.view.Tier == TierReclaimed || d.Order != 0
}
