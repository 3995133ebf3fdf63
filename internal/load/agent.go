// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"slices"

	"github.com/rouse-init/rouse/internal/unit"
)

// load lists what is started when the jobs are loaded, sorted.
func (x *agentIndex) load() (out []string) {
	for _, j := range x.jobs {
		out = append(out, j.Load...)
	}
	slices.Sort(out)
	return out
}

// wanted are the dependencies of a target on what jobs of launchd load:
// nobody enables a property list, it lies where it is found.
func (x *agentIndex) wanted(target string, scope Scope) (out []unit.Dep) {
	if len(x.jobs) == 0 {
		return nil
	}
	services := "multi-user.target"
	if scope != System {
		services = "default.target"
	}
	if target != "sockets.target" && target != services {
		return nil
	}
	for _, name := range x.load() {
		if (unit.KindOf(name) == unit.KindSocket) == (target == "sockets.target") {
			out = append(out, unit.Dep{Kind: unit.Wants, Name: name})
		}
	}
	return out
}

// agentNames are the units of all jobs of launchd that are to be known before
// anybody asks for them, sorted: events may start any.
func (l *Loader) agentNames() (out []string) {
	for _, j := range l.index.agents.jobs {
		for _, name := range j.Names() {
			if !unit.IsTemplate(name) {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// addAgents adds to a plan what is started when the jobs of launchd are
// loaded. A socket does not start its service with it. others are the units that
// the plan speaks of already.
func (l *Loader) addAgents(p *Plan, others int) {
	jobs, off := 0, 0
	for _, j := range l.index.agents.jobs {
		jobs++
		if j.Off {
			off++
		}
		var sockets []string
		started := false
		for _, name := range j.Load {
			if unit.KindOf(name) == unit.KindSocket {
				sockets = append(sockets, name)
			}
			started = started || name == j.Service()
		}
		p.Start = append(p.Start, j.Load...)
		if len(sockets) > 0 && !started && !unit.IsTemplate(j.Service()) {
			slices.Sort(sockets)
			p.Asleep = append(p.Asleep, Sleeper{Unit: j.Service(), By: sockets})
		}
	}
	if jobs == 0 {
		return
	}
	why := fmt.Sprintf("%d of %d jobs of launchd are loaded", jobs-off, jobs)
	if others == 0 {
		p.Why = why
	} else {
		p.Why += ", and " + why
	}
}
