// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"slices"
	"time"

	"github.com/rouse-init/rouse/internal/engine"
)

// alarm is something that the manager itself wants to do later. There are
// few: what units wait for are the engine's timers.
type alarm struct {
	at engine.Time
	fn func()
}

func (m *Manager) later(d time.Duration, fn func()) {
	m.alarms = append(m.alarms, alarm{m.now() + engine.Time(d), fn})
	slices.SortStableFunc(m.alarms, func(a, b alarm) int { return int(a.at - b.at) })
}

// nextAlarm is when the first is due, 0 for none.
func (m *Manager) nextAlarm() engine.Time {
	if len(m.alarms) == 0 {
		return 0
	}
	return m.alarms[0].at
}

// ring runs what is due.
func (m *Manager) ring(now engine.Time) {
	for len(m.alarms) > 0 && m.alarms[0].at <= now {
		fn := m.alarms[0].fn
		m.alarms = m.alarms[1:]
		fn()
	}
}

// sayOnce prints a line only the first time.
func (m *Manager) sayOnce(key, format string, args ...any) {
	if m.said[key] {
		return
	}
	m.said[key] = true
	m.say(format, args...)
}
