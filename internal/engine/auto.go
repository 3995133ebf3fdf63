// SPDX-License-Identifier: Apache-2.0

package engine

import "github.com/rouse-init/rouse/internal/unit"

// rateLimit bounds what the manager does to one unit by itself (Upholds=,
// StopWhenUnneeded=, BindsTo=, and handlers of what can fail without any process),
// so that units that disagree cannot keep it busy for ever, all in one Step.
type rateLimit struct {
	Begin Time // of the present interval
	Num   uint32
	Retry uint64 // gen of the timer that looks again, 0 for none
}

// Systemd's figures for the same purpose.
const (
	autoInterval Time   = 10_000_000_000
	autoBurst    uint32 = 16
)

// mayAct counts one act of the manager's own on n. If there have been too many
// it says no, and has n looked at again when the interval is over.
func (e *Engine) mayAct(n *node, what string) bool {
	if e.belowLimit(n) {
		return true
	}
	l := n.auto
	if l.Retry == 0 {
		tok := e.order(n.def.Name)
		l.Retry = tok.Gen
		e.emit(ArmTimer{Token: tok, Timer: TimerAuto, At: l.Begin + autoInterval})
		e.record(RecordWarning, n, "%s, but that was done too often recently; looking again in 10 s", what)
	}
	return false
}

// belowLimit counts one act of the manager's own on n, if it is allowed.
func (e *Engine) belowLimit(n *node) bool {
	if n.auto == nil {
		n.auto = &rateLimit{Begin: e.now}
	}
	l := n.auto
	if e.now-l.Begin >= autoInterval {
		l.Begin, l.Num = e.now, 0
	}
	if l.Num >= autoBurst {
		return false
	}
	l.Num++
	return true
}

// autoTimer looks again.
func (e *Engine) autoTimer(n *node, in TimerFired) {
	if n.auto == nil || n.auto.Retry == 0 || n.auto.Retry != in.Token.Gen {
		e.late++
		return
	}
	n.auto.Retry = 0
	e.recheck(n)
}

// recheckAround has those units looked at whose right to be active hangs on n.
func (e *Engine) recheckAround(n *node) {
	s := n.view.Active
	if n.rels&(needs|boundBy) == 0 {
		return
	}
	for i := range n.edges {
		r, m := n.edges[i].Rel, e.nodes[n.edges[i].Peer]
		if needs.has(r) && m.service != nil && m.service.Idle != nil {
			e.work.push(reaction{do: regroup, node: m.id})
		}
		switch {
		case needs.has(r) && m.def.StopWhenUnneeded && falling(s),
			boundBy.has(r) && dead(s) && m.view.Active == Active,
			upholds.has(r) && up(s) && dead(m.view.Active):
			e.work.push(reaction{do: recheck, node: m.id})
		}
	}
}

// recheck does to n what the manager does unasked: it stops what nobody needs
// and what has lost what it is bound to, starts what is upheld, and forgets
// what is to be collected. A unit with a job is left alone: the end of the job
// brings it here again.
func (e *Engine) recheck(n *node) {
	if n.job != nil || e.down && n.flag&flagCollect == 0 {
		return
	}
	switch {
	case n.view.Active == Active:
		if why := undefined(n); why != "" && e.mayAct(n, why) {
			e.record(RecordWarning, n, "is closed: %s", why)
			e.autoJob(n, Stop, unit.ModeReplace, why)
			return
		}
		e.recheckSocket(n)
		if n.def.StopWhenUnneeded && !e.needed(n) && e.mayAct(n, "no unit needs it any more") {
			e.autoJob(n, Stop, unit.ModeFail, "StopWhenUnneeded=, no unit needs it any more")
			e.stopsAsleep(n)
			return
		}
		if n.flag&flagGone != 0 && unit.BridgedBy(n.def.Name) != "" && e.mayAct(n, "its socket has no bridge any longer") {
			e.autoJob(n, Stop, unit.ModeReplace, "its socket has no X-Handover=bridge: any longer")
			return
		}
		if m := e.lost(n); m != nil && e.mayAct(n, "it is bound to "+m.def.Name+", which is inactive") {
			e.autoJob(n, Stop, unit.ModeReplace, "BindsTo= "+m.def.Name+", which is inactive")
		}
	case dead(n.view.Active):
		if m := e.upholder(n); m != nil && e.mayAct(n, m.def.Name+" upholds it") {
			e.autoJob(n, Start, unit.ModeFail, "Upholds= of "+m.def.Name)
			return
		}
		if n.flag&flagCollect != 0 && n.job == nil && (n.service == nil || n.service.Ticket == 0) &&
			(n.view.Active == Inactive || n.def.CollectMode == unit.CollectInactiveOrFailed) {
			e.forget(n)
		}
	}
}

func (e *Engine) autoJob(n *node, v Verb, mode unit.JobMode, cause string) {
	if _, why := e.enqueue(n, v, mode, cause); why != nil {
		e.record(RecordWarning, n, "cannot %s it (%s), ignoring: %s", v, cause, why.Msg)
	}
}

// needed tells whether any unit that pulls n in is there or on its way.
func (e *Engine) needed(n *node) bool {
	for m := range e.each(n, neededBy) {
		if m.job != nil || !dead(m.view.Active) {
			return true
		}
	}
	return false
}

// lost returns a unit that n is bound to and that is down for good.
func (e *Engine) lost(n *node) *node {
	for m := range e.each(n, boundTo) {
		if m.job == nil && dead(m.view.Active) {
			return m
		}
	}
	return nil
}

// upholder returns an active unit that wants n up at all times.
func (e *Engine) upholder(n *node) *node {
	for m := range e.each(n, upheldBy) {
		if up(m.view.Active) {
			return m
		}
	}
	return nil
}
