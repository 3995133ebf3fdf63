// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// heldPatience is how long an event may be held before that is reported.
const heldPatience = Time(10 * time.Second)

// heldLimit is when an event that only halves of expressions hold completes
// all the same: whoever waits for it would wait for what may never come.
const heldLimit = Time(90 * time.Second)

// armHeld has the events that are held looked at, at that time or before.
func (e *Engine) armHeld(at Time) {
	if e.held != 0 && e.heldAt <= at {
		return
	}
	tok := e.order("")
	e.held, e.heldAt = tok.Gen, at
	e.emit(ArmTimer{Token: tok, Timer: TimerHeld, At: at})
}

// heldEvents returns the events on their way, oldest first.
func (e *Engine) heldEvents() []*event {
	all := make([]*event, 0, len(e.events))
	for _, v := range e.events {
		all = append(all, v)
	}
	slices.SortFunc(all, func(a, b *event) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// maxTold bounds the reports of one look.
const maxTold = 32

// heldTimer reports each event that nobody has completed for long, with the
// names of those that hold it: an "and" that never comes true, and jobs that
// wait for each other, are never silent.
func (e *Engine) heldTimer(in TimerFired) {
	if in.Token.Gen != e.held {
		e.late++
		return
	}
	e.held = 0
	told := 0
	next := Time(0)
	again := func(at Time) {
		if next == 0 || at < next {
			next = at
		}
	}
	for _, v := range e.heldEvents() {
		due := v.Since + heldPatience
		if v.Told {
			due = v.Since + heldLimit
		}
		switch {
		case due > e.now:
			again(due)
		case v.Told:
			e.letGoOf(v)
			again(e.now + heldLimit)
		case told < maxTold:
			v.Told = true
			told++
			e.record(RecordWarning, nil, "event %s has been waited for %s: %s", v.words(), time.Duration(e.now-v.Since).Round(time.Second), e.whyHeld(v))
			again(v.Since + heldLimit)
		default:
			again(e.now + heldPatience)
		}
	}
	if next != 0 {
		e.armHeld(next)
	}
}

// letGoOf lets half-true expressions hold an event no longer. What they have
// heard stays true.
func (e *Engine) letGoOf(v *event) {
	v.Since = e.now // what runs because of it may take its time
	before := v.Holders
	for _, n := range e.nodes {
		if n == nil || n.ev == nil {
			continue
		}
		for _, latches := range [...][]latch{n.ev.Start, n.ev.Stop} {
			for i := range latches {
				if latches[i].Held == v.ID {
					latches[i].Held = 0
					e.unhold(v.ID, false)
				}
			}
		}
	}
	if v.Holders < before {
		e.record(RecordWarning, nil, "event %s is not held by half-true conditions any longer, after %s", v.words(), time.Duration(heldLimit))
	}
}

// whyHeld says who holds the event, and what they wait for.
func (e *Engine) whyHeld(v *event) string {
	var words []string
	for _, n := range e.nodes {
		if n == nil || n.ev == nil {
			continue
		}
		for _, h := range n.ev.Holds {
			if h.Event == v.ID {
				words = append(words, title(n)+" is "+e.doing(n))
			}
		}
		if n.def.Events != nil {
			words = heldBy(words, n, "start", n.ev.Start, n.def.Events.StartOn, v.ID)
			words = heldBy(words, n, "stop", n.ev.Stop, n.def.Events.StopOn, v.ID)
		}
		if len(words) > 8 {
			return strings.Join(words, "; ") + "; and others"
		}
	}
	if len(words) == 0 {
		return "nobody holds it"
	}
	return strings.Join(words, "; ")
}

func heldBy(words []string, n *node, what string, latches []latch, x unit.Expr, id uint64) []string {
	for i := range latches {
		if latches[i].Held == id {
			return append(words, title(n)+" waits for the rest of its "+what+" condition: "+strings.Join(missing(latches, x), ", "))
		}
	}
	return words
}

// missing are the operands that have not come true.
func missing(latches []latch, x unit.Expr) []string {
	var out []string
	for i := range x {
		if x[i].Op == unit.OpEvent && (i >= len(latches) || !latches[i].True) {
			out = append(out, termWords(&x[i]))
		}
	}
	return out
}

// termWords is an operand as it stands in a file.
func termWords(t *unit.Term) string {
	w := t.Event
	for _, m := range t.Match {
		w += " "
		if m.Key != "" {
			w += m.Key
			if m.Negate {
				w += "!"
			}
			w += "="
		}
		if m.Value == "" || strings.ContainsAny(m.Value, " \t\"'()#") {
			w += `"` + m.Value + `"`
		} else {
			w += m.Value
		}
	}
	return w
}

// doing says in words what a unit is about.
func (e *Engine) doing(n *node) string {
	st := e.statusOf(n)
	w := st.Goal + "/" + st.State
	if why := e.waits(n); len(why) > 0 {
		w += " (" + strings.Join(why, ", ") + ")"
	}
	return w
}
