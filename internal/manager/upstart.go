// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus/upstart"
	"github.com/rouse-init/rouse/internal/engine"
	format "github.com/rouse-init/rouse/internal/format/upstart"
	"github.com/rouse-init/rouse/internal/unit"
)

// jobs is the manager as com.ubuntu.Upstart sees it.
type jobs struct{ m *Manager }

var _ upstart.Backend = jobs{}

// Jobs implements upstart.Backend.
func (j jobs) Jobs() []*unit.Unit {
	j.m.jobFiles.now()
	var out []*unit.Unit
	for v := range j.m.engine.Units() {
		known := v.Unit.Load == unit.Loaded || len(j.m.engine.Instances(v.Unit.Name)) > 0
		if isJob(v.Unit) && known && !j.m.engine.IsInstance(v.Unit.Name) {
			out = append(out, v.Unit)
		}
	}
	slices.SortFunc(out, func(a, b *unit.Unit) int { return strings.Compare(jobName(a), jobName(b)) })
	return out
}

// isJob tells the units that initctl lists: services.
func isJob(u *unit.Unit) bool { return u.Kind == unit.KindService && u.Service != nil }

// jobName is the name that initctl uses.
func jobName(u *unit.Unit) string {
	if u.Service != nil && u.Service.Job != nil {
		return u.Service.Job.Name
	}
	return strings.TrimSuffix(u.Name, ".service")
}

// Job implements upstart.Backend. A job whose file has an error is found too:
// its Load says so.
func (j jobs) Job(name string) (*unit.Unit, bool) {
	j.m.jobFiles.now()
	unitName := j.m.upstartUnit(name)
	if !unit.ValidName(unitName) {
		return nil, false
	}
	if u := j.m.engine.Def(unitName); u != nil && (u.Load != unit.NotFound || len(j.m.engine.Instances(unitName)) > 0) {
		return u, true // one whose file is gone lives on until it is stopped
	}
	if unit.IsTemplate(unitName) {
		return nil, false
	}
	v, err := j.m.Load(unitName)
	if err != nil || v.Load == unit.NotFound || v.Unit == nil {
		return nil, false
	}
	return v.Unit, true
}

// upstartUnit is the unit that initctl means by a name: the unit of that very
// name, the job, or the service that systemd calls so without its suffix.
func (m *Manager) upstartUnit(name string) string {
	job := format.UnitName(name)
	names := []string{job}
	if unit.KindOf(name) != unit.KindInvalid {
		names = []string{name, job}
	} else if plain := strings.ReplaceAll(name, "/", "-") + ".service"; plain != job {
		names = []string{job, plain} // an instance of a template, as getty@tty1
	}
	if len(names) == 1 {
		return job
	}
	for _, n := range names {
		if u := m.engine.Def(n); u != nil && u.Load != unit.NotFound {
			return n
		}
	}
	for _, n := range names {
		if !unit.ValidName(n) {
			continue
		}
		if v, err := m.Load(n); err == nil && v.Load != unit.NotFound {
			return n
		}
	}
	return names[0]
}

// Instances implements upstart.Backend.
func (j jobs) Instances(unitName string) []engine.JobStatus { return j.m.engine.Instances(unitName) }

// Status implements upstart.Backend.
func (j jobs) Status(unitName string) (engine.JobStatus, bool) { return j.m.engine.JobStatus(unitName) }

// InstanceOf implements upstart.Backend.
func (j jobs) InstanceOf(unitName string, env []string) (string, *engine.Refusal) {
	return j.m.engine.InstanceName(unitName, env)
}

// Goal implements upstart.Backend.
func (j jobs) Goal(verb engine.Verb, unitName string, env []string, exact, wait bool, by string, reply func(string, *engine.Refusal)) {
	m := j.m
	m.jobFiles.now()
	id := m.nextAsk()
	m.replies[id] = func(r engine.Reply) { reply(r.Unit, r.Err) }
	m.feed(engine.AskedJob{ID: id, Verb: verb, Job: unitName, Env: env, Wait: wait, Exact: exact, By: by})
}

// nextAsk numbers what is answered by a Reply.
func (m *Manager) nextAsk() uint64 {
	m.saved.NextAsk++
	return m.saved.NextAsk
}

// Emit implements upstart.Backend.
func (j jobs) Emit(name string, env []string, wait bool, fd int, by string, reply func(*engine.Refusal)) {
	m := j.m
	m.jobFiles.now()
	in := engine.Happened{ID: m.nextAsk(), Name: name, Env: env, Wait: wait, By: by}
	if fd >= 0 {
		in.Source = m.emittedFD(in.ID, fd)
	}
	m.replies[in.ID] = func(r engine.Reply) { reply(r.Err) }
	m.feed(in)
}

// WatchEvents implements upstart.Backend.
func (j jobs) WatchEvents(on bool) { j.m.watchEvents(&j.m.watchers.upstart, on) }

