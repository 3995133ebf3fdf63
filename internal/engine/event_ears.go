// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

// ears finds the units that an event may concern without looking at all of
// them. It is derived from the definitions, and not part of the state.
type ears struct {
	byEvent map[string]*ear
}

// ear is who listens to one name. Expressions that want one certain job's
// event stand under the name of that job.
type ear struct {
	start, stop listeners
}

type listeners struct {
	any   []int32 // ids of nodes, rising
	byJob map[string][]int32
}

func (l *listeners) add(job string, id int32) {
	if job == "" {
		l.any = insertID(l.any, id)
		return
	}
	if l.byJob == nil {
		l.byJob = map[string][]int32{}
	}
	l.byJob[job] = insertID(l.byJob[job], id)
}

func (l *listeners) remove(job string, id int32) {
	if job == "" {
		l.any = removeID(l.any, id)
		return
	}
	if ids := removeID(l.byJob[job], id); len(ids) > 0 {
		l.byJob[job] = ids
	} else {
		delete(l.byJob, job)
	}
}

func (l *listeners) empty() bool { return len(l.any) == 0 && len(l.byJob) == 0 }

func insertID(ids []int32, id int32) []int32 {
	if i, found := slices.BinarySearch(ids, id); !found {
		ids = slices.Insert(ids, i, id)
	}
	return ids
}

func removeID(ids []int32, id int32) []int32 {
	if i, found := slices.BinarySearch(ids, id); found {
		ids = slices.Delete(ids, i, i+1)
	}
	return ids
}

// listen enters the expressions of n, or with off takes them out.
func (e *Engine) listen(n *node, off bool) {
	if n.def.Events == nil {
		return
	}
	e.ears.each(n.def.Events.StartOn, n.id, off, func(x *ear) *listeners { return &x.start })
	e.ears.each(n.def.Events.StopOn, n.id, off, func(x *ear) *listeners { return &x.stop })
}

func (s *ears) each(x unit.Expr, id int32, off bool, of func(*ear) *listeners) {
	for i := range x {
		t := &x[i]
		if t.Op != unit.OpEvent {
			continue
		}
		r := s.byEvent[t.Event]
		if off {
			if r != nil {
				of(r).remove(jobWanted(t), id)
				if r.start.empty() && r.stop.empty() {
					delete(s.byEvent, t.Event)
				}
			}
			continue
		}
		if r == nil {
			r = &ear{}
			if s.byEvent == nil {
				s.byEvent = map[string]*ear{}
			}
			s.byEvent[t.Event] = r
		}
		of(r).add(jobWanted(t), id)
	}
}

// jobWanted is the one job whose event the term wants, "" if that cannot be
// told.
func jobWanted(t *unit.Term) string {
	switch t.Event {
	case evStarting, evStarted, evStopping, evStopped:
	default:
		return ""
	}
	for i := range t.Match {
		m := &t.Match[i]
		if (m.Key == "JOB" || m.Key == "" && i == 0) && !m.Negate && m.Value != "" && !strings.ContainsAny(m.Value, `*?[\$`) {
			return m.Value
		}
	}
	return ""
}

// hears tells whether anybody may want that event of that job.
func (s *ears) hears(name, job string) bool {
	r := s.byEvent[name]
	return r != nil && (len(r.start.any) > 0 || len(r.stop.any) > 0 || r.start.byJob[job] != nil || r.stop.byJob[job] != nil)
}

// whoStops returns those whose stop condition the event may concern.
func (s *ears) whoStops(v *event) []int32 {
	if r := s.byEvent[v.Name]; r != nil {
		return r.stop.of(v)
	}
	return nil
}

func (s *ears) whoStarts(v *event) []int32 {
	if r := s.byEvent[v.Name]; r != nil {
		return r.start.of(v)
	}
	return nil
}

// of returns the ids by rising order, in a slice of its own.
func (l *listeners) of(v *event) []int32 {
	ids := l.any
	if len(l.byJob) > 0 {
		if job, ok := lookupEnv(v.Env, "JOB"); ok {
			ids = slices.Concat(ids, l.byJob[job])
			slices.Sort(ids)
			return slices.Compact(ids)
		}
	}
	return slices.Clone(ids)
}
