// SPDX-License-Identifier: Apache-2.0

package load

import (
	"slices"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// JobNames returns the names of the units of all Upstart jobs, sorted;
// instances are not among them, nor jobs that a unit of another format hides.
func (l *Loader) JobNames() []string {
	var out []string
	for name, e := range l.index.names {
		if _, ok := e.source.(jobSource); ok && e.kind == entryFile {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// Jobs loads all jobs, those of launchd too, and what they refer to. All have
// to be known to whoever handles events, since any event may start any job.
func (l *Loader) Jobs() ([]*unit.Unit, diag.List) {
	return l.Load(slices.Concat(l.JobNames(), l.agentNames())...)
}

// WatchDirs returns the directories of jobs that exist, with those below
// them, as paths on this host. A change in one of them may be a change of
// jobs: ask JobsChanged.
func (l *Loader) WatchDirs() []string {
	var out []string
	for _, d := range l.index.jobs.dirs {
		if d.stamp != (stamp{}) {
			out = append(out, d.path)
		}
	}
	return unique(out)
}

// JobsChanged tells whether job files or overrides were added, changed or
// removed since New, Reload or ReloadJobs read the directories. It costs a stat call for each directory and
// each file.
func (l *Loader) JobsChanged() bool {
	x := l.jobsAt
	changed := func(s stamped) bool { return stampOf(s.path) != s.stamp }
	if slices.ContainsFunc(x.jobs.dirs, changed) || slices.ContainsFunc(x.jobs.other, changed) {
		return true
	}
	for _, e := range x.names {
		s, ok := e.source.(jobSource)
		if !ok {
			continue
		}
		for _, path := range []string{e.path, s.override} {
			if was, read := l.stamps[path]; read && stampOf(path) != was {
				return true
			}
		}
	}
	return false
}

// ReloadJobs reads the directories of jobs again and returns all jobs with
// what they refer to, and the sorted names of the jobs and instances that
// were loaded before and that nothing defines any longer. Units of other
// formats that are loaded stay as they are, as they do until a daemon-reload.
func (l *Loader) ReloadJobs() (units []*unit.Unit, gone []string, list diag.List) {
	l.index = newIndex(l.cfg)
	l.jobsAt, l.fresh = l.index, nil
	var before []string
	for name, u := range l.units {
		if isJob(u) && u.Load != unit.NotFound {
			before = append(before, name)
		}
		if isJob(u) || u.Load == unit.NotFound {
			delete(l.units, name)
		}
	}
	for name, r := range l.templates {
		if _, ok := r.maker.(*jobMaker); ok || r.fault != nil {
			delete(l.templates, name)
		}
	}
	slices.Sort(before)
	var again []string // instances
	for _, name := range before {
		if unit.IsInstance(name) && l.index.class(name) != nil {
			again = append(again, name)
		}
	}
	units, list = l.Load(append(again, l.JobNames()...)...)
	for _, name := range before {
		if l.vanished(name) {
			gone = append(gone, name)
		}
	}
	return units, gone, list
}

// vanished tells whether nothing defines a unit that was loaded before.
func (l *Loader) vanished(name string) bool {
	name = l.index.canonical(name)
	if l.index.names[name] == nil && (l.index.class(name) != nil || l.index.bridge(name) != nil) {
		u := l.units[name] // not found: the job has no instances any longer, or the socket no bridge
		return u != nil && u.Load == unit.NotFound
	}
	if u := l.units[name]; u != nil && u.Socket != nil && u.Socket.MemberOf != "" {
		return false
	}
	return l.index.find(name) == nil
}
