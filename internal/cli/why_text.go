// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"
	"unicode/utf8"

	"github.com/rouse-init/rouse/internal/engine"
)

// explanation prints the answer to `rouse why`: first the answer in one
// sentence, then the chain of causes, then what could change it.
func (a *app) explanation(x *engine.Explanation, now clocks) {
	a.headline(x, now)
	a.causes(x.Causes, now)
	a.expression("start on", x.StartOn, now)
	if x.Goal != "up" && x.StartOn != nil {
		if text := missing(x.StartOn, false); text != "" {
			a.printf("  to start it still needs: %s\n", visible(text))
		}
	}
	a.expression("stop on", x.StopOn, now)
	a.section("waits for", x.Waits)
	a.needs(x.Needs)
	a.section("notes", x.Notes)
	if x.Failure != "" {
		a.section("failed last", strings.Split(x.Failure, "\n"))
	}
}

// headline is "● web.service runs since 12:00:03 (2min ago): start asked for
// by uid 0".
func (a *app) headline(x *engine.Explanation, now clocks) {
	a.printf("%s %s %s", a.dot(x.Active), visible(x.Unit), a.colour(stateColour(x.Active), stateWords(x)))
	if x.Since != 0 {
		a.printf(" since %s (%s)", clockTime(now, x.Since), now.ago(x.Since))
	}
	if len(x.Causes) > 0 {
		a.printf(": %s", visible(x.Causes[0].What))
	}
	a.printf("\n")
	switch {
	case x.Goal == "up" && (x.Active == "inactive" || x.Active == "failed"):
		a.printf("  it is meant to run\n")
	case x.Goal == "down" && x.Active == "active":
		a.printf("  it is meant to stop\n")
	}
}

// stateWords say the state as one would: the inner state is added where it
// says more.
func stateWords(x *engine.Explanation) string {
	inner := func(words string, plain ...string) string {
		for _, p := range plain {
			if x.Sub == p {
				return words
			}
		}
		if x.Sub == "" {
			return words
		}
		return words + " (" + x.Sub + ")"
	}
	switch x.Active {
	case "active":
		if x.Sub == "running" {
			return "runs"
		}
		return inner("is up", "active")
	case "reloading", "refreshing":
		return "reloads"
	case "activating":
		return inner("is starting", "start", "starting")
	case "deactivating":
		return inner("is stopping", "stop", "stopping")
	case "failed":
		return inner("has failed", "failed")
	case "inactive":
		return inner("does not run", "dead", "waiting")
	}
	return inner("is " + x.Active)
}

// clockTime is the time of day, with the date where that was another day.
func clockTime(now clocks, t engine.Time) string {
	at := now.at(t)
	if y, m, d := at.Date(); now.wall.Year() == y && now.wall.Month() == m && now.wall.Day() == d {
		return at.Format("15:04:05")
	}
	return at.Format("Mon 2006-01-02 15:04:05")
}

// causes prints the chain that led here. A single cause stands in the
// headline already.
func (a *app) causes(list []engine.Cause, now clocks) {
	if len(list) < 2 {
		return
	}
	rows := make([][2]string, len(list))
	for i, c := range list {
		what := c.What
		if c.Unit != "" && !strings.Contains(what, c.Unit) {
			what = c.Unit + ": " + what
		}
		if i > 0 {
			what = strings.Repeat("  ", i-1) + "└─ " + what
		}
		rows[i] = [2]string{what, ""}
		if c.At != 0 {
			rows[i][1] = now.ago(c.At)
		}
	}
	a.printf("because\n")
	a.pairs(rows)
}

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

func (a *app) needs(list []engine.Need) {
	if len(list) == 0 {
		return
	}
	rows := make([][2]string, len(list))
	for i, n := range list {
		mark := "○ "
		if n.Active == "active" || n.Active == "reloading" || n.Active == "refreshing" {
			mark = "✓ "
		}
		rows[i] = [2]string{mark + n.Unit, n.Active + ", " + strings.TrimSuffix(n.Why, "=") + "="}
	}
	a.printf("needs\n")
	a.pairs(rows)
}

func (a *app) section(title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	a.printf("%s\n", title)
	for _, l := range lines {
		a.printf("  %s\n", visible(l))
	}
}

// maxColumn is where the second column begins at the latest.
const maxColumn = 56

// pairs prints two columns below a title.
func (a *app) pairs(rows [][2]string) {
	width := 0
	for _, r := range rows {
		if n := utf8.RuneCountInString(r[0]); n <= maxColumn && r[1] != "" {
			width = max(width, n)
		}
	}
	for _, r := range rows {
		line := "  " + visible(r[0])
		if r[1] != "" {
			line += strings.Repeat(" ", max(0, width-utf8.RuneCountInString(r[0]))) + "  " + visible(r[1])
		}
		a.printf("%s\n", line)
	}
}
