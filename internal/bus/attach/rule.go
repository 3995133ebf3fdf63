// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/bus/wire"
)

// Rule says which signals are wanted. Empty fields fit everything.
type Rule struct {
	Sender, Interface, Member, Path string
	// Arg0 is the first argument, where that is a string.
	Arg0 string
}

// String is the rule as AddMatch wants it.
func (r Rule) String() string {
	var b strings.Builder
	b.WriteString("type='signal'")
	for _, p := range [...]struct{ key, value string }{
		{"sender", r.Sender}, {"interface", r.Interface}, {"member", r.Member}, {"path", r.Path}, {"arg0", r.Arg0},
	} {
		if p.value != "" {
			// The end of the quotes, an escaped quote, and their begin again.
			b.WriteString("," + p.key + "='" + strings.ReplaceAll(p.value, "'", `'\''`) + "'")
		}
	}
	return b.String()
}

// fits tells whether a signal is one that was asked for. A sender that is a
// well-known name cannot be compared with that of the message; the bus did.
func (r *Rule) fits(m *wire.Message) bool {
	if r.Sender != "" && r.Sender != m.Sender && (r.Sender[0] == ':' || r.Sender == driver) {
		return false
	}
	if r.Interface != "" && r.Interface != m.Interface || r.Member != "" && r.Member != m.Member || r.Path != "" && r.Path != m.Path {
		return false
	}
	return r.Arg0 == "" || strings.HasPrefix(m.Signature, "s") && m.Decoder().String() == r.Arg0
}

// Match is what Bus.Match asked for.
type Match struct {
	rule Rule
	fn   func(*wire.Message)
}

// Match asks for signals. fn gets those that fit, which it must not keep: the
// body is valid until it returns. Unmatch ends it.
func (b *Bus) Match(rule Rule, fn func(*wire.Message)) *Match {
	m := &Match{rule, fn}
	b.matches = append(slices.Clip(b.matches), m) // process may be walking through it
	b.addRule(rule.String())
	return m
}

// Unmatch takes back what Match asked for.
func (b *Bus) Unmatch(m *Match) {
	i := slices.Index(b.matches, m)
	if i < 0 {
		return
	}
	b.matches = slices.Concat(b.matches[:i], b.matches[i+1:])
	b.removeRule(m.rule.String())
}

// addRule asks the bus for what fits the rule, once for all who want it.
func (b *Bus) addRule(rule string) {
	if b.rules[rule]++; b.rules[rule] == 1 {
		b.call("AddMatch", "s", texts(rule), b.ruleAdded(rule))
	}
}

func (b *Bus) removeRule(rule string) {
	if b.rules[rule]--; b.rules[rule] > 0 {
		return
	}
	delete(b.rules, rule)
	b.call("RemoveMatch", "s", texts(rule), nil)
}

// ruleAdded reports a rule that the bus does not take.
func (b *Bus) ruleAdded(rule string) func(*wire.Message, error) {
	l := b.link
	return func(_ *wire.Message, err error) {
		if err != nil && l == b.link {
			b.trouble("message bus: cannot wait for signals (" + rule + "): " + err.Error())
		}
	}
}
