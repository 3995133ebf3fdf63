// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// idlePolicy gathers the policy of a service: its own X-IdleSec= and
// X-IdleAction=, and those of its sockets, for each of which its own time holds
// before that of the service. The shortest time holds, and freeze of one holds
// for all. Nil: it never sleeps by itself.
func (e *Engine) idlePolicy(n *node) *idle {
	if m := n.service.More; m != nil && m.Conn != 0 {
		return nil // it ends with its connection (Accept=yes)
	}
	d := n.serviceDef()
	names := e.socketsOf(n)
	x := &idle{Action: d.IdleAction, Group: e.grouped(n)}
	add := func(sec Time) {
		if x.Sec == 0 || sec < x.Sec {
			x.Sec = sec
		}
	}
	for _, name := range names {
		s := e.node(name).socketDef()
		switch {
		case s.Leaving:
			add(leaveIdle)
			x.Leave = true
		case !endless(s.IdleSec):
			add(Time(s.IdleSec))
			x.Action = max(x.Action, s.IdleAction)
		case !endless(d.IdleSec):
			add(Time(d.IdleSec))
		}
	}
	if len(names) == 0 && !endless(d.IdleSec) {
		add(Time(d.IdleSec))
	}
	if x.Group {
		x.Action = unit.IdleFreeze // a stop would stop those that need it
		if x.Sec == 0 && len(names) > 0 {
			x.Sec = groupCalm
		}
	}
	if x.Sec == 0 && !x.Group {
		return nil
	}
	if x.Leave {
		x.Action = unit.IdleStop
	}
	x.Sockets = names
	if len(names) > 0 {
		x.Bound = e.boundSockets(n)
	}
	x.Polled = !e.cfg.DestroyEvents || len(names) == 0 || hasJudge(n)
	for _, name := range x.looked() {
		s := e.node(name).socketDef()
		// The ports of sockets without a time are not watched for ends.
		x.Polled = x.Polled || endless(s.IdleSec) && len(x.Bound) > 0
		x.Polled = x.Polled || s.MemberOf != "" // which of them a connection was of, nobody says when it ends
		for _, l := range s.Listens {
			stream := l.Kind == unit.ListenStream || l.Kind == unit.ListenSeqpacket
			if !stream || l.Address != "" && (l.Address[0] == '/' || l.Address[0] == '@') {
				x.Polled = true // nothing tells of the end of a datagram, nor of that of a unix connection
			}
		}
	}
	return x
}

// why says why it sleeps; what is said of its sockets, where it has some.
func (x *idle) why(what string) string {
	switch {
	case x.Evicted != "":
		return "put to sleep to make room in " + x.Evicted
	case x.Leave:
		return "no connection is left, and its socket takes no more (Distribute=)"
	case x.Group:
		return "no service that is awake needs it"
	case len(x.Sockets) == 0:
		what = "idle"
	}
	return what + " for " + time.Duration(x.Sec).String() + " (X-IdleSec=)"
}

// firstLook is when an awake service is first looked at. Where there are no
// connections its use of the CPU tells, which counts from the first look on.
func (e *Engine) firstLook(x *idle) Time {
	after := e.minLook()
	if len(x.Sockets) > 0 {
		after = e.lookAfter(x)
	}
	return max(e.now+after, x.Retry)
}

// subjects says what to look at for n: its sockets, and itself where it has none
// or has a connection to a bus.
func (x *idle) subjects(n *node, f *CountConnections) {
	f.Sockets = append(f.Sockets, x.looked()...)
	if len(x.Sockets) == 0 || onAnyBus(n) {
		f.Services = append(f.Services, n.def.Name)
	}
}

// onAnyBus tells whether messages come to the service by a bus.
func onAnyBus(n *node) bool { return n.serviceDef().BusName != "" }

// works tells whether the service has used more of the CPU since the last look
// than one that rests does. Without connections it shows as work alone that it
// is talked to: a call over a bus costs some 0.1 ms.
func (e *Engine) works(n *node, used Time) bool {
	x := n.service.Idle
	if x.CPUAt == 0 {
		return false
	}
	most := (e.now - x.CPUAt) / 20
	if onAnyBus(n) && len(x.Sockets) == 0 {
		most = Time(time.Millisecond) + (e.now-x.CPUAt)/10_000
	}
	return used-x.CPU > most
}

// unseen tells whether nothing at all is known of what the service does.
func (e *Engine) unseen(n *node, c Count) bool {
	x := n.service.Idle
	return len(x.Sockets) == 0 && x.Sec != 0 && c.CPU < 0 && !hasJudge(n)
}

// addItself adds to the count of a service's sockets what was seen of itself.
func addItself(c *Count, in *Connections, name string) {
	for i := len(in.Counts) - 1; i >= 0 && in.Counts[i].Service != ""; i-- {
		if d := &in.Counts[i]; d.Service == name {
			c.Queued += d.Queued
			c.CPU = max(c.CPU, d.CPU)
		}
	}
}

// watchConnections has what wakes a sleeper watched, beside its sockets.
func (e *Engine) watchConnections(n *node) {
	f := WatchConnections{Sockets: n.service.Idle.Sockets}
	if onAnyBus(n) {
		f.Services = []string{n.def.Name}
	}
	if len(f.Sockets)+len(f.Services) > 0 {
		e.emit(f)
	}
}

func (e *Engine) unwatchConnections(n *node) {
	f := UnwatchConnections{Sockets: n.service.Idle.Sockets}
	if onAnyBus(n) {
		f.Services = []string{n.def.Name}
	}
	if len(f.Sockets)+len(f.Services) > 0 {
		e.emit(f)
	}
}

// spokenTo: a message has come for a frozen service.
func (e *Engine) spokenTo(n *node) {
	if !n.service.Idle.asleep() {
		e.late++
		return
	}
	if e.mayWake(n, nil) {
		e.wakeFor(n, busCause)
	}
}
