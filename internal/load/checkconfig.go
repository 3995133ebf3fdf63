// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// Unreachable is an event in a condition of a job that cannot come.
type Unreachable struct {
	Unit, Job string
	Stop      bool   // of stop on; else of start on
	Kind      string // what is unknown: "event" or "job"
	Name      string // of the event or job
	// Never: without it the whole condition can never come true.
	Never bool
	Pos   diag.Pos
	Fix   string // may be empty
}

// String is the line of `initctl check-config`, without the indentation.
func (u Unreachable) String() string {
	return fmt.Sprintf("%s: unknown %s %s", u.condition(), u.Kind, u.Name)
}

func (u Unreachable) condition() string {
	if u.Stop {
		return "stop on"
	}
	return "start on"
}

// CheckConfig finds the conditions of jobs that can never come true, as
// `initctl check-config` does (initctl(8)): an event is known when a job says
// that it emits it, or it is one of KnownEvents or of known; the four events
// of a job when there is such a job, or units tells that there is a unit of
// that name ("nginx.service") or one that a pattern matches ("ftp-*"). What has a $VARIABLE in it cannot be judged
// and passes. An `or` needs one good side only, unless warn is set: then
// everything unknown is told.
//
// The result is in initctl's order: by job, start on first, and of one
// condition the last event first.
func CheckConfig(jobs []*unit.Unit, units func(name string) bool, known []string, warn bool) []Unreachable {
	c := newReach(jobs, units, known)
	var out []Unreachable
	jobs = slices.Clone(jobs)
	slices.SortStableFunc(jobs, func(a, b *unit.Unit) int { return strings.Compare(jobName(a), jobName(b)) })
	for _, u := range jobs {
		if u.Events == nil || u.Load != unit.Loaded {
			continue
		}
		for i, expr := range []unit.Expr{u.Events.StartOn, u.Events.StopOn} {
			bad, can := c.expr(expr)
			for _, b := range slices.Backward(bad) {
				if !can || warn {
					b.Unit, b.Job, b.Stop, b.Never = u.Name, jobName(u), i == 1, !can
					out = append(out, b)
				}
			}
		}
	}
	return out
}

// jobName is the name by which initctl knows a unit.
func jobName(u *unit.Unit) string {
	if isJob(u) {
		return u.Service.Job.Name
	}
	return strings.TrimSuffix(u.Name, ".service")
}

// reach knows what can come.
type reach struct {
	jobs   map[string]bool
	units  func(string) bool
	events map[string]bool
	globs  []string
	// suggested counts the names that meant has looked for; words are the
	// sorted ones of each kind.
	suggested int
	words     map[string][]string
}

func newReach(jobs []*unit.Unit, units func(string) bool, known []string) *reach {
	c := &reach{jobs: map[string]bool{}, units: units, events: map[string]bool{}, words: map[string][]string{}}
	add := func(name string) {
		if strings.ContainsAny(name, "*?[") {
			c.globs = append(c.globs, name)
		} else {
			c.events[name] = true
		}
	}
	for _, e := range knownEvents {
		add(e.Name)
	}
	for _, e := range known {
		add(e)
	}
	for _, u := range jobs {
		if u.Load != unit.Loaded {
			continue
		}
		c.jobs[jobName(u)] = true
		if u.Events != nil {
			for _, e := range u.Events.Emits {
				add(e)
			}
		}
	}
	return c
}

// expr returns the operands of an expression that cannot come, in the order
// of the text, and whether the expression can come true all the same.
func (c *reach) expr(e unit.Expr) (bad []Unreachable, can bool) {
	var stack []bool
	for i := range e {
		t := &e[i]
		n := len(stack)
		switch {
		case t.Op == unit.OpEvent:
			b, ok := c.event(t)
			if !ok {
				bad = append(bad, b)
			}
			stack = append(stack, ok)
		case n < 2: // no format makes this
			return nil, true
		case t.Op == unit.OpAnd:
			stack = append(stack[:n-2], stack[n-2] && stack[n-1])
		case t.Op == unit.OpOr:
			stack = append(stack[:n-2], stack[n-2] || stack[n-1])
		}
	}
	return bad, !slices.Contains(stack, false)
}

// event judges one operand.
func (c *reach) event(t *unit.Term) (Unreachable, bool) {
	name := strings.TrimSuffix(t.Event, "/failed") // what follows a failed event
	if jobEvents[name] {
		job, ok := jobOf(t)
		if !ok || c.job(job) {
			return Unreachable{}, true
		}
		return Unreachable{Kind: "job", Name: job, Pos: t.Pos, Fix: c.meant("job", job, c.jobs)}, false
	}
	if strings.Contains(t.Event, "$") || c.events[t.Event] || c.events[name] {
		return Unreachable{}, true
	}
	for _, g := range c.globs {
		if Glob(g, t.Event) || Glob(g, name) {
			return Unreachable{}, true
		}
	}
	return Unreachable{Kind: "event", Name: t.Event, Pos: t.Pos, Fix: c.meant("event", t.Event, c.events)}, false
}

// jobOf returns the job that a job's event is wanted of; ok is false where
// any job will do.
func jobOf(t *unit.Term) (name string, ok bool) {
	for i, m := range t.Match {
		if (m.Key == "JOB" || m.Key == "" && i == 0) && !m.Negate {
			return m.Value, true
		}
	}
	return "", false
}

func (c *reach) job(name string) bool {
	if strings.Contains(name, "$") || c.jobs[name] {
		return true
	}
	if strings.ContainsAny(name, "*?[") {
		for j := range c.jobs {
			if Glob(name, j) {
				return true
			}
		}
		return c.units != nil && c.units(name)
	}
	if c.units == nil {
		return false
	}
	// An instance of a unit is a job of its own to Upstart's clients.
	return c.units(name+".service") || unit.KindOf(name) != unit.KindInvalid && c.units(name)
}

// meant guesses what a wrong name stood for.
func (c *reach) meant(kind, name string, known map[string]bool) string {
	if c.suggested++; c.suggested > maxSuggest {
		return ""
	}
	if c.words[kind] == nil {
		c.words[kind] = sortedKeys(known)
	}
	if near := Nearest(name, c.words[kind]); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}
