// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// startup follows the first jobs, to say when all that is enabled runs.
type startup struct {
	asked   int             // wishes without a reply
	jobs    map[uint32]bool // their jobs, until they end
	failed  []string
	said    bool
	started bool
}

// wish asks for the start of a unit that is enabled.
func (s *startup) wish(m *Manager, name string) {
	if s.jobs == nil {
		s.jobs = make(map[uint32]bool)
	}
	s.asked++
	s.started = true
	m.ask(engine.Start, name, unit.ModeReplace, false, func(r engine.Reply) {
		s.asked--
		if r.Err != nil {
			s.failed = append(s.failed, name)
			m.say("%s: cannot start: %s", name, r.Err.Msg)
		} else if r.Job != 0 {
			s.jobs[r.Job] = true
		}
		s.check(m)
	})
}

// startupCause marks the first event in the state log.
const startupCause = "the start of the manager"

// event emits the event that jobs begin with.
func (s *startup) event(m *Manager) {
	name := m.cfg.StartupEvent
	switch {
	case name == "-" || m.cfg.Mode == ModeOn || m.saved.Begun:
		return
	case name == "":
		name = "startup"
	}
	s.asked++
	id := m.nextAsk()
	m.replies[id] = func(engine.Reply) {
		s.asked--
		s.check(m)
	}
	m.feed(engine.Happened{ID: id, Name: name, By: startupCause})
}

func (s *startup) jobRemoved(m *Manager, f engine.JobRemoved) {
	if s.jobs[f.Job] {
		delete(s.jobs, f.Job)
		if f.Result != engine.JobDone {
			s.failed = append(s.failed, f.Unit)
		}
	}
	s.check(m)
}

// check says "ready" once, when nothing that was enabled is still on its way.
func (s *startup) check(m *Manager) {
	if s.said || !s.started || s.asked > 0 || len(s.jobs) > 0 || m.saved.FinishedAt != 0 {
		return
	}
	for range m.engine.Jobs() {
		return // what the wishes pulled in is still on its way
	}
	s.said = true
	m.saved.FinishedAt = m.now()
	m.compactDue = true
	if m.sources != nil {
		m.sources.Quiet()
	}
	switch {
	case m.cfg.Mode == ModeOn && len(s.failed) > 0: // that was all that was asked for
		m.saved.ExitCode = 1
		m.stopAll()
	case m.cfg.Mode == ModeUp, m.cfg.Mode == ModeOn:
		m.say("ready")
	}
	took := uint64(m.saved.FinishedAt-m.saved.StartedAt) / 1000
	if m.bus != nil {
		m.bus.StartupFinished(took, took)
	}
}

// ask queues an Asked; reply may be nil.
func (m *Manager) ask(verb engine.Verb, name string, mode unit.JobMode, manual bool, reply func(engine.Reply)) {
	m.saved.NextAsk++
	id := m.saved.NextAsk
	if reply != nil {
		m.replies[id] = reply
	}
	m.feed(engine.Asked{ID: id, Verb: verb, Unit: name, Mode: mode, Manual: manual})
}
