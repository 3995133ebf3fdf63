// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"

	"github.com/rouse-init/rouse/internal/unit"
)

// startResult is what came of asking a unit to start.
type startResult uint8

const (
	// startBegun: it is on its way, or was already; enter tells the rest.
	startBegun startResult = iota
	// startAlready: it is active, so the job is done.
	startAlready
	// startRefused: the job fails; the Refusal says why.
	startRefused
	// startAgain: it cannot start in the state that it has (it is
	// stopping); the job waits and is tried again after the next enter.
	startAgain
)

// kindStart begins to start a service or socket. It is called when the order
// allows it and the conditions have held. The refusal is nil unless the
// result is startRefused.
func (e *Engine) kindStart(n *node) (startResult, *Refusal) {
	if n.def.Kind == unit.KindSocket {
		return e.startSocket(n)
	}
	return e.startService(n)
}

// kindStop begins to stop it, or gives up an automatic restart. False: there
// is nothing to stop, the job is done.
func (e *Engine) kindStop(n *node) bool {
	if n.def.Kind == unit.KindSocket {
		return e.stopSocket(n)
	}
	return e.stopService(n)
}

// kindReload begins to reload it. False: it cannot be reloaded now, the job
// fails.
func (e *Engine) kindReload(n *node) bool {
	return n.def.Kind == unit.KindService && e.reloadService(n)
}

// canReload tells whether the unit has a way to be reloaded at all.
func (e *Engine) canReload(n *node) bool {
	return n.def.Kind == unit.KindService && n.canReloadService()
}

// kindReset is reset-failed: the failed state and the rate limits are
// forgotten.
func (e *Engine) kindReset(n *node) {
	switch {
	case n.service != nil:
		s := n.service
		s.Starts, s.LimitHit, s.NotBefore = rate{}, false, 0
		n.view.NRestarts = 0
		if s.State == svcFailed {
			s.Result, n.view.Failure = resSuccess, ""
			e.setService(n, e.deadState(n))
		}
	case n.socket != nil:
		s := n.socket
		s.Starts, s.Trigger, s.Poll, s.Backoff = rate{}, rate{}, rate{}, 0
		e.endRetry(n)
		if s.State == sckFailed {
			s.Result, n.view.Failure = resSuccess, ""
			e.setSocket(n, sckDead)
		} else if s.Pause.Gen != 0 {
			e.disarm(n, TimerPoll, &s.Pause)
			n.view.Failure = ""
			e.resumeSocket(n)
		}
	}
}

// kindForget is called before a unit is unloaded: what it still holds is given
// back.
func (e *Engine) kindForget(n *node) {
	if s := n.service; s != nil {
		e.dropTicket(n)
		e.vacate(n)
		e.abandon(n)
		e.dropUnused(n)
		e.idleEnd(n)
	}
	e.endRetry(n)
}

// triggeredChanged tells the socket unit sock that its service svc has
// changed state, or that svc's job has ended.
func (e *Engine) triggeredChanged(sock, svc *node) {
	if sock.def.Kind == unit.KindSocket && svc.def.Kind == unit.KindService {
		e.serviceChanged(sock, svc)
	}
}

// quiet tells that no process of any unit is left.
func (e *Engine) quiet() bool { return e.live == 0 && e.busy == 0 }

// kinds is what services and sockets keep for all units together. It is not
// in the snapshot: restoreKinds rebuilds it from the nodes.
type kinds struct {
	pids    map[int32]int32 // main and control pids, to node ids
	live    int             // processes that were ordered and have not ended
	busy    int             // services in a state in which they may have processes
	looks   looks
	keeper  int32   // id of the service whose idle.Timer runs, -1 for none
	waiting []int32 // services of Type=idle that wait for the jobs to end
	waking  []int32 // those whose service.Waking is set
	ceilings
}

func newKinds() kinds { return kinds{pids: map[int32]int32{}, keeper: -1} }

// restoreKinds rebuilds what is derived from the nodes' states after Restore.
func (e *Engine) restoreKinds() {
	e.kinds = newKinds()
	for _, n := range e.nodes {
		if n == nil {
			continue
		}
		if s := n.service; s != nil {
			e.restoreProc(n, s.Main)
			e.restoreProc(n, s.Control)
			if s.Main.alive() || s.Control.alive() {
				n.enterCgroup() // a snapshot of an older version does not tell
			}
			if s.More != nil {
				e.restoreProc(n, s.More.Judge)
			}
			if s.State.busy() {
				e.busy++
			}
			if s.IdleWait {
				e.waiting = append(e.waiting, n.id)
			}
			if s.Waking {
				e.waking = append(e.waking, n.id)
			}
			if x := s.Idle; x != nil {
				if x.Next != 0 {
					e.looks.push(lookAt{x.Next, n.id})
				}
				if x.Timer.Gen != 0 {
					e.keeper = n.id
				}
			}
		}
		if s := n.socket; s != nil {
			e.restoreProc(n, s.Control)
		}
	}
	e.restoreRooms()
}

func (e *Engine) restoreProc(n *node, p proc) {
	if p.alive() {
		e.live++
		if p.Pid != 0 {
			e.pids[p.Pid] = n.id
		}
	}
}

// jobsQueued tells whether a job other than n's own is queued.
func (e *Engine) jobsQueued(n *node) bool {
	own := 0
	if n.job != nil {
		own = 1
	}
	return len(e.jobs.byID) > own
}

// jobsDrained is called at the end of a Step that has left no job queued:
// services of Type=idle start now.
func (e *Engine) jobsDrained() {
	waiting := e.waiting
	e.waiting = nil
	slices.Sort(waiting) // restoreKinds does not know the order
	for _, id := range waiting {
		if n := e.nodes[id]; n != nil && n.service != nil {
			e.beginIdle(n)
		}
	}
}
