// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"strings"

	"github.com/rouse-init/rouse/internal/bus/wire"
)

// JobAdded says that a job was loaded. Call it also when its file has changed.
func (s *Service) JobAdded(unitName string) {
	if st, ok := s.be.Status(unitName); ok && st.Job+".service" != unitName {
		s.names[unitName] = st.Job
	}
	s.jobSignal("JobAdded", unitName)
}

// JobRemoved says that there is no such job any more.
func (s *Service) JobRemoved(unitName string) {
	s.jobSignal("JobRemoved", unitName)
	delete(s.names, unitName)
}

func (s *Service) jobSignal(member, unitName string) {
	if s.srv.WantedBelow(Path, IfManager, member) {
		s.srv.Emit(Path, IfManager, member, "o", onePath(JobPath(s.jobOf(unitName))))
	}
}

// jobOf is the job of a unit, which may be gone.
func (s *Service) jobOf(unitName string) string {
	if name, ok := s.names[unitName]; ok {
		return name
	}
	if st, ok := s.be.Status(unitName); ok {
		return st.Job
	}
	return strings.TrimSuffix(unitName, ".service")
}

// EventEmitted tells of an event.
func (s *Service) EventEmitted(name string, env []string) {
	if s.watching {
		s.srv.Emit(Path, IfManager, "EventEmitted", "sas", func(e *wire.Encoder) {
			e.String(name)
			e.Strings(env)
		})
	}
}

// Restarted says that the manager has started again and is back on the bus.
func (s *Service) Restarted() { s.srv.Emit(Path, IfManager, "Restarted", "", nil) }

func onePath(p string) func(*wire.Encoder) { return func(e *wire.Encoder) { e.Path(p) } }

func oneString(v string) func(*wire.Encoder) { return func(e *wire.Encoder) { e.String(v) } }
