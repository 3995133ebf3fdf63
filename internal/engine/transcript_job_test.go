// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rouse-init/rouse/internal/format/upstart"
	"github.com/rouse-init/rouse/internal/unit"
)

// parseJob reads a job file in a transcript. Commands are shown by their
// indices; without one the job runs /main.
func parseJob(t *testing.T, name string, lines []string) *unit.Unit {
	t.Helper()
	slice := "" // as of a unit: jobs have no stanza for it
	lines = slices.DeleteFunc(slices.Clone(lines), func(l string) bool {
		s, ok := strings.CutPrefix(strings.TrimSpace(l), "Slice=")
		if ok {
			slice = s
		}
		return ok
	})
	text := strings.Join(lines, "\n") + "\n"
	if !strings.Contains(text, "exec ") && !strings.Contains(text, "no-main") {
		text += "exec /main\n"
	}
	text = strings.ReplaceAll(text, "no-main\n", "\n")
	u, list := upstart.Compile(name, upstart.Parse(name+".conf", []byte(text)), nil, upstart.Options{})
	for _, d := range list {
		t.Errorf("%s", d)
	}
	u.Deps, u.Slice = nil, slice
	return u
}

// emit emits an event; a last word "wait" has its end replied to.
func (m *machine) emit(w []string) {
	in := Happened{ID: 1, Name: w[0], By: "a person"}
	for _, a := range w[1:] {
		switch {
		case a == "wait":
			in.Wait = true
		case strings.HasPrefix(a, "Source:"):
			in.Source = strings.TrimPrefix(a, "Source:")
		case strings.HasPrefix(a, "ID:"):
			_, err := fmt.Sscan(a[3:], &in.ID)
			m.must(err)
		default:
			in.Env = append(in.Env, a)
		}
	}
	m.step(in)
}

// initctl asks for a goal: initctl start|stop|restart|reload JOB K=V... [nowait].
func (m *machine) initctl(w []string) {
	v, ok := ParseVerb(w[0])
	if !ok {
		m.t.Fatalf("initctl has no %q", w[0])
	}
	in := AskedJob{ID: 7, Verb: v, Job: w[1], Wait: true, By: "a person"}
	for _, a := range w[2:] {
		if a == "nowait" {
			in.Wait = false
		} else {
			in.Env = append(in.Env, a)
		}
	}
	m.step(in)
}

// status prints what initctl would.
func (m *machine) status(name string) {
	st, ok := m.e.JobStatus(name)
	if !ok {
		fmt.Fprintf(&m.buf, "%s is not known\n", name)
		return
	}
	fmt.Fprintf(&m.buf, "%s", st.Job)
	if st.Instance != "" {
		fmt.Fprintf(&m.buf, " (%s)", st.Instance)
	}
	fmt.Fprintf(&m.buf, " %s/%s", st.Goal, st.State)
	for _, p := range st.Processes {
		fmt.Fprintf(&m.buf, ", %s process %d", p.Name, p.Pid)
	}
	for _, n := range st.Notes {
		fmt.Fprintf(&m.buf, "; %s", n)
	}
	fmt.Fprintln(&m.buf)
}

// why prints the causes, what is waited for, and what has come true.
func (m *machine) why(name string) {
	x, ok := m.e.Why(name)
	if !ok {
		fmt.Fprintf(&m.buf, "%s is not known\n", name)
		return
	}
	fmt.Fprintf(&m.buf, "%s %s/%s goal %s\n", x.Unit, x.Active, x.Sub, x.Goal)
	for _, c := range x.Causes {
		fmt.Fprintf(&m.buf, "  because %s\n", c.What)
	}
	for _, w := range x.Waits {
		fmt.Fprintf(&m.buf, "  waits for %s\n", w)
	}
	if s := x.Sleep; s != nil {
		fmt.Fprintf(&m.buf, "  %s: %s\n", s.Tier, s.Why)
		for _, w := range s.WokenBy {
			fmt.Fprintf(&m.buf, "  woken by %s\n", w)
		}
		for _, w := range s.AwakeBy {
			fmt.Fprintf(&m.buf, "  kept awake by %s\n", w)
		}
	}
	for _, s := range []*ExprState{x.StartOn, x.StopOn} {
		m.whyExpr(s, "  ")
	}
}

func (m *machine) whyExpr(s *ExprState, indent string) {
	if s == nil {
		return
	}
	mark := "no"
	if s.True {
		mark = "yes"
	}
	fmt.Fprintf(&m.buf, "%s%s: %s %s", indent, mark, s.Op, s.Text)
	if s.By != "" {
		fmt.Fprintf(&m.buf, " (%s)", s.By)
	}
	fmt.Fprintln(&m.buf)
	for _, sub := range s.Sub {
		m.whyExpr(sub, indent+"  ")
	}
}
