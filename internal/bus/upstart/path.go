// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"strings"

	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// JobPath is the object path of a job.
func JobPath(job string) string { return jobsRoot + "/" + wire.EscapeBytes(job) }

// InstancePath is the object path of an instance.
func InstancePath(job, instance string) string {
	return JobPath(job) + "/" + wire.EscapeBytes(instance)
}

// jobName is the name that Upstart gives to a unit.
func jobName(u *unit.Unit) string {
	if u.Service != nil && u.Service.Job != nil {
		return u.Service.Job.Name
	}
	return strings.TrimSuffix(u.Name, ".service")
}

// statusOf is the status of a unit of the job, of which only the names are
// sure: an instance is forgotten when it has come to rest.
func (s *Service) statusOf(job *unit.Unit, unitName string) engine.JobStatus {
	if st, ok := s.be.Status(unitName); ok {
		return st
	}
	st := engine.JobStatus{Unit: unitName, Job: jobName(job), Goal: "stop", State: "waiting"}
	if unitName != job.Name {
		st.Instance, _ = unit.Unescape(unit.Split(unitName).Instance)
	}
	return st
}

func pathOf(st *engine.JobStatus) string { return InstancePath(st.Job, st.Instance) }

// unescape undoes EscapeBytes, and only that: each object has one path.
func unescape(element string) (string, bool) {
	name, ok := wire.Unescape(element)
	return name, ok && wire.EscapeBytes(name) == element
}
