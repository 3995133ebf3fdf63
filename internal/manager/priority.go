// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"slices"

	"github.com/rouse-init/rouse/internal/engine"
)

// priorities are initctl's names for how much the manager says, most first.
var priorities = []string{"debug", "info", "message", "warn", "error", "fatal"}

// priority is the least severe message that is printed: what initctl
// log-priority has set, else the options of init(8).
func (m *Manager) priority() string {
	switch {
	case m.saved.LogPriority != "":
		return m.saved.LogPriority
	case m.cfg.Debug:
		return "debug"
	case m.cfg.Verbose:
		return "info"
	case m.cfg.ErrorsOnly:
		return "error"
	}
	return "message"
}

// says tells whether a message of this priority is printed.
func (m *Manager) says(priority string) bool {
	return slices.Index(priorities, priority) >= slices.Index(priorities, m.priority())
}

// recordPriority is what the engine's levels are in initctl's names. Info of
// the engine is for everybody.
var recordPriority = map[engine.RecordLevel]string{
	engine.RecordDebug: "debug", engine.RecordInfo: "message", engine.RecordWarning: "warn", engine.RecordError: "error", engine.RecordBug: "fatal",
}

// followLog has events told while they are to be printed.
func (m *Manager) followLog() {
	m.watchEvents(&m.watchers.log, m.says("info"))
}

// logJob prints a change of a job's goal or state.
func (m *Manager) logJob(name string) {
	if !m.watchers.log {
		return
	}
	st, ok := m.engine.JobStatus(name)
	if u := m.engine.Def(name); !ok || u == nil || u.Service == nil {
		return
	}
	now := st.Goal + "/" + st.State
	if m.logged[name] == now {
		return
	}
	if m.logged == nil {
		m.logged = make(map[string]string)
	}
	m.logged[name] = now
	title := st.Job
	if st.Instance != "" {
		title += " (" + st.Instance + ")"
	}
	m.say("%s %s", title, now)
}
