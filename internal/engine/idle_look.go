// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// Looking at connections costs the same for one service as for all, so all
// that are due are looked at together. One timer serves them all; it is kept
// under the name of one of them, whose idle.Timer runs.

// looks is a binary heap of the looks to come. Entries whose time is not their
// node's idle.Next any more are stale, and dropped when they come up.
type looks []lookAt

type lookAt struct {
	at Time
	id int32
}

func (a lookAt) before(b lookAt) bool { return a.at < b.at || a.at == b.at && a.id < b.id }

func (q *looks) push(x lookAt) {
	h := append(*q, x)
	i := len(h) - 1
	for i > 0 && h[i].before(h[(i-1)/2]) {
		h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
		i = (i - 1) / 2
	}
	*q = h
}

func (q *looks) pop() {
	h := *q
	last := len(h) - 1
	h[0] = h[last]
	h = h[:last]
	for i := 0; ; {
		c := 2*i + 1
		if c+1 < last && h[c+1].before(h[c]) {
			c++
		}
		if c >= last || !h[c].before(h[i]) {
			break
		}
		h[i], h[c] = h[c], h[i]
		i = c
	}
	*q = h
}

// idleOf is the idle state of a node by id; nil if it has none.
func (e *Engine) idleOf(id int32) *idle {
	if n := e.nodes[id]; n != nil && n.service != nil {
		return n.service.Idle
	}
	return nil
}

// planLook plans the next look at n.
func (e *Engine) planLook(n *node, at Time) {
	x := n.service.Idle
	if x.Next == at {
		return
	}
	x.Next = at
	e.looks.push(lookAt{at, n.id})
	e.rearmLooks()
}

// unlook cancels it.
func (e *Engine) unlook(n *node) {
	x := n.service.Idle
	x.Next = 0
	if x.Phase == idleAwake {
		x.Gen, x.Judged = 0, false // a look under way does not count any more
	}
	if x.Timer.Gen != 0 {
		e.disarm(n, TimerIdle, &x.Timer)
		e.keeper = -1
		e.rearmLooks()
	}
}

// nextLook drops what is stale and returns the earliest look.
func (e *Engine) nextLook() (lookAt, bool) {
	for len(e.looks) > 0 {
		l := e.looks[0]
		if x := e.idleOf(l.id); x != nil && x.Next == l.at {
			return l, true
		}
		e.looks.pop()
	}
	return lookAt{}, false
}

// rearmLooks makes the timer fire in time for the earliest look. One that
// fires too early costs less than one that is moved each time.
func (e *Engine) rearmLooks() {
	l, ok := e.nextLook()
	if !ok {
		return
	}
	if e.keeper >= 0 {
		x := e.idleOf(e.keeper)
		if x.Timer.At <= l.at {
			return
		}
		e.disarm(e.nodes[e.keeper], TimerIdle, &x.Timer)
	}
	e.keeper = l.id
	e.arm(e.nodes[l.id], TimerIdle, &e.idleOf(l.id).Timer, l.at)
}

// lookTime: the timer has fired. All that are due are counted in one order.
func (e *Engine) lookTime(n *node, in TimerFired) {
	x := n.service.Idle
	if x == nil || x.Timer.Gen == 0 || x.Timer.Gen != in.Token.Gen {
		e.late++
		return
	}
	x.Timer = timer{}
	e.keeper = -1
	var f CountConnections
	for {
		l, ok := e.nextLook()
		if !ok || l.at > e.now+e.minLook() {
			break
		}
		e.looks.pop()
		m, y := e.nodes[l.id], e.idleOf(l.id)
		y.Next = 0
		if due := y.Since + y.Sec; !y.Polled && y.Action == unit.IdleStop && due > e.now+e.minLook() {
			y.Next = due // a connection has ended since: the time begins anew
			e.looks.push(lookAt{due, l.id})
			continue
		}
		if f.Token.Gen == 0 {
			f.Token = e.order(m.def.Name)
		}
		y.Gen = f.Token.Gen
		y.subjects(m, &f)
	}
	if f.Token.Gen != 0 {
		e.emit(f)
	}
	e.rearmLooks()
}

// count orders a look at one service alone, because it is frozen.
func (e *Engine) count(n *node) {
	x := n.service.Idle
	f := CountConnections{Token: e.order(n.def.Name)}
	x.Gen = f.Token.Gen
	x.subjects(n, &f)
	e.emit(f)
}

// connections hands each service that was looked at what is known of its
// sockets. Those of one service stand together, as they were asked for.
func (e *Engine) connections(in *Connections) {
	for i := 0; i < len(in.Counts); {
		if e.leaveCounted(&in.Counts[i], in.Token.Gen) {
			i++
			continue
		}
		n := e.lookedAt(&in.Counts[i], in.Token.Gen)
		if n == nil {
			e.late++
			i++
			continue
		}
		x := n.service.Idle
		c := in.Counts[i]
		j, end := i+1, min(i+len(x.Sockets)+len(x.Bound), len(in.Counts))
		for ; j < end && c.Service == ""; j++ {
			d := in.Counts[j]
			if c.Open == 0 || d.Open > 0 && d.Silence < c.Silence {
				c.Silence = d.Silence
			}
			if d.Asked > 0 && (c.Asked == 0 || d.Asked < c.Asked) {
				c.Asked = d.Asked
			}
			c.Open += d.Open
			c.Queued += d.Queued
			c.Traffic = c.Traffic || d.Traffic
			c.CPU = max(c.CPU, d.CPU)
		}
		if i = j; c.Service == "" && onAnyBus(n) {
			addItself(&c, in, n.def.Name)
		}
		e.noteTraffic(n, c)
		switch x.Phase {
		case idleAwake:
			e.looked(n, c)
		case idleLooking, idleHolding:
			e.counted(n, c)
		case idleFreezing, idleFrozen, idleThawing, idleStopping:
			e.bug(n, "connections")
		}
	}
	e.evict(in.Token.Gen)
}

