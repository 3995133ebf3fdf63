// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// UnitChanged says that something of a unit has changed. If it is a job or an
// instance of one, those who want to know are told what: call it for each
// UnitChanged of the engine, at once, so that no state is passed over. While
// nobody wants to know it costs next to nothing. Units of other kinds than
// services are no jobs, as in GetAllJobs.
func (s *Service) UnitChanged(unitName string) {
	if unit.KindOf(unitName) == unit.KindService && s.heard() {
		if st, ok := s.be.Status(unitName); ok && !st.Class {
			s.tell(&st)
		}
	}
}

// UnitForgotten says that a unit is unloaded.
func (s *Service) UnitForgotten(unitName string) {
	if st, ok := s.told[unitName]; ok && s.heard() {
		st.Goal, st.State = "stop", "waiting"
		s.tell(&st)
	}
}

// heard tells whether anybody wants to know about instances.
func (s *Service) heard() bool {
	if !s.srv.Audience() {
		return false
	}
	return s.srv.WantedBelow(jobsRoot, IfInstance, "StateChanged") || s.srv.WantedBelow(jobsRoot, IfInstance, "GoalChanged") ||
		s.srv.WantedBelow(jobsRoot, IfInstance, "Failed") || s.srv.WantedBelow(jobsRoot, IfJob, "InstanceAdded") ||
		s.srv.WantedBelow(jobsRoot, IfJob, "InstanceRemoved")
}

// hear finds out how things stand when somebody begins to want to know of
// changes, and forgets it when nobody does any more.
func (s *Service) hear() {
	on := s.heard()
	if on == s.hearing {
		return
	}
	s.hearing = on
	if !on {
		clear(s.told)
		return
	}
	for _, u := range s.be.Jobs() {
		for _, st := range s.be.Instances(u.Name) {
			if !rests(&st) {
				s.told[st.Unit] = st
			}
		}
	}
}

func rests(st *engine.JobStatus) bool { return st.Goal == "stop" && st.State == "waiting" }

// tell sends the signals for what is not as it was told last. An instance that
// rests is none: one that leaves its rest is added, one that comes to rest is
// removed.
func (s *Service) tell(st *engine.JobStatus) {
	old, known := s.told[st.Unit]
	switch {
	case !known && rests(st):
		return
	case !known:
		old.Goal, old.State = "stop", "waiting"
		s.instanceSignal("InstanceAdded", st)
	}
	if rests(st) {
		delete(s.told, st.Unit)
	} else {
		s.told[st.Unit] = *st
	}
	path := pathOf(st)
	if st.Goal != old.Goal {
		s.srv.Emit(path, IfInstance, "GoalChanged", "s", oneString(st.Goal))
	}
	if st.State != old.State {
		s.srv.Emit(path, IfInstance, "StateChanged", "s", oneString(st.State))
	}
	if st.Failed && !old.Failed {
		s.srv.Emit(path, IfInstance, "Failed", "i", func(e *wire.Encoder) { e.Int32(st.FailStatus) })
	}
	if rests(st) {
		s.instanceSignal("InstanceRemoved", st)
	}
}

func (s *Service) instanceSignal(member string, st *engine.JobStatus) {
	s.srv.Emit(JobPath(st.Job), IfJob, member, "o", onePath(pathOf(st)))
}
