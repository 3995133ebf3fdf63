// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/linux/cgroup"
	"github.com/rouse-init/rouse/internal/unit"
)

// cgroupOf is the directory of a unit's cgroup below the base: its slices,
// outermost first, and its own name. The cgroup of a unit that runs stays where
// it was made, which its file may have left meanwhile.
func (m *Manager) cgroupOf(u *unit.Unit) string {
	if u.Kind == unit.KindSlice {
		return cgroupIn(u, unit.SliceParent(u.Name))
	}
	return cgroupIn(u, m.engine.Slice(u.Name))
}

func cgroupIn(u *unit.Unit, slice string) string {
	path := cgroup.Escape(u.Name)
	if u.Kind == unit.KindSlice {
		path = ""
		if u.Name != "-.slice" {
			path = cgroup.Escape(u.Name)
		}
	}
	for s := slice; s != "" && s != "-.slice"; s = unit.SliceParent(s) {
		path = filepath.Join(cgroup.Escape(s), path)
	}
	return path
}

// query tells a unit's processes apart where there are no cgroups.
func (m *Manager) query(name string) cgroup.Query {
	q := cgroup.Query{Root: int(m.start.Guardian)}
	v, ok := m.engine.Unit(name)
	if !ok {
		return q
	}
	q.Token = "INVOCATION_ID=" + m.invocation(v.Run)
	for _, pid := range [...]int32{v.MainPid, v.ControlPid} {
		if pid > 0 {
			q.Pids = append(q.Pids, int(pid))
		}
	}
	return q
}

// signal performs Signal.
func (m *Manager) signal(f engine.Signal) {
	defer func() { m.emptied = "" }()
	var direct []int
	for _, pid := range [...]int32{f.Main, f.Control} {
		if pid > 0 {
			direct = append(direct, int(pid))
			kill(int(pid), f)
			if f.Session && pid == f.Control {
				kill(-int(pid), f)
			}
		}
	}
	u := m.engine.Def(f.Unit)
	if !f.Group || u == nil || len(direct) == 0 && m.emptied == f.Unit {
		return
	}
	if len(direct) == 0 {
		if u.Service != nil && u.Service.Job != nil {
			m.leftBehind(u)
		}
	}
	sig := unix.Signal(f.Sig)
	var err error
	switch {
	case m.cg != nil && sig == unix.SIGKILL:
		err = m.killCgroup(u)
	case m.cg != nil:
		_, err = m.cg.Signal(m.cgroupOf(u), int(sig), direct...)
		if f.Cont && err == nil {
			_, err = m.cg.Signal(m.cgroupOf(u), int(unix.SIGCONT), direct...)
		}
		if f.Hup && err == nil {
			_, err = m.cg.Signal(m.cgroupOf(u), int(unix.SIGHUP), direct...)
		}
	case sig == unix.SIGKILL:
		_, err = cgroup.KillMembers(m.query(f.Unit))
	default:
		_, err = cgroup.SignalMembers(m.query(f.Unit), int(sig), direct...)
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		m.say("%s: cannot signal its processes: %v", f.Unit, err)
	}
}

// killCgroup ends all processes of a unit. Where a command is to run in the same
// cgroup afterwards they are killed one by one, as long as they do not multiply
// faster: see cgroup.Tree.Killed, and it cannot be made again before the last one has
// gone.
func (m *Manager) killCgroup(u *unit.Unit) error {
	path := m.cgroupOf(u)
	if hasStopPost(u) {
		if _, err := m.cg.Signal(path, int(unix.SIGKILL)); !errors.Is(err, unix.EAGAIN) {
			return err
		}
	}
	return m.cg.Kill(path)
}

func hasStopPost(u *unit.Unit) bool {
	var cs []unit.Command
	switch {
	case u.Service != nil:
		cs = u.Service.Commands
	case u.Socket != nil:
		cs = u.Socket.Commands
	}
	return slices.ContainsFunc(cs, func(c unit.Command) bool { return c.Phase == unit.PhaseStopPost })
}

// kill signals one process; that it is gone already is no error.
func kill(pid int, f engine.Signal) {
	_ = unix.Kill(pid, unix.Signal(f.Sig))
	if f.Cont {
		_ = unix.Kill(pid, unix.SIGCONT)
	}
	if f.Hup {
		_ = unix.Kill(pid, unix.SIGHUP)
	}
}

