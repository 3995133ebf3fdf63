// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"path"
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/upstart"
	"github.com/rouse-init/rouse/internal/unit"
)

// effect is what an event expression means to systemd: the dependencies of
// the service, what starts it, and what could not be said.
type effect struct {
	wantedBy, wants, requires, bindsTo, partOf []string
	conflicts, after, before                   []string
	conditions, environment                    []string
	// sockets are addresses, paths lines of [Path], calendars and rules
	// those of a timer and of udev: each starts the service on demand.
	sockets, paths, calendars, rules []string
	// noDefaults: the service runs earlier at boot than the default
	// dependencies allow; down: while the machine goes down.
	noDefaults, down bool
	idle             bool
	missing          []missing
}

// missing is one event that has no equivalent.
type missing struct {
	pos       diag.Pos
	what, why string
}

// with joins the parts of two effects.
func (e effect) with(f effect) effect {
	return effect{
		wantedBy:    slices.Concat(e.wantedBy, f.wantedBy),
		wants:       slices.Concat(e.wants, f.wants),
		requires:    slices.Concat(e.requires, f.requires),
		bindsTo:     slices.Concat(e.bindsTo, f.bindsTo),
		partOf:      slices.Concat(e.partOf, f.partOf),
		conflicts:   slices.Concat(e.conflicts, f.conflicts),
		after:       slices.Concat(e.after, f.after),
		before:      slices.Concat(e.before, f.before),
		conditions:  slices.Concat(e.conditions, f.conditions),
		environment: slices.Concat(e.environment, f.environment),
		sockets:     slices.Concat(e.sockets, f.sockets),
		paths:       slices.Concat(e.paths, f.paths),
		calendars:   slices.Concat(e.calendars, f.calendars),
		rules:       slices.Concat(e.rules, f.rules),
		noDefaults:  e.noDefaults || f.noDefaults,
		down:        e.down || f.down,
		idle:        e.idle || f.idle,
		missing:     slices.Concat(e.missing, f.missing),
	}
}

// special tells whether something starts the service on demand.
func (e effect) special() bool {
	return len(e.sockets)+len(e.paths)+len(e.calendars)+len(e.rules) > 0
}

// triggered tells whether anything starts the service.
func (e effect) triggered() bool { return len(e.wantedBy) > 0 || e.special() }

// rank orders what may start a service: the higher one of an "and" does, and
// the lower one is waited for. What comes on demand is the last to come, then
// the targets of the boot in their order, then single units.
func (e effect) rank() int {
	switch {
	case e.special():
		return 4
	case slices.Contains(e.wantedBy, "graphical.target"):
		return 3
	case slices.ContainsFunc(e.wantedBy, isTarget) && !slices.Contains(e.wantedBy, "sysinit.target"):
		return 2
	case len(e.wantedBy) > 0 && !slices.ContainsFunc(e.wantedBy, isTarget):
		return 1
	}
	return 0
}

func isTarget(name string) bool { return unit.KindOf(name) == unit.KindTarget }

// both is "e and f": one of them starts the service, and the other is waited
// for. A missing unit must not hold the service back for ever, so it is
// wanted and not required.
func (e effect) both(f effect, what string) effect {
	lead, other := e, f
	if f.rank() > e.rank() {
		lead, other = f, e
	}
	all := e.with(f)
	all.wantedBy = lead.wantedBy
	for _, n := range other.wantedBy {
		if !isTarget(n) && !slices.Contains(lead.wantedBy, n) {
			all.wants = append(all.wants, n)
		}
	}
	if lead.special() && other.special() {
		all.missing = append(all.missing, missing{what: what, why: "each of the two starts the service, systemd does not wait for both"})
	}
	if lead.triggered() && other.triggered() {
		all.noDefaults = lead.noDefaults && other.noDefaults
	}
	if lead.triggered() && !other.triggered() && len(other.missing) == 0 {
		all.noDefaults = lead.noDefaults
	}
	return all
}

// fold evaluates a postfix expression, leaf by leaf.
func fold(x unit.Expr, leaf func(unit.Term) effect, and, or func(e, f effect, what string) effect) effect {
	type operand struct {
		e    effect
		text string
	}
	var stack []operand
	for _, t := range x {
		if t.Op == unit.OpEvent {
			stack = append(stack, operand{leaf(t), upstart.EventWords(t)})
			continue
		}
		if len(stack) < 2 { // no compiler makes that
			return effect{}
		}
		a, b := stack[len(stack)-2], stack[len(stack)-1]
		stack = stack[:len(stack)-2]
		op, join := " and ", and
		if t.Op == unit.OpOr {
			op, join = " or ", or
		}
		text := "(" + a.text + op + b.text + ")"
		stack = append(stack, operand{join(a.e, b.e, text), text})
	}
	if len(stack) != 1 {
		return effect{}
	}
	return stack[0].e
}

// match finds the condition on a variable: by its name, or by its place
// among the positional ones.
func match(t unit.Term, key string, place int) (unit.Match, bool) {
	for i, m := range t.Match {
		if m.Key == key || m.Key == "" && i == place {
			return m, true
		}
	}
	return unit.Match{}, false
}

// exact is the one value that a condition allows, "" for patterns and
// negations.
func exact(t unit.Term, key string, place int) string {
	m, ok := match(t, key, place)
	if !ok || m.Negate || strings.ContainsAny(m.Value, "*?[\\") {
		return ""
	}
	return m.Value
}

// fits matches a pattern of fnmatch(3) with a value that has no slash.
func fits(m unit.Match, value string) bool {
	ok, err := path.Match(strings.ReplaceAll(m.Value, "[!", "[^"), value)
	return err == nil && ok != m.Negate
}

// others are the conditions of an event on other variables than those known,
// as words; "" for none.
func others(t unit.Term, known ...string) string {
	var out []string
	for i, m := range t.Match {
		key := m.Key
		if names := eventVariables[t.Event]; key == "" && i < len(names) {
			key = names[i]
		}
		if !slices.Contains(known, key) {
			out = append(out, strings.TrimPrefix(upstart.EventWords(unit.Term{Match: []unit.Match{m}}), `"" `))
		}
	}
	return strings.Join(out, " ")
}

// unless adds to e that the conditions rest of t do not count. Where nothing
// is started that has been said.
func (e effect) unless(t unit.Term, rest string) effect {
	if rest != "" && len(e.missing) == 0 {
		e.missing = append(slices.Clip(e.missing), missing{pos: t.Pos, what: upstart.EventWords(t), why: "a unit has no variables, it is started whatever " + rest + " says"})
	}
	return e
}
