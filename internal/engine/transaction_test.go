// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"
	"strings"
	"testing"

	"github.com/rouse-init/rouse/internal/unit"
)

// bench makes an engine with the given targets, one string per unit:
// "a.target Key=Value Key=Value". Names in up are made active.
func bench(t *testing.T, units []string, up ...string) *Engine {
	t.Helper()
	e := New(Config{})
	var load Loaded
	for _, s := range units {
		w := strings.Fields(s)
		var lines []string
		for _, kv := range w[1:] {
			lines = append(lines, strings.ReplaceAll(kv, ",", " "))
		}
		load.Units = append(load.Units, parseUnit(t, w[0], lines))
	}
	e.Step(0, load)
	for _, name := range up {
		n := e.node(name)
		n.view.Active, n.view.Sub = Active, "active"
	}
	return e
}

// plan queues a job without letting it run and returns all jobs as
// "unit/type", sorted, or the code of the refusal.
func plan(e *Engine, name string, v Verb, mode unit.JobMode) string {
	_, why := e.enqueue(e.node(name), v, mode, "test")
	if why != nil {
		return why.Code
	}
	var jobs []string
	for j := range e.Jobs() {
		jobs = append(jobs, j.Unit+"/"+j.Type.String())
	}
	slices.Sort(jobs)
	return strings.ReplaceAll(strings.Join(jobs, " "), ".target", "")
}