// watchCgroup performs WatchCgroup: most often the unit is empty already.
func (m *Manager) watchCgroup(f engine.WatchCgroup) {
	u := m.engine.Def(f.Token.Unit)
	if u == nil {
		m.feed(engine.CgroupEmptied{Token: f.Token})
		return
	}
	if m.cg == nil {
		m.watchMembers(f.Token, firstLook)
		return
	}
	path := m.cgroupOf(u)
	if !m.keepsCgroup(u, path) && m.cg.Remove(path) == nil {
		// It was empty, or there was none: gone in the one call.
		m.emptied = f.Token.Unit
		m.feed(engine.CgroupEmptied{Token: f.Token})
		return
	}
	// A look costs less than a watch, which would then tell of the next start.
	st, err := m.cg.State(path)
	if err != nil || st.Populated {
		var ev cgroup.Event
		ev, err = m.watchChanges(f.Token.Unit, path)
		st = ev.State
	}
	if err != nil || !st.Populated {
		m.emptied = f.Token.Unit
		m.feed(engine.CgroupEmptied{Token: f.Token})
	}
}

// watchChanges lets the kernel tell of changes of a unit's cgroup.
func (m *Manager) watchChanges(name, path string) (cgroup.Event, error) {
	return m.cgWatch.Watch(path, func(ev cgroup.Event) { m.cgroupChanged(name, path, ev) })
}

// lookEmpty looks whether the end of a process was the end of its unit: for the
// 10 ms after one change of a cgroup the kernel tells of no other.
func (m *Manager) lookEmpty(name string) {
	u := m.engine.Def(name)
	if m.emptying[name] == 0 || m.cg == nil || u == nil {
		return
	}
	path := m.cgroupOf(u)
	if st, err := m.cg.State(path); err == nil && !st.Populated {
		m.cgroupChanged(name, path, cgroup.Event{State: st})
	}
}

// cgroupChanged answers what waits for the change.
func (m *Manager) cgroupChanged(name, path string, ev cgroup.Event) {
	if w, ok := m.freezing[name]; ok && (ev.Frozen == w.on || !ev.Populated) {
		delete(m.freezing, name)
		m.frozen(w.token, w.on)
	}
	gen, emptying := m.emptying[name]
	if emptying && !ev.Populated {
		m.feed(engine.CgroupEmptied{Token: engine.Token{Unit: name, Gen: gen}})
		emptying = false
	}
	if _, freezing := m.freezing[name]; !freezing && !emptying {
		m.cgWatch.Unwatch(path)
	}
}

// keepsCgroup: the empty cgroup of a service that a socket wakes stays for
// the next start, which saves making it again. Not one that was killed in.
func (m *Manager) keepsCgroup(u *unit.Unit, path string) bool {
	return !m.cg.Killed(path) && len(m.engine.Sockets(u.Name)) > 0
}

// The pauses between two looks for the processes of a unit.
const (
	firstLook = 2 * time.Millisecond
	lastLook  = 50 * time.Millisecond
)

// watchMembers looks for processes until there are none: without cgroups the
// kernel does not tell. The guardian's exits bring most of the news.
func (m *Manager) watchMembers(t engine.Token, pause time.Duration) {
	begin := time.Now()
	pids, err := cgroup.Members(m.query(t.Unit))
	if err != nil {
		m.say("%s: %v", t.Unit, err)
	}
	if len(pids) == 0 {
		m.feed(engine.CgroupEmptied{Token: t})
		return
	}
	// A look costs what there is on the machine: at most a tenth of the time.
	pause = max(pause, 10*time.Since(begin))
	m.later(pause, func() {
		if m.emptying[t.Unit] == t.Gen {
			m.watchMembers(t, min(2*pause, lastLook))
		}
	})
}

// cleanUp performs RemoveCgroup.
func (m *Manager) cleanUp(f engine.RemoveCgroup) {
	u := m.engine.Def(f.Unit)
	if u == nil {
		return
	}
	m.dropHandover(f.Unit)
	m.pidfiles.forget(f.Unit)
	m.forks.drop(f.Unit)
	m.removeDirectories(u, f.KeepDirs)
	m.out.forget(f.Unit)
	if m.cg == nil {
		return
	}
	path := m.cgroupOf(u)
	if f.Slice != "" {
		path = cgroupIn(u, f.Slice)
	} else if m.keepsCgroup(u, path) {
		return
	}
	if err := m.cg.Remove(path); err != nil && !errors.Is(err, unix.EBUSY) {
		m.say("%s: cannot remove its cgroup: %v", f.Unit, err)
	}
}

