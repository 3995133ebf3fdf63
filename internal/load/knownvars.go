// SPDX-License-Identifier: Apache-2.0

package load

import (
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// WrongVar is a condition on a variable that the event does not carry, so
// that it never holds.
type WrongVar struct {
	Unit       string
	Event, Key string
	// Meant is the variable that Key looks like, "" for none.
	Meant string
	Vars  []string // that the event has
	Pos   diag.Pos // of the event
}

// Vars knows the variables of events: those of KnownEvents, and what the jobs
// export.
type Vars struct {
	jobs    map[string]bool
	exports []string
	emits   []string // globs: jobs emit these themselves, with what they like
}

// NewVars looks through all jobs.
func NewVars(jobs []*unit.Unit) *Vars {
	v := &Vars{jobs: map[string]bool{}}
	for _, u := range jobs {
		v.jobs[jobName(u)] = true
		if u.Events != nil {
			v.exports = append(v.exports, u.Events.Export...)
			v.emits = append(v.emits, u.Events.Emits...)
		}
	}
	return v
}

// Of returns the variables of the event that an operand waits for, of which
// some may be globs. whole: it never has others.
func (v *Vars) Of(t unit.Term) (vars []string, whole bool) {
	event := strings.TrimSuffix(t.Event, "/failed") // has the same
	for _, k := range knownEvents {
		if !Glob(k.Name, event) {
			continue
		}
		vars, whole = strings.Fields(k.Vars), !k.Open
		if jobEvents[event] {
			// What a job exports that is not there nobody can know.
			job, named := jobOf(&t)
			return append(vars, v.exports...), !named || v.jobs[job]
		}
		return vars, whole && !slices.ContainsFunc(v.emits, func(g string) bool { return Glob(g, event) })
	}
	return nil, false
}

// Wrong finds the conditions of a job that can never hold. Of an event that
// may carry more than is known of it those are told that look like a mistake.
func (v *Vars) Wrong(u *unit.Unit) []WrongVar {
	if u.Events == nil {
		return nil
	}
	var out []WrongVar
	for _, t := range slices.Concat(u.Events.StartOn, u.Events.StopOn) {
		if t.Op != unit.OpEvent {
			continue
		}
		vars, whole := v.Of(t)
		if vars == nil && !whole {
			continue
		}
		for _, m := range t.Match {
			if m.Key == "" || slices.ContainsFunc(vars, func(g string) bool { return Glob(g, m.Key) }) {
				continue
			}
			if near := Nearest(m.Key, vars); near != "" || whole {
				out = append(out, WrongVar{Unit: u.Name, Event: t.Event, Key: m.Key, Meant: near, Vars: vars, Pos: t.Pos})
			}
		}
	}
	return out
}
