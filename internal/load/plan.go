// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// Plan is what `rouse up` starts.
type Plan struct {
	Start  []string // in the order of their names
	Asleep []Sleeper
	// Jobs are the jobs that start when their events come: those of Upstart,
	// sorted, and then those of launchd.
	Jobs []string
	// Why says in one sentence how Start was chosen.
	Why string
}

// Sleeper is a unit that stays down until another one wakes it.
type Sleeper struct {
	Unit string
	By   []string // sockets, timers and paths, sorted
}

// Plan decides what `rouse up` starts of the units on the path: its
// default.target if there is one; else all that have an [Install] section or
// are linked in a `.wants` directory, with their wakers in the place of those
// that a socket, timer or path unit of the path wakes; else, when nothing is
// installed, the wakers and the services that nothing wakes. Upstart jobs are
// started by events, and by the plan only where a `.wants` directory links
// them; all of them are among the units that it returns.
func (l *Loader) Plan() (Plan, []*unit.Unit, diag.List) {
	if e := l.index.names["default.target"]; e != nil && e.path != "" {
		on := append(l.index.super.on(), l.index.agents.load()...)
		units, list := l.Load(slices.Concat(l.JobNames(), l.agentNames(), on, []string{"default.target"})...)
		return Plan{
			Start: append(on, l.Canonical("default.target")), Jobs: l.waiting(),
			Why: "the directory has a default.target",
		}, units, list
	}
	names := append(l.plain(), l.linked()...)
	units, list := l.Load(names...)
	own := map[string]*unit.Unit{}
	for _, n := range names {
		if u, ok := l.Unit(n); ok && u.Load == unit.Loaded {
			own[u.Name] = u
		}
	}
	supers := map[string]*unit.Unit{}
	for name, u := range own {
		switch e := l.index.find(name); {
		case e == nil:
		case isPair(e):
			supers[name] = u
			delete(own, name)
		case isAgent(e):
			delete(own, name)
		}
	}
	p := choose(own, l.linkedSet())
	l.addSupers(&p, supers)
	l.addAgents(&p, len(own)+len(supers))
	slices.SortFunc(p.Start, socketsFirst)
	slices.SortFunc(p.Asleep, func(a, b Sleeper) int { return strings.Compare(a.Unit, b.Unit) })
	p.Jobs = l.waiting()
	jobs := 0
	for _, u := range own {
		if isJob(u) {
			jobs++
		}
	}
	switch {
	case len(own)+len(supers)+len(l.agentNames()) == 0:
		p.Why = "there are no units here"
	case jobs == 0 || len(p.Start) > 0:
	case len(p.Jobs) > 0:
		p.Why = fmt.Sprintf("%d of %d Upstart jobs start when their events come", min(len(p.Jobs), jobs), jobs)
	default:
		p.Why = fmt.Sprintf("none of the %d Upstart jobs has a start on stanza, so each waits to be started by its name", jobs)
	}
	return p, units, list
}

// waiting returns the jobs, of Upstart and of launchd, that are loaded and that
// events start.
func (l *Loader) waiting() []string {
	return slices.DeleteFunc(slices.Concat(l.JobNames(), l.agentNames()), func(name string) bool {
		u := l.units[name]
		return u == nil || u.Load != unit.Loaded || u.Events == nil || len(u.Events.StartOn) == 0
	})
}

// choose makes the plan from the units of the path and the set of those that
// a `.wants` directory links.
func choose(own map[string]*unit.Unit, linked map[string]bool) Plan {
	wakers := map[string][]string{}
	for _, n := range sortedKeys(own) {
		for _, d := range own[n].Deps {
			if d.Kind == unit.Triggers && own[d.Name] != nil {
				wakers[d.Name] = append(wakers[d.Name], n)
			}
		}
		if name := bridged(own[n]); own[name] != nil {
			wakers[name] = append(wakers[name], n)
		}
	}
	var p Plan
	start := map[string]bool{}
	enabled, jobs := 0, 0
	for n, u := range own {
		if isJob(u) && !linked[n] {
			jobs++
			continue
		}
		if u.Install == nil && !linked[n] {
			continue
		}
		enabled++
		if len(wakers[n]) == 0 {
			start[n] = true
		}
		for _, w := range wakers[n] {
			start[w] = true
		}
	}
	p.Why = fmt.Sprintf("%d of %d units are to be installed", enabled, len(own)-jobs)
	if enabled == 0 {
		p.Why = "no unit has an [Install] section, so all sockets, timers and paths start, and the services that nothing wakes"
		for n, u := range own {
			if len(wakers[n]) == 0 && startable(u.Kind) && !isJob(u) {
				start[n] = true
			}
		}
	}
	p.Start = sortedKeys(start)
	for _, n := range sortedKeys(wakers) {
		if !start[n] {
			p.Asleep = append(p.Asleep, Sleeper{Unit: n, By: wakers[n]})
		}
	}
	return p
}

// socketsFirst is the order in which units are to be asked for: what starts may
// connect to any of the sockets, which are before sockets.target only if their
// jobs are known by then.
func socketsFirst(a, b string) int {
	x, y := unit.KindOf(a) == unit.KindSocket, unit.KindOf(b) == unit.KindSocket
	switch {
	case x == y:
		return strings.Compare(a, b)
	case x:
		return -1
	}
	return 1
}

// startable tells the kinds that do something by themselves.
func startable(k unit.Kind) bool {
	switch k {
	case unit.KindService, unit.KindSocket, unit.KindTimer, unit.KindPath, unit.KindMount, unit.KindAutomount, unit.KindSwap:
		return true
	default:
		return false
	}
}

// linked returns the names in the directories of links on the path, templates
// and masks left out, sorted.
func (l *Loader) linked() []string {
	var out []string
	for _, sub := range sortedKeys(l.index.subs) {
		for _, k := range linkKinds {
			if len(sub) > len(k.suffix) && sub[len(sub)-len(k.suffix):] == k.suffix {
				for _, d := range l.index.linkDeps(sub[:len(sub)-len(k.suffix)], nil, &diag.List{}) {
					out = append(out, d.Name)
				}
				break
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (l *Loader) linkedSet() map[string]bool {
	set := map[string]bool{}
	for _, n := range l.linked() {
		set[l.Canonical(n)] = true
	}
	return set
}
