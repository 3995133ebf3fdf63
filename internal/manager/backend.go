// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus/systemd1"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

var _ systemd1.Backend = (*Manager)(nil)

// Unit implements systemd1.Backend.
func (m *Manager) Unit(name string) (engine.View, bool) { return m.engine.Unit(name) }

// Units implements systemd1.Backend.
func (m *Manager) Units(yield func(v *engine.View) bool) {
	var all []string
	for v := range m.engine.Units() {
		all = append(all, v.Unit.Name)
	}
	slices.Sort(all)
	for _, name := range all {
		v, ok := m.engine.Unit(name)
		if ok && !yield(&v) {
			return
		}
	}
}

// Load implements systemd1.Backend.
func (m *Manager) Load(name string) (engine.View, error) {
	if !unit.ValidName(name) || unit.IsTemplate(name) {
		return engine.View{}, fmt.Errorf("unit name %s is not valid", name)
	}
	m.jobFiles.now()
	if v, ok := m.engine.Unit(name); ok && v.Load != unit.NotFound {
		return v, nil
	}
	if err := m.loadUnit(name); err != nil {
		return engine.View{}, err
	}
	v, ok := m.engine.Unit(name)
	if !ok {
		v = engine.View{Unit: &unit.Unit{Name: name, Kind: unit.KindOf(name), Load: unit.NotFound}, Load: unit.NotFound, Sub: "dead"}
	}
	return v, nil
}

