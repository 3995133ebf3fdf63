// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"

	"github.com/rouse-init/rouse/internal/unit"
)

// followFiles has the services looked at whose idle policy the new definition of
// n is part of.
func (e *Engine) followFiles(n *node) {
	svc := n
	if n.def.Kind == unit.KindSocket {
		svc = e.serviceOf(n)
	}
	if svc == nil || svc.def.Kind != unit.KindService {
		return
	}
	e.work.push(reaction{do: followIdle, node: svc.id})
	for _, m := range e.boundWith(svc) {
		e.work.push(reaction{do: followIdle, node: m.id})
	}
}

// followPolicy gathers the idle policy of a service anew that runs or is frozen.
// A sleeper whom the new policy would not have put to sleep like this is woken,
// and judged by it then.
func (e *Engine) followPolicy(n *node) {
	s := n.service
	if s == nil || s.State != svcRunning {
		return
	}
	x, fresh := s.Idle, e.idlePolicy(n)
	if x == nil {
		e.idleEnter(n)
		return
	}
	switch {
	case x.Leave || fresh != nil && fresh.Leave:
		return // followGroup sees to it
	case x.Group != (fresh != nil && fresh.Group):
		e.regroup(n)
		return
	case x.follows(fresh):
		e.followTiers(n)
		return
	}
	if x.Ice && !x.Held && (fresh == nil || x.Action != fresh.Action || !slices.Equal(x.Sockets, fresh.Sockets)) {
		e.unfreeze(n) // thawed goes on
		n.view.Cause = "its idle policy has changed"
		e.changed(n)
	}
	x.take(fresh)
	if x.Phase == idleAwake {
		e.judgeAnew(n)
	} else {
		e.followTiers(n)
	}
}

// take has x follow the policy y; nil is that of one that does not sleep by
// itself. What watches its sockets must have ended.
func (x *idle) take(y *idle) {
	if y == nil {
		x.Sec, x.Leave = 0, false
		return
	}
	x.Sec, x.Action, x.Polled, x.Leave, x.Sockets, x.Bound = y.Sec, y.Action, y.Polled, y.Leave, y.Sockets, y.Bound
}

// judgeAnew begins the time of an awake service again, by a policy that is new.
func (e *Engine) judgeAnew(n *node) {
	e.unlook(n)
	if x := n.service.Idle; x.Sec != 0 || x.Group {
		e.idleEnter(n)
		return
	}
	e.dropJudge(n)
	n.service.Idle = nil
	e.rearmLooks()
}

// follows tells whether x is the policy y already.
func (x *idle) follows(y *idle) bool {
	if y == nil {
		return x.Sec == 0
	}
	return x.Sec == y.Sec && x.Action == y.Action && x.Polled == y.Polled && slices.Equal(x.Sockets, y.Sockets) && slices.Equal(x.Bound, y.Bound)
}

// followTiers plans anew what X-IdleReclaimSec=, X-IdleStopSec= and
// X-IdleMinUpSec= have put off.
func (e *Engine) followTiers(n *node) {
	x := n.service.Idle
	switch {
	case x.asleep():
		if x.Depth.Timer.Gen != 0 || n.serviceDef().Tiers != nil {
			e.armTier(n)
		}
	case x.Phase == idleAwake && x.Next > max(e.firstLook(x), e.upFor(n)):
		e.planLook(n, max(e.firstLook(x), e.upFor(n)))
	}
}
