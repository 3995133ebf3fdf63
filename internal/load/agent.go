// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"slices"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/launchd"
	"github.com/rouse-init/rouse/internal/unit"
)

// agentSource is one job of launchd. Its file was read when the index was
// made, since its name need not be that of the job.
type agentSource struct{ job *launchd.Job }

func (s agentSource) prepare(_ *compiler, r *recipe, e *entry) {
	m := agentMaker{job: s.job}
	for _, path := range r.dropIns {
		m.notes.Add(diag.Diagnostic{
			Pos: diag.Pos{File: path}, Severity: diag.Warning, Code: codeOverride,
			Msg: fmt.Sprintf("cannot apply the drop-in to a job of launchd, %s, ignoring", e.path), Fix: "change " + e.path,
		})
	}
	r.fragment, r.dropIns, r.maker = e.path, nil, m
}

func isAgent(e *entry) bool {
	_, ok := e.source.(agentSource)
	return ok
}

type agentMaker struct {
	job   *launchd.Job
	notes diag.List
}

func (m agentMaker) Instance(name string) (*unit.Unit, diag.List) {
	u, list := m.job.Instance(name)
	for _, d := range m.notes {
		d.Unit = name
		list = append(slices.Clip(list), d)
		u.Unsupported = append(slices.Clip(u.Unsupported), d)
	}
	return u, list
}

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
// loaded. A socket does not start its service with it.
func (l *Loader) addAgents(p *Plan) {
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
	if len(l.index.names) == 0 || p.Why == "" {
		p.Why = why
	} else {
		p.Why += ", and " + why
	}
	slices.Sort(p.Start)
	slices.SortFunc(p.Asleep, func(a, b Sleeper) int {
		if a.Unit < b.Unit {
			return -1
		}
		return 1
	})
}
