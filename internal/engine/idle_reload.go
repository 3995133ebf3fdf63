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
	if fresh == nil {
		fresh = &idle{Sockets: x.Sockets, Polled: x.Polled}
	}
	switch {
	case x.Leave || fresh.Leave:
		return // followGroup sees to it
	case x.Group != fresh.Group:
		e.regroup(n)
		return
	case x.follows(fresh):
		e.followTiers(n)
		return
	}
	on := fresh.Sec != 0 || fresh.Group
	if x.Ice && !x.Held && (!on || x.Action != fresh.Action || !slices.Equal(x.Sockets, fresh.Sockets)) {
		e.unfreeze(n) // thawed goes on
		n.view.Cause = "its idle policy has changed"
		e.changed(n)
	}
	x.Sec, x.Action, x.Polled, x.Sockets, x.Bound = fresh.Sec, fresh.Action, fresh.Polled, fresh.Sockets, fresh.Bound
	switch {
	case x.Phase != idleAwake:
		e.followTiers(n)
	case !on:
		e.unlook(n)
		e.dropJudge(n)
		s.Idle = nil
		e.rearmLooks()
	default:
		e.unlook(n)
		e.idleEnter(n)
	}
}

// follows tells whether x is the policy y already.
func (x *idle) follows(y *idle) bool {
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