// loadUnit reads a unit from disk and gives it to the engine at once.
func (m *Manager) loadUnit(name string) error {
	m.loader.Look()
	units, list := m.loader.Load(name)
	m.report(list)
	var fresh []*unit.Unit
	for _, u := range units {
		if old := m.engine.Def(u.Name); old == nil || old.Load != unit.Loaded && u.Load == unit.Loaded {
			fresh = append(fresh, u)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	for _, u := range fresh {
		m.bus.UnitNew(u.Name)
	}
	m.loaded(fresh, nil)
	return m.drain()
}

// UnitByPid implements systemd1.Backend.
func (m *Manager) UnitByPid(pid int32) (string, bool) { return m.unitByPid(pid) }

// Ask implements systemd1.Backend.
func (m *Manager) Ask(verb engine.Verb, name string, mode unit.JobMode, manual bool, reply func(job uint32, err *engine.Refusal)) {
	if verb == engine.Start || verb == engine.Restart || verb == engine.ReloadOrStart || verb == engine.ReloadOrRestart {
		if _, err := m.Load(name); err != nil {
			reply(0, &engine.Refusal{Code: "InvalidName", Msg: err.Error()})
			return
		}
	}
	m.ask(verb, name, mode, manual, func(r engine.Reply) { reply(r.Job, r.Err) })
}

// Jobs implements systemd1.Backend.
func (m *Manager) Jobs() []systemd1.Job {
	var out []systemd1.Job
	for j := range m.engine.Jobs() {
		v, _ := m.engine.Unit(j.Unit)
		out = append(out, systemd1.Job{ID: j.Job, Unit: j.Unit, Type: j.Type, Running: j.Running, Why: v.JobWhy})
	}
	slices.SortFunc(out, func(a, b systemd1.Job) int { return int(a.ID) - int(b.ID) })
	return out
}

// Cancel implements systemd1.Backend.
func (m *Manager) Cancel(job uint32) bool {
	found := job == 0
	for j := range m.engine.Jobs() {
		found = found || j.Job == job
	}
	if found {
		m.feed(engine.AskedCancel{Job: job})
	}
	return found
}

var (
	errNoUnit    = errors.New("the unit is not loaded")
	errNoMain    = errors.New("no main process to kill")
	errNoControl = errors.New("no control process to kill")
	errNothing   = errors.New("no matching processes to kill")
)

// Kill implements systemd1.Backend.
func (m *Manager) Kill(name string, whom systemd1.Whom, sig int32, queued bool, value int32) error {
	v, ok := m.engine.Unit(name)
	if !ok {
		return errNoUnit
	}
	f := engine.Signal{Unit: v.Unit.Name, Sig: uint8(sig)}
	switch whom {
	case systemd1.WhomMain, systemd1.WhomMainFail:
		if v.MainPid == 0 {
			return errNoMain
		}
		f.Main = v.MainPid
	case systemd1.WhomControl, systemd1.WhomControlFail:
		if v.ControlPid == 0 {
			return errNoControl
		}
		f.Control = v.ControlPid
	default:
		f.Main, f.Control, f.Group = v.MainPid, v.ControlPid, true
		if whom == systemd1.WhomAllFail && f.Main == 0 && f.Control == 0 && len(m.pidsOf(v.Unit)) == 0 {
			return errNothing
		}
	}
	if queued && f.Main > 0 {
		return sigqueue(int(f.Main), sig, value)
	}
	m.signal(f)
	return nil
}

// Freeze implements systemd1.Backend.
func (m *Manager) Freeze(name string, reply func(*engine.Refusal)) {
	id := m.person(reply)
	m.feed(engine.AskedFreeze{ID: id, Unit: name})
}

// Thaw implements systemd1.Backend.
func (m *Manager) Thaw(name string, reply func(*engine.Refusal)) {
	id := m.person(reply)
	m.feed(engine.AskedThaw{ID: id, Unit: name})
}

func (m *Manager) person(reply func(*engine.Refusal)) uint64 {
	m.saved.NextAsk++
	m.replies[m.saved.NextAsk] = func(r engine.Reply) { reply(r.Err) }
	return m.saved.NextAsk
}

// ResetFailed implements systemd1.Backend.
func (m *Manager) ResetFailed(name string) { m.feed(engine.AskedReset{Unit: name}) }

// Reload implements systemd1.Backend: everything that the engine knows is
// read again; running services go on as they are.
func (m *Manager) Reload(reply func(error)) {
	// A file that is about to be replaced may be missing for a moment: inetd
	// goes on with what it has read.
	if err := m.cfg.InetdOptions.Readable(); err != nil {
		reply(fmt.Errorf("%w, going on with what was read before", err))
		return
	}
	var names []string
	for v := range m.engine.Units() {
		// An open member outlives the file of its socket, and has to leave when
		// that is back with a lower number.
		_, open := m.sockets[v.Unit.Name]
		if !v.Unit.Transient && (v.Load != unit.NotFound || open) {
			names = append(names, v.Unit.Name)
		}
	}
	slices.Sort(names)
	units, gone, list := m.loader.Reload(names...)
	jobs, more := m.loader.Jobs()
	m.report(append(list, more...))
	m.followAccess(units)
	m.loaded(union(units, jobs), gone)
	m.diag.changed = true
	reply(nil)
}

// Reexec implements systemd1.Backend: the snapshot is taken and the guardian
// starts the program that is now at the path of this one.
func (m *Manager) Reexec() error {
	path := m.cfg.Program
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("cannot run %s: %w", path, err)
	}
	m.reexec = fd
	return nil
}

// Shutdown implements systemd1.Backend.
func (m *Manager) Shutdown(action unit.Action, code uint8) error {
	m.saved.Action, m.saved.ExitCode = int32(action), code
	m.compactDue = true
	m.terminate(action == unit.ActionExitForce)
	return nil
}

// Environment implements systemd1.Backend.
func (m *Manager) Environment() []string { return m.saved.Environment }

// SetEnvironment implements systemd1.Backend.
func (m *Manager) SetEnvironment(set, unset []string) {
	e := environ{list: slices.Clone(m.saved.Environment)}
	for _, v := range unset {
		e.remove(v)
	}
	for _, v := range set {
		e.add(v)
	}
	m.saved.Environment = e.list
	m.compactDue = true
}
