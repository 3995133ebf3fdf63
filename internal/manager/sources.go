// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/source"
	"github.com/rouse-init/rouse/internal/unit"
)

// sourcePrefix is what the keys of event sources begin with, among those of all
// that the guardian keeps.
const sourcePrefix = "source\x1f"

// wantSources makes the event sources those that the loaded jobs name
// (internal/source). Without any there is no set at all.
func (m *Manager) wantSources() {
	var want []source.Wanted
	m.engine.Terms(func(u *unit.Unit, t *unit.Term) {
		want = append(want, source.Wanted{Term: *t, Unit: u.Name})
	})
	if m.sources == nil {
		if !source.Relevant(want) && len(m.sourcesKept) == 0 {
			return
		}
		m.openSources()
	}
	m.sources.Want(want)
}

func (m *Manager) openSources() {
	m.sources = source.New(source.Config{
		Loop: m.loop, Now: func() time.Duration { return time.Duration(m.now()) }, Wall: time.Now,
		Emit: func(name string, env []string, key string) {
			m.feed(engine.Happened{Name: name, Env: env, Source: key, By: "the machine"})
		},
		Keep:   func(key string, fds ...int) error { return m.guard.Store(sourcePrefix+key, fds...) },
		Forget: func(key string) { m.must(m.guard.Drop(sourcePrefix + key)) },
		User:   m.cfg.user(m.uid),
		Say:    m.say,
	})
	for key, fds := range m.sourcesKept {
		m.sources.Adopt(key, fds)
	}
	m.sourcesKept = nil
	if m.saved.FinishedAt != 0 {
		m.sources.Quiet()
	}
}

// keptSource takes a descriptor of an event source that outlived the last
// manager.
func (m *Manager) keptSource(key string, fds []int) bool {
	if name, ok := strings.CutPrefix(key, sourcePrefix); ok {
		if m.sourcesKept == nil {
			m.sourcesKept = make(map[string][]int)
		}
		m.sourcesKept[name] = fds
		return true
	}
	if strings.HasPrefix(key, "event:") {
		m.eventFDs[key] = fds[0]
		return true
	}
	return false
}

// tickSources does what is due and returns when to come again, 0 for never.
func (m *Manager) tickSources() engine.Time {
	if m.sources == nil {
		return 0
	}
	m.sources.Tick(time.Duration(m.now()))
	return m.nextSources()
}

func (m *Manager) nextSources() engine.Time {
	if m.sources == nil {
		return 0
	}
	if next, ok := m.sources.Next(); ok {
		return max(engine.Time(next), 1)
	}
	return 0
}