// Each line is a promise of systemd.unit(5) or systemctl(1).
var transactions = []struct {
	name  string
	units []string
	up    []string
	unit  string
	verb  Verb
	mode  unit.JobMode
	want  string
}{
	{
		"Requires and Wants are started",
		[]string{"a.target Requires=b.target Wants=c.target", "b.target BindsTo=d.target", "c.target", "d.target"},
		nil, "a.target", Start, 0, "a/start b/start c/start d/start",
	},
	{
		"what is active is left alone, with what it wants",
		[]string{"a.target Requires=b.target", "b.target Wants=c.target", "c.target"},
		[]string{"b.target"},
		"a.target", Start, 0, "a/start",
	},
	{"a missing requirement fails", []string{"a.target Requires=b.target"}, nil, "a.target", Start, 0, "NoSuchUnit"},
	{"a missing wish does not", []string{"a.target Wants=b.target"}, nil, "a.target", Start, 0, "a/start"},
	{
		"a wanted unit starts though its own requirement is missing",
		[]string{"a.target Wants=c.target", "c.target Requires=gone.target"},
		nil, "a.target", Start, 0, "a/start c/start",
	},
	{
		"a required one does not",
		[]string{"a.target Requires=c.target", "c.target Requires=gone.target"},
		nil, "a.target", Start, 0, "NoSuchUnit",
	},
	{"a masked requirement fails", []string{"a.target Requires=b.target", "b.target LoadState=masked"}, nil, "a.target", Start, 0, "UnitMasked"},
	{"Requisite is only verified", []string{"a.target Requisite=b.target", "b.target"}, nil, "a.target", Start, 0, "a/start b/verify-active"},
	{"Conflicts stops", []string{"a.target Conflicts=b.target", "b.target"}, []string{"b.target"}, "a.target", Start, 0, "a/start b/stop"},
	{"and the other way round", []string{"a.target", "b.target Conflicts=a.target"}, []string{"b.target"}, "a.target", Start, 0, "a/start b/stop"},
	{
		"required and in conflict",
		[]string{"a.target Requires=b.target Conflicts=b.target", "b.target"},
		nil, "a.target", Start, 0, "TransactionJobsConflicting",
	},
	{
		"required, in conflict, and active",
		[]string{"a.target Requires=b.target Conflicts=b.target", "b.target"},
		[]string{"b.target"},
		"a.target", Start, 0, "TransactionJobsConflicting",
	},
	{
		"of two wanted units in conflict the one with Conflicts= goes",
		[]string{"a.target Wants=b.target,c.target", "b.target", "c.target Conflicts=b.target"},
		nil, "a.target", Start, 0, "a/start c/start",
	},
	{
		"a wanted unit in conflict with a required one goes",
		[]string{"a.target Requires=b.target Wants=c.target", "b.target", "c.target Conflicts=b.target"},
		nil, "a.target", Start, 0, "a/start b/start",
	},
	{
		"stop takes along what requires it and what is part of it",
		[]string{"a.target", "b.target Requires=a.target", "c.target PartOf=a.target", "d.target Wants=a.target", "e.target BindsTo=b.target"},
		[]string{"a.target", "b.target", "c.target", "d.target", "e.target"},
		"a.target", Stop, 0, "a/stop b/stop c/stop e/stop",
	},
	{
		"restart passes on as try-restart",
		[]string{"a.target", "b.target Requires=a.target", "c.target PartOf=a.target"},
		[]string{"a.target", "b.target"},
		"a.target", Restart, 0, "a/restart b/restart",
	},
	{"try-restart of what is down", []string{"a.target"}, nil, "a.target", TryRestart, 0, ""},
	{
		"PropagatesStopTo stops",
		[]string{"a.target PropagatesStopTo=b.target", "b.target"},
		[]string{"a.target", "b.target"},
		"a.target", Stop, 0, "a/stop b/stop",
	},
	{
		"PropagatesStopTo restarts what is to start anyway",
		[]string{"a.target Requires=b.target PropagatesStopTo=b.target", "b.target"},
		[]string{"a.target", "b.target"},
		"a.target", Restart, 0, "a/restart b/restart",
	},
	{
		"restart-dependencies",
		[]string{"a.target", "b.target Requires=a.target", "c.target PartOf=a.target", "d.target Wants=a.target"},
		[]string{"b.target", "c.target", "d.target"},
		"a.target", Start, unit.ModeRestartDependencies, "a/start b/restart c/restart",
	},
	{
		"ignore-requirements",
		[]string{"a.target Requires=b.target", "b.target"},
		nil, "a.target", Start, unit.ModeIgnoreRequirements, "a/start",
	},
	{"isolate is refused", []string{"a.target"}, nil, "a.target", Start, unit.ModeIsolate, "NoIsolation"},
	{"isolate is for start", []string{"a.target AllowIsolate=yes"}, nil, "a.target", Stop, unit.ModeIsolate, "InvalidArgs"},
	{
		"isolate stops the rest",
		[]string{"a.target AllowIsolate=yes Wants=b.target", "b.target", "c.target", "d.target IgnoreOnIsolate=yes", "-.slice Perpetual=yes", "e.target"},
		[]string{"b.target", "c.target", "d.target"},
		"a.target", Start, unit.ModeIsolate, "a/start c/stop",
	},
	{
		"isolate keeps what a unit that stays triggers",
		[]string{"a.target AllowIsolate=yes Wants=b.target", "b.target Triggers=c.target", "c.target"},
		[]string{"c.target"},
		"a.target", Start, unit.ModeIsolate, "a/start b/start",
	},
	{
		"triggering stops what would start it again",
		[]string{"a.target", "t.target Triggers=a.target"},
		[]string{"a.target", "t.target"},
		"a.target", Stop, unit.ModeTriggering, "a/stop t/stop",
	},
	{"triggering is for stop", []string{"a.target"}, nil, "a.target", Start, unit.ModeTriggering, "InvalidArgs"},
	{"perpetual units do not stop", []string{"-.slice Perpetual=yes"}, nil, "-.slice", Stop, 0, "JobTypeNotApplicable"},
	{"reload of what cannot be reloaded", []string{"a.target"}, []string{"a.target"}, "a.target", Reload, 0, "JobTypeNotApplicable"},
	{"reload-or-restart then restarts", []string{"a.target"}, []string{"a.target"}, "a.target", ReloadOrRestart, 0, "a/restart"},
	{
		"fail gives up a wanted unit that would stop a running one",
		[]string{"a.target Wants=b.target", "b.target Conflicts=c.target", "c.target"},
		[]string{"c.target"},
		"a.target", Start, unit.ModeFail, "a/start",
	},
	{
		"fail drops stops that only ConflictedBy brings",
		[]string{"a.target", "c.target Conflicts=a.target"},
		[]string{"c.target"},
		"a.target", Start, unit.ModeFail, "a/start",
	},
	{
		"a ring among wanted units loses one of them",
		[]string{"a.target Wants=b.target,c.target", "b.target After=c.target DefaultDependencies=no", "c.target After=b.target DefaultDependencies=no"},
		nil, "a.target", Start, 0, "a/start b/start",
	},
	{
		"a ring among required units is refused",
		[]string{"a.target Requires=b.target After=b.target", "b.target After=a.target"},
		nil, "a.target", Start, 0, "TransactionOrderIsCyclic",
	},
	{
		"ignore-dependencies ignores order too",
		[]string{"a.target Requires=b.target After=b.target", "b.target After=a.target"},
		nil, "a.target", Start, unit.ModeIgnoreDependencies, "a/start",
	},
}

func TestTransactions(t *testing.T) {
	for _, c := range transactions {
		t.Run(c.name, func(t *testing.T) {
			e := bench(t, c.units, c.up...)
			if got := plan(e, c.unit, c.verb, c.mode); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			checkBlocked(t, e)
		})
	}
}

// checkBlocked counts for every job what it waits for.
func checkBlocked(t *testing.T, e *Engine) {
	t.Helper()
	for _, n := range e.nodes {
		if n == nil || n.job == nil {
			continue
		}
		want := int32(0)
		for _, x := range n.edges {
			if m := e.nodes[x.Peer]; (x.Rel == Before || x.Rel == After) && ordered(n.job, m.job) &&
				waitsFor(n.job.Type, m.job.Type, x.Rel == Before) {
				want++
			}
		}
		if n.job.Blocked != want {
			t.Errorf("%s: Blocked is %d, want %d", n.def.Name, n.job.Blocked, want)
		}
	}
}
