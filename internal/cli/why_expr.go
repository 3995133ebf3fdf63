// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"

	"github.com/rouse-init/rouse/internal/engine"
)

// expression prints an event expression as a tree, with a mark for each event
// that has come true.
func (a *app) expression(what string, x *engine.ExprState, now clocks) {
	if x == nil {
		return
	}
	if pos := firstPos(x); pos != "" {
		what += " (" + pos + ")"
	}
	a.printf("%s\n", visible(what))
	a.pairs(exprRows(nil, x, "", "", now))
}

// exprRows appends the rows of a node. first is what stands before it, rest
// what stands before the lines below it.
func exprRows(rows [][2]string, x *engine.ExprState, first, rest string, now clocks) [][2]string {
	mark := "○ "
	if x.True {
		mark = "✓ "
	}
	text := x.Text
	if x.Op != "event" {
		text = map[string]string{"and": "all of", "or": "any of"}[x.Op]
	}
	note := ""
	switch {
	case x.Op != "event":
	case !x.True:
		note = "not yet"
	case x.At != 0:
		note = now.ago(x.At)
		if x.By != "" && x.By != x.Text {
			note += ", by " + x.By
		}
	}
	rows = append(rows, [2]string{first + mark + text, note})
	sub := operands(x)
	for i, s := range sub {
		if i == len(sub)-1 {
			rows = exprRows(rows, s, rest+"└─ ", rest+"   ", now)
		} else {
			rows = exprRows(rows, s, rest+"├─ ", rest+"│  ", now)
		}
	}
	return rows
}

// operands are those of a chain of one operator: "a and b and c" is one list
// for people, though it is two operators of two.
func operands(x *engine.ExprState) []*engine.ExprState {
	var list []*engine.ExprState
	for _, s := range x.Sub {
		if s.Op == x.Op && s.Op != "event" {
			list = append(list, operands(s)...)
			continue
		}
		list = append(list, s)
	}
	return list
}

// firstPos is where the expression begins.
func firstPos(x *engine.ExprState) string {
	if x.Pos != "" {
		return x.Pos
	}
	for _, s := range x.Sub {
		if pos := firstPos(s); pos != "" {
			return pos
		}
	}
	return ""
}

// missing are the events without which an expression does not come true.
// bracket: it is part of an "and".
func missing(x *engine.ExprState, bracket bool) string {
	if x.True {
		return ""
	}
	if x.Op == "event" {
		return x.Text
	}
	var parts []string
	for _, s := range operands(x) {
		if m := missing(s, x.Op == "and"); m != "" {
			parts = append(parts, m)
		}
	}
	text := strings.Join(parts, " "+x.Op+" ")
	if bracket && x.Op == "or" && len(parts) > 1 {
		return "(" + text + ")"
	}
	return text
}
