// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// explanation prints the answer to `rouse why`: first the answer in one
// sentence, with the failure where there was one, then the chain of causes,
// then what could change it. job: the unit is an Upstart job.
func (a *app) explanation(x *engine.Explanation, now clocks, job bool) {
	down := x.Active == "failed" || x.Active == "inactive"
	causes := x.Causes
	if down && len(causes) > 0 && explained(x.Failure, causes[0].What) {
		causes = causes[1:]
	}
	a.headline(x, causes, now)
	if down && x.Failure != "" {
		a.section("", strings.Split(x.Failure, "\n"))
	}
	a.sleep(x.Sleep, now)
	a.causes(causes, now)
	title := "start on"
	if x.Goal == "up" {
		title = "next start on" // what came true for this one is used up
	}
	a.expression(title, x.StartOn, now)
	if x.Goal != "up" && x.StartOn != nil {
		if text := missing(x.StartOn, false); text != "" {
			a.printf("  to start it still needs: %s\n", visible(text))
		}
	}
	a.expression("stop on", x.StopOn, now)
	a.section("waits for", x.Waits)
	a.needs(x.Needs, job)
	a.section("notes", splitAll(x.Notes))
	if x.Failure != "" && !down {
		a.section("failed last", strings.Split(x.Failure, "\n"))
	}
}

// headline is "● web.service running since 12:00:03 (2min ago): start asked
// for by uid 0".
func (a *app) headline(x *engine.Explanation, causes []engine.Cause, now clocks) {
	a.printf("%s %s %s", a.dot(x.Active), visible(x.Unit), a.colour(stateColour(x.Active), stateWords(x)))
	if x.Since != 0 {
		since := "since"
		if x.Active == "failed" {
			since = "at"
		}
		a.printf(" %s %s (%s)", since, clockTime(now, x.Since), now.ago(x.Since))
	}
	if len(causes) > 0 {
		a.printf(": %s", visible(causes[0].What))
	}
	a.printf("\n")
	switch {
	case x.Goal == "up" && (x.Active == "inactive" || x.Active == "failed"):
		a.printf("  it is meant to run\n")
	case x.Goal == "down" && x.Active == "active":
		a.printf("  it is meant to stop\n")
	}
}

// sleep says that a service sleeps and what wakes it, or what keeps it awake.
func (a *app) sleep(s *engine.Sleep, now clocks) {
	if s == nil {
		return
	}
	switch {
	case s.Tier != "awake" && s.Since != 0:
		a.printf("  asleep (%s) since %s (%s): %s\n", s.Tier, clockTime(now, s.Since), now.ago(s.Since), visible(s.Why))
	case s.Tier != "awake":
		a.printf("  asleep (%s): %s\n", s.Tier, visible(s.Why))
	default:
		a.printf("  awake: %s\n", visible(s.Why))
	}
	if s.Note != "" {
		a.printf("    %s\n", visible(s.Note))
	}
	a.section("woken by", s.WokenBy)
	a.section("kept awake by", s.AwakeBy)
}

// stateWords say the state as one would; the inner state is added where it
// says more.
func stateWords(x *engine.Explanation) string {
	words, same := x.Active, []string{""}
	switch x.Active {
	case "active":
		if x.Sub == "running" {
			return "running"
		}
		words, same = "up", []string{"", "active"}
	case "reloading", "refreshing":
		return "reloading"
	case "activating":
		words, same = "starting", []string{"", "start", "starting"}
	case "deactivating":
		words, same = "stopping", []string{"", "stop", "stopping"}
	case "failed":
		same = []string{"", "failed"}
	case "inactive":
		words, same = "down", []string{"", "dead", "waiting"}
	}
	if slices.Contains(same, x.Sub) {
		return words
	}
	return words + " (" + x.Sub + ")"
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
			what = strings.Repeat("   ", i-1) + "└─ " + what
		}
		rows[i] = [2]string{what, ""}
		if c.At != 0 {
			rows[i][1] = now.ago(c.At)
		}
	}
	a.printf("because\n")
	a.pairs(rows)
}

// neverRan tells whether a failure is one before the program itself ran.
func neverRan(failure string) bool { return strings.Contains(failure, ": cannot start: ") }

// explained tells whether a failure says all that the cause says: the same,
// or what is behind the exit status that stands for a program which could not
// be executed (systemd.exec(5), 200 and above).
func explained(failure, cause string) bool {
	return failure != "" && (strings.Contains(failure, cause) || neverRan(failure) && strings.Contains(cause, "exited with status 2"))
}

// splitAll takes texts of several lines apart.
func splitAll(list []string) []string {
	var out []string
	for _, s := range list {
		out = append(out, strings.Split(s, "\n")...)
	}
	return out
}

func (a *app) needs(list []engine.Need, job bool) {
	if len(list) == 0 {
		return
	}
	rows := make([][2]string, len(list))
	for i, n := range list {
		mark := "○ "
		if n.Active == "active" || n.Active == "reloading" || n.Active == "refreshing" {
			mark = "✓ "
		}
		why := strings.TrimSuffix(n.Why, "=") + "="
		if job && why == "Requires=" {
			why = "needs"
			if unit.KindOf(n.Unit) == unit.KindSlice {
				why = "its slice"
			}
		}
		rows[i] = [2]string{mark + n.Unit, n.Active + ", " + why}
	}
	a.printf("needs\n")
	a.pairs(rows)
}

func (a *app) section(title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	if title != "" {
		a.printf("%s\n", title)
	}
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