// setResources writes the unit's cgroup attributes.
func (m *Manager) setResources(u *unit.Unit, path string) {
	for _, a := range u.Resources.Attributes {
		if err := m.cg.SetAttribute(path, a.File, a.Value); err != nil {
			m.sayOnce(u.Name+a.File, "%s: %s: cannot set %s: %v, going on without", a.Pos, u.Name, a.File, err)
		}
	}
}

// freeze performs Freeze and Thaw.
func (m *Manager) freeze(t engine.Token, on bool) {
	u := m.engine.Def(t.Unit)
	if u == nil {
		m.feed(engine.FreezeFailed{Token: t, Msg: "the unit is gone"})
		return
	}
	if m.cg == nil || !m.facts.Freezer {
		m.freezeMembers(t, on)
		return
	}
	path := m.cgroupOf(u)
	call := m.cg.Thaw
	if on {
		call = m.cg.Freeze
	}
	done, err := call(path, freezeWait)
	switch {
	case err != nil:
		m.feed(engine.FreezeFailed{Token: t, Msg: err.Error(), Still: !on && m.cg.Exists(path)})
	case done:
		m.frozen(t, on)
	default:
		m.awaitFrozen(t, path, on)
	}
}

// freezeWait is how long the loop may stand still for a freeze: an idle
// service takes 0.1 ms, a busy one 10 (measured).
const freezeWait = 5 * time.Millisecond

// freezing is a freeze or thaw that the kernel has not completed yet.
type freezing struct {
	token engine.Token
	on    bool
}

func (m *Manager) frozen(t engine.Token, on bool) {
	if !on {
		m.feed(engine.Thawed{Token: t})
		return
	}
	in := engine.Frozen{Token: t}
	if u := m.engine.Def(t.Unit); u != nil {
		in.Memory = m.memoryOf(u)
		if m.cg != nil {
			in.CPU, _ = m.cg.CPUUsage(m.cgroupOf(u)) // 0: unknown
		}
	}
	m.feed(in)
}

func (m *Manager) awaitFrozen(t engine.Token, path string, on bool) {
	m.freezing[t.Unit] = freezing{t, on}
	ev, err := m.watchChanges(t.Unit, path)
	if err != nil {
		delete(m.freezing, t.Unit)
		m.feed(engine.FreezeFailed{Token: t, Msg: err.Error(), Still: !on && m.cg.Exists(path)})
		return
	}
	m.cgroupChanged(t.Unit, path, ev)
}

func (m *Manager) freezeMembers(t engine.Token, on bool) {
	call := cgroup.ThawMembers
	if on {
		call = cgroup.FreezeMembers
	}
	if _, err := call(m.query(t.Unit)); err != nil {
		m.feed(engine.FreezeFailed{Token: t, Msg: err.Error(), Still: !on})
		return
	}
	m.frozen(t, on)
}

// unitByPid tells whose process it is.
func (m *Manager) unitByPid(pid int32) (string, bool) {
	if m.cg != nil {
		path, ok := m.cg.Of(int(pid))
		if !ok {
			return "", false
		}
		// The unit is the innermost component that is the name of one.
		parts := strings.Split(path, "/")
		for i := len(parts) - 1; i >= 0; i-- {
			name := cgroup.Unescape(parts[i])
			if v, ok := m.engine.Unit(name); ok && v.Unit.Kind != unit.KindSlice {
				return name, true
			}
		}
		return "", false
	}
	for v := range m.engine.Units() {
		if v.MainPid == pid || v.ControlPid == pid {
			return v.Unit.Name, true
		}
	}
	for v := range m.engine.Units() {
		if v.Active == engine.Inactive || v.Active == engine.Failed || v.Unit.Service == nil {
			continue
		}
		if pids, err := cgroup.Members(m.query(v.Unit.Name)); err == nil {
			for _, p := range pids {
				if int32(p) == pid {
					return v.Unit.Name, true
				}
			}
		}
	}
	return "", false
}

// pidsOf are the live processes of a unit.
func (m *Manager) pidsOf(u *unit.Unit) []int {
	var pids []int
	var err error
	if m.cg != nil {
		pids, err = m.cg.Procs(m.cgroupOf(u))
	} else {
		pids, err = cgroup.Members(m.query(u.Name))
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		m.say("%s: %v", u.Name, err)
	}
	return pids
}
