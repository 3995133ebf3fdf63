// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/guardian"
	"github.com/rouse-init/rouse/internal/unit"
)

// happened emits an event of the machine that nobody waits for.
func (m *Manager) happened(name string, env []string, by string) {
	m.feed(engine.Happened{Name: name, Env: env, By: by})
}

// emitted tells those who watch of an event.
func (m *Manager) emitted(f engine.Emitted) {
	if m.watchers.log {
		m.say("event %s", strings.TrimSpace(f.Name+" "+strings.Join(f.Env, " ")))
	}
	m.bus.EventEmitted(f)
	m.upstart.EventEmitted(f.Name, f.Env)
}

// completed tells them of its end.
func (m *Manager) completed(f engine.Completed) { m.bus.EventCompleted(f) }

// FollowEvents implements systemd1.Backend.
func (m *Manager) FollowEvents(on bool) { m.watchEvents(&m.watchers.rouse, on) }

// armSource performs ArmSource.
func (m *Manager) armSource(key string) {
	if m.dropEventFD(key) {
		return
	}
	if m.sources != nil {
		m.sources.Arm(key)
	}
}

// sourceFDs are the descriptors that come with an event.
func (m *Manager) sourceFDs(key string) []int {
	if fd, ok := m.eventFDs[key]; ok {
		return []int{fd}
	}
	if m.sources != nil {
		return m.sources.FDs(key)
	}
	return nil
}

// machineSignals are the signals that the kernel sends process 1 on behalf of
// somebody at the keyboard or the power supply (init(8), Events).
var machineSignals = map[unix.Signal]string{
	unix.SIGINT: "control-alt-delete", unix.SIGWINCH: "keyboard-request", unix.SIGPWR: "power-status-changed",
}

// machineEvent emits what a signal to process 1 means, if a job waits for it.
func (m *Manager) machineEvent(sig unix.Signal) bool {
	name, ok := machineSignals[sig]
	if !ok || !m.engine.Hears(name) {
		return false
	}
	m.happened(name, nil, "signal "+unix.SignalName(sig))
	return true
}

// ctrlAltDel is the key, or who stands for it: where no job waits for it, the
// machine starts again and a container ends.
func (m *Manager) ctrlAltDel() {
	switch {
	case m.machineEvent(unix.SIGINT):
	case m.start.Pid1 && guardian.FirstNamespace():
		m.must(m.Shutdown(unit.ActionReboot, 0))
	default:
		m.terminate(false)
	}
}

// endSignals are the real-time signals that end process 1 (systemd(1)).
var endSignals = map[unix.Signal]unit.Action{
	sigRTMin + 3: unit.ActionHalt, sigRTMin + 4: unit.ActionPoweroff, sigRTMin + 5: unit.ActionReboot, sigRTMin + 6: unit.ActionKexec,
}

// sigRTMin is glibc's SIGRTMIN: the first two are its own.
const sigRTMin = 34

// endSession tells the jobs of a session that it ends, and stops them.
func (m *Manager) endSession(kind string) {
	if m.sessionEnd {
		return
	}
	m.sessionEnd = true
	if !m.engine.Hears("session-end") {
		m.stopAll()
		return
	}
	id := m.nextAsk()
	m.replies[id] = func(engine.Reply) { m.stopAll() }
	m.feed(engine.Happened{ID: id, Name: "session-end", Env: []string{"TYPE=" + kind}, Wait: true, By: "the end of the session"})
	m.later(sessionPatience, m.stopAll)
}

// sessionPatience bounds what jobs do at the end of their session.
const sessionPatience = 5 * time.Second

// Why implements systemd1.Backend.
func (m *Manager) Why(name string) (engine.Explanation, error) {
	unitName := name
	if !strings.Contains(name, ".") || m.engine.Def(name) == nil {
		unitName = m.upstartUnit(name)
	}
	if x, ok := m.engine.Why(unitName); ok {
		return x, nil
	}
	if _, err := m.Load(unitName); err != nil {
		return engine.Explanation{}, err
	}
	if x, ok := m.engine.Why(unitName); ok {
		return x, nil
	}
	return engine.Explanation{}, errNoUnit
}
