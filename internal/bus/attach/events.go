// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"strings"

	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/unit"
)

// EventName is the event that signals of others become (dbus-event(7)).
const EventName = "dbus"

// maxEventRules match rules are made; with more terms all signals are asked for.
const maxEventRules = 100

// eventTerms are the terms that wait for the event "dbus".
type eventTerms struct {
	terms   []unit.Term
	rules   []string
	senders []string // well-known names in SENDER=
	budget  map[string]*bucket
}

// SetEvents says which events are waited for: the terms of all start and stop
// expressions, of which only those for the event "dbus" count. It replaces what
// was set before.
func (b *Bus) SetEvents(terms []unit.Term) {
	old := b.events
	b.events = eventTerms{budget: old.budget}
	e := &b.events
	seen := make(map[string]bool)
	for _, t := range terms {
		if t.Op != unit.OpEvent || t.Event != EventName {
			continue
		}
		e.terms = append(e.terms, t)
		r := termRule(&t)
		if validName(r.Sender) && r.Sender != driver && !seen["name "+r.Sender] {
			seen["name "+r.Sender] = true
			e.senders = append(e.senders, r.Sender)
		}
		for _, text := range termRules(&t, r) {
			if !seen[text] {
				seen[text] = true
				e.rules = append(e.rules, text)
			}
		}
	}
	if len(e.rules) > maxEventRules {
		e.rules = []string{Rule{}.String()}
	}
	// New ones first: what is in both is not taken away meanwhile. And names
	// first, so that a sender is known when its signals come.
	for _, s := range e.senders {
		b.watch(s)
	}
	for _, r := range e.rules {
		b.addRule(r)
	}
	for _, r := range old.rules {
		b.removeRule(r)
	}
	for _, s := range old.senders {
		b.unwatch(s)
	}
}

// termRule is the widest rule that a term allows: what is a pattern, a
// variable, negated or an argument, which may be a number, is left to compare
// when the signal is here.
func termRule(t *unit.Term) Rule {
	var r Rule
	for _, m := range t.Match {
		if !literal(&m) {
			continue
		}
		switch m.Key {
		case "SIGNAL":
			r.Member = m.Value
		case "INTERFACE":
			r.Interface = m.Value
		case "OBJPATH":
			r.Path = m.Value
		case "SENDER":
			r.Sender = m.Value
		}
	}
	// A bus refuses a rule with a name that is none; it would never fit.
	if !wire.ValidPath(r.Path) {
		r.Path = ""
	}
	if !validName(r.Interface) || strings.Contains(r.Interface, "-") {
		r.Interface = ""
	}
	if !validName(r.Member+".x") || strings.ContainsAny(r.Member, ".-") {
		r.Member = ""
	}
	if !validName(r.Sender) && !validUnique(r.Sender) {
		r.Sender = ""
	}
	return r
}

// termRules are the match rules for a term. NameAcquired and NameLost go only
// to whom they concern; for others they are made of NameOwnerChanged.
func termRules(t *unit.Term, r Rule) []string {
	if r.Member != "NameAcquired" && r.Member != "NameLost" || r.Interface != "" && r.Interface != driver {
		return []string{r.String()}
	}
	rules := []string{wideRule}
	for _, m := range t.Match {
		if m.Key == "ARG0" && literal(&m) && (validName(m.Value) || validUnique(m.Value)) {
			rules[0] = narrowRule(m.Value)
		}
	}
	if r.Interface == "" {
		rules = append(rules, r.String())
	}
	return rules
}

// validUnique tells whether s looks like a unique name.
func validUnique(s string) bool {
	return len(s) > 1 && len(s) < 255 && s[0] == ':' && !strings.ContainsFunc(s[1:], func(r rune) bool {
		return r != '.' && (r < '0' || r > '9')
	})
}

func literal(m *unit.Match) bool {
	return m.Key != "" && !m.Negate && m.Value != "" && !strings.ContainsAny(m.Value, `$*?[\`)
}

// signal makes an event of a signal that somebody waits for.
func (e *eventTerms) signal(b *Bus, m *wire.Message) {
	if len(e.terms) == 0 || b.link == nil || m.Sender == b.link.unique || strings.HasPrefix(m.Interface, "com.ubuntu.Upstart0_6") {
		return // what we say ourselves would go round in circles
	}
	if m.Sender == driver && m.Interface == driver && m.Member == "NameOwnerChanged" && m.Signature == "sss" {
		d := m.Decoder()
		name, old, owner := d.String(), d.String(), d.String()
		e.personal(b, "NameLost", name, old)
		e.personal(b, "NameAcquired", name, owner)
	}
	e.event(b, m)
}

// personal is the signal that the bus has sent to somebody else.
func (e *eventTerms) personal(b *Bus, member, name, to string) {
	if to == "" || to == b.link.unique {
		return // those to us come by themselves
	}
	var body wire.Encoder
	body.String(name)
	e.event(b, &wire.Message{
		Sender: driver, Interface: driver, Path: driverPath, Member: member, Destination: to, Signature: "s", Body: body.Data(),
	})
}

// event makes an event of a signal if some term may wait for it.
func (e *eventTerms) event(b *Bus, m *wire.Message) {
	env := b.eventEnv(m)
	for i := range e.terms {
		if mayFit(&e.terms[i], env) {
			if b.afford(m.Sender) && b.cfg.Events.Event != nil {
				b.cfg.Events.Event(env)
			}
			return
		}
	}
}

// mayFit is false where a term certainly does not fit; the engine knows.
func mayFit(t *unit.Term, env []string) bool {
	for i := range t.Match {
		m := &t.Match[i]
		if !literal(m) {
			continue
		}
		fits := false
		for _, v := range env {
			if value, ok := strings.CutPrefix(v, m.Key+"="); ok && value == m.Value {
				fits = true
				break
			}
		}
		if !fits {
			return false
		}
	}
	return true
}
