// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"strings"

	"github.com/rouse-init/rouse/internal/bus"
	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// tree is the Service as a bus.Tree.
type tree Service

// jobObject is a job, instanceObject an instance, as their functions get them.
type jobObject struct {
	svc  *Service
	unit *unit.Unit
}

type instanceObject struct {
	svc    *Service
	status engine.JobStatus
}

// Lookup finds the manager, a job or an instance that exists.
func (t *tree) Lookup(path string) (bus.Node, bool) {
	s := (*Service)(t)
	if path == Path {
		return bus.Node{Interfaces: s.tables.manager, Subject: s}, true
	}
	job, instance, inst, ok := s.parse(path)
	if !ok {
		return bus.Node{}, false
	}
	if !inst {
		return bus.Node{Interfaces: s.tables.job, Subject: &jobObject{s, job}}, true
	}
	st, ok := s.instance(job, instance)
	return bus.Node{Interfaces: s.tables.instance, Subject: &instanceObject{s, st}}, ok
}

// parse takes a path apart; inst tells whether it is that of an instance. The
// job exists.
func (s *Service) parse(path string) (job *unit.Unit, instance string, inst, ok bool) {
	rest, ok := strings.CutPrefix(path, jobsRoot+"/")
	if !ok {
		return nil, "", false, false
	}
	first, second, inst := strings.Cut(rest, "/")
	name, ok := unescape(first)
	if !ok {
		return nil, "", false, false
	}
	if inst {
		if instance, ok = unescape(second); !ok {
			return nil, "", false, false
		}
	}
	job, ok = s.be.Job(name)
	return job, instance, inst, ok
}

// instance finds an instance of a job by its name.
func (s *Service) instance(job *unit.Unit, name string) (engine.JobStatus, bool) {
	for _, st := range s.be.Instances(job.Name) {
		if st.Instance == name {
			return st, true
		}
	}
	return engine.JobStatus{}, false
}

// Children lists what is below a path.
func (t *tree) Children(path string) []string {
	s := (*Service)(t)
	names := []string{}
	switch path {
	case Path:
		return []string{"jobs"}
	case jobsRoot:
		for _, u := range s.be.Jobs() {
			names = append(names, wire.EscapeBytes(jobName(u)))
		}
		return names
	}
	job, _, inst, ok := s.parse(path)
	if !ok || inst {
		return nil
	}
	for _, st := range s.be.Instances(job.Name) {
		names = append(names, wire.EscapeBytes(st.Instance))
	}
	return names
}

// tables are all interfaces.
type tables struct{ manager, job, instance []*bus.Interface }

func newTables() tables {
	return tables{
		manager:  []*bus.Interface{managerInterface()},
		job:      []*bus.Interface{jobInterface(), rouseJobInterface()},
		instance: []*bus.Interface{instanceInterface(), rouseInstanceInterface()},
	}
}
