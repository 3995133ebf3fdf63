// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"strings"
	"testing"

	"github.com/rouse-init/rouse/internal/unit"
)

// TestFormatExpr has the lines of `initctl show-config` of Upstart 1.13.
func TestFormatExpr(t *testing.T) {
	for text, want := range map[string]string{
		"startup":                              "startup",
		"((a))":                                "a",
		"a and b or c":                         "((a and b) or c)",
		"a and (b or c)":                       "(a and (b or c))",
		"a or b A=1 and c":                     "((a or b A=1) and c)",
		"filesystem and (started dbus or x y)": "(filesystem and (started dbus or x y))",
		`foo A="x and" or bar`:                 "(foo A=x and or bar)",
		"foo bar A!=b # comment":               "foo bar A!=b",
		"a and (b or # comment\n c)":           "(a and (b or c))",
		"started nginx.service or stopped JOB=a.service": "(started nginx or stopped JOB=a)",
	} {
		x, err := ParseExpr(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := FormatExpr(x); got != want {
			t.Errorf("%q is printed %q, want %q", text, got, want)
		}
		if x[0].Pos.Line != 0 {
			t.Errorf("%q has positions", text)
		}
	}
}

// TestFormatBrokenExpr: an expression that no file has must not panic.
func TestFormatBrokenExpr(t *testing.T) {
	for _, x := range []unit.Expr{nil, {{Op: unit.OpAnd}}, {{Event: "a"}, {Op: unit.OpOr}}, {{Event: "a"}, {Event: "b"}}} {
		if got := FormatExpr(x); strings.Contains(got, "and") {
			t.Errorf("%v is printed %q", x, got)
		}
	}
}

func TestParseExprErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":        "expected an event, found the end of the line",
		"a\nb":    `expected the end of the line, found "b"`,
		"a # \nb": `expected the end of the line, found "b"`,
		"(a":      "the parenthesis that opens here is never closed",
		`a "b`:    "the quote that starts here is never closed",
	} {
		x, err := ParseExpr(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v", text, x, err)
		}
	}
}

func TestEventWords(t *testing.T) {
	for want, term := range map[string]unit.Term{
		`runlevel [2345]`:     {Event: "runlevel", Match: []unit.Match{{Value: "[2345]"}}},
		`a B!=c`:              {Event: "a", Match: []unit.Match{{Key: "B", Value: "c", Negate: true}}},
		`a "B=c d" E=`:        {Event: "a", Match: []unit.Match{{Key: "B", Value: "c d"}, {Key: "E"}}},
		`"and" 'x"y' "(z)"`:   {Event: "and", Match: []unit.Match{{Value: `x"y`}, {Value: "(z)"}}},
		`a 'x"y'"'"'z' "#"`:   {Event: "a", Match: []unit.Match{{Value: `x"y'z`}, {Value: "#"}}},
		`a "\d\\ \\\\" "x\\"`: {Event: "a", Match: []unit.Match{{Value: `\d\ \\`}, {Value: `x\`}}},
		`file "FILE=/a b"`:    {Event: "file", Match: []unit.Match{{Key: "FILE", Value: "/a b"}}},
	} {
		if got := EventWords(term); got != want {
			t.Errorf("%+v is written %s, want %s", term, got, want)
		}
	}
}