// JobEnv implements upstart.Backend.
func (j jobs) JobEnv(unitName string) ([]string, bool) {
	if unitName == "" {
		return j.m.jobBase(), true
	}
	env, ok := j.m.engine.JobEnv(unitName)
	if !ok {
		return nil, false
	}
	e := environ{list: j.m.jobBase()}
	for _, v := range env {
		e.add(v)
	}
	for _, name := range j.m.engine.JobUnset(unitName) {
		e.remove(name)
	}
	return e.list, true
}

// SetJobEnv implements upstart.Backend.
func (j jobs) SetJobEnv(unitName string, set, unset []string, reset bool) *engine.Refusal {
	m := j.m
	if unitName != "" {
		if m.engine.Def(unitName) == nil {
			return &engine.Refusal{Code: "UnknownInstance", Msg: "Unknown instance: " + unitName}
		}
		m.feed(engine.AskedJobEnv{Unit: unitName, Set: set, Unset: unset, Reset: reset})
		return nil
	}
	if m.cfg.Mode == ModeInit {
		return &engine.Refusal{Code: "PermissionDenied", Msg: "Not permissible to modify PID 1 job environment"}
	}
	e := environ{list: m.jobBase()}
	if reset {
		e.list = slices.Clone(baseEnvironment(m.cfg.Mode))
	}
	for _, name := range unset {
		e.remove(name)
	}
	for _, v := range set {
		e.add(v)
	}
	m.saved.JobEnvironment, m.saved.JobEnvironmentSet = e.list, true
	m.compactDue = true
	return nil
}

// jobBase is the environment that jobs get before their own: PATH and TERM of
// an init, what the user has of a session (init(5), Process environment).
func (m *Manager) jobBase() []string {
	if m.saved.JobEnvironmentSet {
		return slices.Clone(m.saved.JobEnvironment)
	}
	if m.cfg.Mode != ModeInit && !m.cfg.NoInheritEnv {
		return slices.Clone(m.saved.Environment)
	}
	e := environ{}
	e.set("PATH", strings.Join(defaultPath, ":"))
	term := os.Getenv("TERM")
	if term == "" {
		term = "linux"
	}
	e.set("TERM", term)
	return e.list
}

// Reload implements upstart.Backend.
func (j jobs) Reload(reply func(error)) { j.m.Reload(reply) }

// Reexec implements upstart.Backend.
func (j jobs) Reexec() error { return j.m.Reexec() }

// EndSession implements upstart.Backend: jobs hear session-end before they are
// stopped.
func (j jobs) EndSession() error {
	if j.m.cfg.Mode == ModeInit {
		return errors.New("not a session")
	}
	j.m.endSession("logout")
	return nil
}

// FlushLogs implements upstart.Backend: output is written as it comes.
func (j jobs) FlushLogs() {}

// BusAddress implements upstart.Backend.
func (j jobs) BusAddress(addr string) error { return j.m.busAddress(addr) }

// Version implements upstart.Backend. Scripts look for "upstart" and compare
// the number that follows.
func (j jobs) Version() string { return fmt.Sprintf("init (upstart 1.13.2; rouse %s)", Version()) }

// LogPriority implements upstart.Backend.
func (j jobs) LogPriority() string {
	return j.m.priority()
}

// SetLogPriority implements upstart.Backend.
func (j jobs) SetLogPriority(p string) {
	j.m.saved.LogPriority = p
	j.m.compactDue = true
	j.m.followLog()
}

// User implements upstart.Backend.
func (j jobs) User() bool { return j.m.cfg.Mode != ModeInit }

// OpenEvents implements upstart.EventLister.
func (j jobs) OpenEvents() []upstart.OpenEvent {
	var out []upstart.OpenEvent
	for _, v := range j.m.engine.OpenEvents() {
		out = append(out, upstart.OpenEvent(v))
	}
	return out
}

// watchers counts those who want each event told.
type watchers struct {
	upstart, rouse, log bool
	on                  bool
}

// watchEvents turns the telling of events on while anybody wants it.
func (m *Manager) watchEvents(who *bool, on bool) {
	*who = on
	if want := m.watchers.upstart || m.watchers.rouse || m.watchers.log; want != m.watchers.on {
		m.watchers.on = want
		m.feed(engine.AskedWatch{On: want})
	}
}

// emittedFD keeps a descriptor that came with an event, for the processes of
// what it starts, under a name of its own.
func (m *Manager) emittedFD(id uint64, fd int) string {
	key := fmt.Sprintf("event:%d", id)
	m.eventFDs[key] = fd
	m.must(m.guard.Store(key, fd))
	return key
}

// dropEventFD ends that: nothing that it started is up any more.
func (m *Manager) dropEventFD(key string) bool {
	fd, ok := m.eventFDs[key]
	if ok {
		delete(m.eventFDs, key)
		unix.Close(fd)
		m.must(m.guard.Drop(key))
	}
	return ok
}