// lookedAt finds the service that waits for the look gen: that of the socket,
// or the one that was looked at itself.
func (e *Engine) lookedAt(c *Count, gen uint64) *node {
	waits := func(n *node) bool {
		return n != nil && n.service != nil && n.service.Idle != nil && n.service.Idle.Gen == gen
	}
	if c.Service != "" {
		if n := e.node(c.Service); waits(n) {
			return n
		}
		return nil
	}
	sock := e.node(c.Socket)
	if sock == nil {
		return nil
	}
	if n := e.serviceOf(sock); waits(n) {
		return n
	} else if n != nil {
		for _, m := range e.boundWith(n) {
			if waits(m) {
				return m
			}
		}
	}
	for n := range e.each(sock, of(TriggeredBy, Triggers, Before)) { // by Sockets= of another service
		if waits(n) {
			return n
		}
	}
	return nil
}

// lookAfter is the time between looks at an awake service.
func (e *Engine) lookAfter(x *idle) Time {
	if !x.Polled && x.Action == unit.IdleStop {
		return max(e.minLook(), x.Sec)
	}
	if x.Sec == 0 {
		return max(e.minLook(), groupCalm) // it waits for the end of a job, or of work
	}
	return max(e.minLook(), x.Sec/2)
}

// looked judges an awake service.
func (e *Engine) looked(n *node, c Count) {
	x := n.service.Idle
	judged := x.Judged
	x.Gen, x.Judged = 0, false
	e.seen(n, &c)
	unneeded := !x.Group || !e.kept(n)
	busy := e.inhibited(n) || c.Queued > 0 || c.Traffic || n.job != nil || !unneeded || x.owes(c)
	works, unseen := false, e.unseen(n, c)
	if c.CPU >= 0 && x.Sec != 0 && !hasJudge(n) {
		// Work without a connection shows as use of the CPU.
		works = e.works(n, c.CPU)
		x.CPU, x.CPUAt = c.CPU, e.now
	}
	busy = busy || works || unseen
	x.noteStay(c, works, unseen)
	var quiet Time
	switch {
	case busy:
		x.Since, x.Empty = e.now, false
	case c.Open == 0:
		if !x.Empty && x.Polled && x.Sec != 0 {
			x.Since = e.now // the first look that sees none
		}
		x.Empty = true
		quiet = e.now - x.Since
	case x.Action == unit.IdleFreeze:
		x.Empty = false
		quiet = c.Silence
	default:
		x.Since, x.Empty = e.now, false
	}
	if c.Traffic {
		x.Heard = e.now
	} else if x.Heard != 0 {
		quiet = min(quiet, e.now-x.Heard)
	}
	if !busy && !judged && (x.Empty || x.Action == unit.IdleFreeze) && e.askJudge(n) {
		return
	}
	if !busy && quiet >= x.Sec && (x.Empty || x.Action == unit.IdleFreeze) {
		e.sleep(n)
		return
	}
	switch {
	case n.view.Inhibited, !unneeded: // the end of it begins anew
	case c.Open > 0 && !busy && !x.Polled && x.Action == unit.IdleStop: // ConnectionClosed will tell
	case c.Open > 0 && !busy && x.Action == unit.IdleFreeze: // no silence that is long enough ends before
		e.planLook(n, e.now+max(e.minLook(), x.Sec-quiet))
	case x.Empty:
		e.planLook(n, e.now+max(e.minLook(), min(e.lookAfter(x), x.Sec-quiet)))
	default:
		e.planLook(n, e.now+e.lookAfter(x))
	}
}

// answerTime is how long a client that has asked is waited with, at least: a
// service may be silent while it waits for a disk, or for another service.
const answerTime = Time(30 * time.Second)

// owes tells whether a service that would be frozen with its connections open
// has yet to answer one of its clients.
func (x *idle) owes(c Count) bool {
	return x.Action == unit.IdleFreeze && c.Open > 0 && c.Asked > 0 && c.Asked < max(x.Sec, answerTime)
}

// noteTraffic keeps when a service was last heard of. How long connections
// have been silent is counted for X-IdleAction=freeze alone.
func (e *Engine) noteTraffic(n *node, c Count) {
	switch {
	case c.Queued > 0:
		n.view.Activity = e.now
	case c.Open > 0 && n.service.Idle.Action == unit.IdleFreeze:
		n.view.Activity = max(n.view.Activity, e.now-min(c.Silence, e.now))
	}
}

// connectionClosed: a connection of one of the service's sockets has ended.
func (e *Engine) connectionClosed(sock *node) {
	sock.view.Activity = e.now
	n := e.serviceOf(sock)
	if n == nil {
		return
	}
	e.emptied(n)
	for _, m := range e.boundWith(n) {
		e.emptied(m)
	}
}

// emptied: perhaps nobody is connected any more.
func (e *Engine) emptied(n *node) {
	if n.service == nil || n.service.Idle == nil {
		return
	}
	x := n.service.Idle
	if x.Sec == 0 || x.Phase != idleAwake || n.service.State != svcRunning {
		return
	}
	x.Since, x.Used = e.now, e.now
	e.connectionEnded()
	if x.Next == 0 && x.Gen == 0 && !n.view.Inhibited {
		e.planLook(n, e.now+x.Sec)
	}
}
