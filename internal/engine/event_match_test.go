// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"testing"

	"github.com/rouse-init/rouse/internal/unit"
)

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		p, s string
		want bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "a/b/.c", true},
		{"eth*", "eth0", true},
		{"eth*", "weth0", false},
		{"a*b*c", "aXbYbZc", true},
		{"a*b*c", "aXbYbZ", false},
		{"?", "a", true},
		{"?", "", false},
		{"[0-3]", "2", true},
		{"[0-3]", "4", false},
		{"[!0-3]", "4", true},
		{"[!0-3]", "2", false},
		{"[!2345]", "06", false},
		{"[]a]", "]", true},
		{"[", "[", true},
		{"[a", "[a", true},
		{`\*`, "*", true},
		{`\*`, "a", false},
		{`a\`, `a\`, true},
		{"[a-]", "-", true},
		{"a[b", "a[b", true},
		{"*a", "aaaaaaaaaaaaaaaaaaab", false},
		{"**a**", "bab", true},
		{`[\]]`, "]", true},
	} {
		if got := glob(c.p, c.s); got != c.want {
			t.Errorf("glob(%q, %q) = %v", c.p, c.s, got)
		}
	}
}

func TestExpand(t *testing.T) {
	env := []string{"A=1", "E=", "N=A", "A=2", "G=*[x"}
	for _, c := range []struct{ text, want, err string }{
		{"x", "x", ""},
		{"$A", "2", ""},
		{"${A}b", "2b", ""},
		{"$A$E.", "2.", ""},
		{"${X-d}", "d", ""},
		{"${E-d}", "", ""},
		{"${E:-d}", "d", ""},
		{"${A+y}", "y", ""},
		{"${X+y}", "", ""},
		{"${E:+y}", "", ""},
		{"${A:+y}", "y", ""},
		{"${X-${E:-$A}}", "2", ""},
		{"${$N}", "2", ""},
		{"$X", "", "Unknown parameter: X"},
		{"${X}", "", "Unknown parameter: X"},
		{"$", "", "Illegal parameter"},
		{"${A", "", "Mismatched braces"},
		{"${A?}", "", "Expected operator"},
		{"${}", "", "Illegal parameter"},
		{"$1", "", "Illegal parameter"},
	} {
		got, err := expand(c.text, env)
		if got != c.want && c.err == "" || (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
			t.Errorf("expand(%q) = %q, %v; want %q, %q", c.text, got, err, c.want, c.err)
		}
	}
	if got, _ := expandPattern("$G*", env); got != `\*\[x*` {
		t.Errorf("a value in a pattern became %q", got)
	}
}

func TestMatches(t *testing.T) {
	ev := []string{"JOB=dbus", "INSTANCE=", "IFACE=eth0"}
	m := func(kv ...string) []unit.Match {
		var out []unit.Match
		for i := 0; i < len(kv); i += 2 {
			k, neg := kv[i], false
			if len(k) > 0 && k[len(k)-1] == '!' {
				k, neg = k[:len(k)-1], true
			}
			out = append(out, unit.Match{Key: k, Value: kv[i+1], Negate: neg})
		}
		return out
	}
	for _, c := range []struct {
		match []unit.Match
		want  bool
	}{
		{nil, true},
		{m("", "dbus"), true},
		{m("", "d*", "", ""), true},
		{m("", "hal"), false},
		{m("IFACE", "eth*"), true},
		{m("IFACE!", "lo"), true},
		{m("IFACE!", "eth0"), false},
		{m("NONE!", "x"), false},
		{m("NONE", "*"), false},
		{m("INSTANCE", ""), true},
		{m("", "dbus", "", "", "", "eth0", "", "more"), false},
		{m("IFACE", "$I"), true},
		{m("IFACE", "$U"), false},
	} {
		term := unit.Term{Event: "started", Match: c.match}
		if got := matches(&term, "started", ev, []string{"I=eth0"}); got != c.want {
			t.Errorf("%+v: %v", c.match, got)
		}
	}
	if matches(&unit.Term{Event: "start*"}, "started", ev, nil) {
		t.Error("the name of an event is no pattern")
	}
}
