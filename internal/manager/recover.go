// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/linux/cgroup"
	"github.com/rouse-init/rouse/internal/linux/socket"
	"github.com/rouse-init/rouse/internal/statelog"
)

const logKey = "statelog"

// snapshot is the state log's first record: the engine, and the books that
// note keeps.
type snapshot struct {
	Engine  *engine.State
	Saved   saved
	Timers  []engine.ArmTimer
	Pending []engine.Effect
	Armed   []string // sockets to be watched
	Held    []string // sockets that keep new connections out
	Watched []string // sockets whose connections are watched
	Groups  []group
	Awaited []uint64 // connections that the engine waits with
	Acked   uint64
}

func codec() (*statelog.Codec, error) {
	return statelog.NewCodec(
		snapshot{},
		engine.Loaded{}, engine.Asked{}, engine.AskedReset{}, engine.AskedCancel{}, engine.AskedFreeze{}, engine.AskedThaw{},
		engine.AskedShutdown{}, engine.Spawned{}, engine.Executed{}, engine.SpawnFailed{}, engine.Exited{}, engine.CgroupEmptied{},
		engine.OOMKilled{}, engine.Notified{}, engine.PIDFileRead{}, engine.ConditionsChecked{}, engine.SocketOpened{},
		engine.SocketFailed{}, engine.Readable{}, engine.Accepted{}, engine.Connections{}, engine.ConnectionClosed{},
		engine.Frozen{}, engine.Thawed{}, engine.FreezeFailed{}, engine.Reclaimed{}, engine.ReclaimFailed{}, engine.Measured{}, engine.ListenCalled{}, engine.TimerFired{},
		engine.Spawn{}, engine.OpenSocket{}, engine.CheckConditions{}, engine.CountConnections{}, engine.Freeze{}, engine.Thaw{}, engine.Reclaim{}, engine.MeasureMemory{},
		engine.WatchCgroup{}, engine.ReadPIDFile{},
		engine.Happened{}, engine.AskedJob{}, engine.Stopped{}, engine.Followed{}, engine.NameChanged{}, engine.BusChanged{},
		engine.AskedWatch{}, engine.AskedJobEnv{})
}

func (m *Manager) engineConfig() engine.Config {
	return engine.Config{User: m.cfg.user(m.uid), MinIdleLook: 5e6, DestroyEvents: m.diag.destroyed != nil}
}

// recover restores the engine from the state log, or makes a new one; fresh
// tells which. Replay performs nothing.
func (m *Manager) recover(in *inheritance) (fresh bool, err error) {
	c, err := codec()
	if err != nil {
		return false, err
	}
	fds := in.stored[logKey]
	if len(fds) == 0 {
		return true, m.newLog(c)
	}
	if m.log, err = statelog.Open(fds[0], c); err != nil {
		return false, fmt.Errorf("cannot read the state log: %w", err)
	}
	var s snapshot
	found, err := m.log.Snapshot(&s)
	if err != nil {
		return false, fmt.Errorf("cannot read the state log: %w", err)
	}
	if !found {
		return true, m.newLog(c)
	}
	m.restore(&s)
	m.replay()
	m.heardExit = m.acked
	if m.log.Foreign() {
		return false, m.compact()
	}
	return false, nil
}

func (m *Manager) newLog(c *statelog.Codec) error {
	log, err := statelog.Create(c)
	if err != nil {
		return err
	}
	m.log = log
	m.engine = engine.New(m.engineConfig())
	m.saved = saved{Seed: newSeed(), StartedAt: m.now(), Environment: baseEnvironment(m.cfg.Mode)}
	if err := m.compact(); err != nil {
		return err
	}
	return m.guard.Store(logKey, log.FD())
}

func (m *Manager) restore(s *snapshot) {
	m.engine = engine.Restore(m.engineConfig(), s.Engine)
	m.saved, m.acked = s.Saved, s.Acked
	for _, t := range s.Timers {
		m.timers.arm(t)
	}
	for _, p := range s.Pending {
		m.note(p)
	}
	for _, name := range s.Armed {
		m.socket(name).armed = true
	}
	for _, name := range s.Held {
		m.socket(name).held = true
	}
	for _, g := range s.Groups {
		m.groups[g.Name] = g.Members
	}
	m.watched.want(s.Watched, true)
	for _, n := range s.Awaited {
		m.awaited[n] = true
	}
}

// replay applies the inputs since the snapshot. The effects of the last one
// may not have been performed: those that may be performed twice are.
func (m *Manager) replay() {
	var last []engine.Effect
	for r, err := range m.log.Records() {
		if err != nil {
			m.say("a record of the state log cannot be read: %v, going on without it", err)
			continue
		}
		in, ok := r.Input.(engine.Input)
		if !ok || r.Poisoned {
			m.say("an input (%T) at which the manager died twice is set aside", r.Input)
			continue
		}
		m.answered(in)
		last = last[:0]
		for _, f := range m.engine.Step(engine.Time(r.Now), in) {
			m.note(f)
			last = append(last, f)
		}
	}
	m.again = slices.Clone(last)
}

// compact starts the log anew with a snapshot.
func (m *Manager) compact() error {
	s := snapshot{Engine: m.engine.State(), Saved: m.saved, Timers: m.timers.list(), Acked: m.acked}
	gens := make([]uint64, 0, len(m.pending))
	for g := range m.pending {
		gens = append(gens, g)
	}
	slices.Sort(gens)
	for _, g := range gens {
		s.Pending = append(s.Pending, m.pending[g])
	}
	for name, sock := range m.sockets {
		if sock.armed {
			s.Armed = append(s.Armed, name)
		}
		if sock.held {
			s.Held = append(s.Held, name)
		}
	}
	for name, list := range m.groups {
		s.Groups = append(s.Groups, group{name, list})
	}
	slices.SortFunc(s.Groups, func(a, b group) int { return strings.Compare(a.Name, b.Name) })
	slices.Sort(s.Armed)
	slices.Sort(s.Held)
	for name := range m.watched.wanted {
		s.Watched = append(s.Watched, name)
	}
	slices.Sort(s.Watched)
	for n := range m.awaited {
		s.Awaited = append(s.Awaited, n)
	}
	slices.Sort(s.Awaited)
	if err := m.log.Compact(&s); err != nil {
		return fmt.Errorf("cannot write the state log: %w", err)
	}
	return nil
}

// settle makes the machine and the books agree after our death: descriptors
// come from the guardian, orders without an answer are answered by what is
// there or performed.
func (m *Manager) settle(in *inheritance) {
	m.log.Mark(m.log.Seq())
	defer m.log.Done()
	m.takeStored(in)
	m.takeKept(in)
	for name, s := range m.sockets {
		if v, ok := m.engine.Unit(name); ok {
			s.accepted = uint64(v.NAccepted)
			if sock := v.Unit.Socket; sock != nil && sock.Leaving {
				s.leaving = sock.Service
			}
		}
		if s.armed {
			m.arm(name)
		}
	}
	for of := range m.groups {
		m.steer(of)
	}
	m.readmit(in)
	m.awaitUnborn()
	gens := make([]uint64, 0, len(m.pending))
	for g := range m.pending {
		gens = append(gens, g)
	}
	slices.Sort(gens)
	done := make(map[uint64]bool)
	for _, g := range gens {
		done[g] = true
		if f, ok := m.pending[g].(engine.Spawn); ok {
			m.settleSpawn(f, in)
			continue
		}
		m.perform(m.pending[g])
	}
	for _, f := range m.again {
		m.performAgain(f)
	}
	m.again = nil
	for name := range m.watched.wanted {
		m.takeConnections(name)
	}
	m.settleRunning(in)
	m.trapAgain()
	m.settleExecs()
	m.resumeHandovers(in)
	m.removeKept()
	m.reconcileSockets()
}

// performAgain repeats an effect that may have been lost with the last
// manager and that does no harm twice.
func (m *Manager) performAgain(f engine.Effect) {
	switch f := f.(type) {
	case engine.Signal, engine.RemoveCgroup, engine.RemovePIDFile, engine.CloseSocket, engine.FlushSocket,
		engine.HoldConnections, engine.ReleaseConnections, engine.LeaveGroup, engine.JoinGroup, engine.RunAction, engine.Finished, engine.DropStored:
		m.perform(f)
	case engine.DropConnection:
		m.dropConnection(f)
	default:
	}
}

// settleSpawn finds the process that an unanswered Spawn may have made: it
// has the id of its start and the number of the order in its environment.
func (m *Manager) settleSpawn(f engine.Spawn, in *inheritance) {
	if pid := m.processOf(f.Token); pid > 0 {
		m.feed(engine.Spawned{Token: f.Token, Pid: pid})
		m.feed(engine.Executed{Token: f.Token})
		return
	}
	// It may have come and gone: then its exit is held for us, and nothing
	// but a process that nobody knows of explains it. Running a command
	// twice is worse than taking a stranger's exit for its own.
	if pid := m.strangerIn(in, f); pid > 0 {
		m.feed(engine.Spawned{Token: f.Token, Pid: pid})
		m.feed(engine.Executed{Token: f.Token})
		return
	}
	m.launch(f)
}

const tokenVariable = "ROUSE_ORDER"

// processOf looks for the process of one order: it has the number of the
// order in its environment, or, before execve, a copy of a dead manager's.
func (m *Manager) processOf(t engine.Token) int32 {
	u := m.engine.Def(t.Unit)
	if m.cg == nil || u == nil {
		pids, err := cgroup.Members(cgroup.Query{Root: int(m.start.Guardian), Token: tokenVariable + "=" + strconv.FormatUint(t.Gen, 10)})
		if err != nil || len(pids) == 0 {
			return 0
		}
		return int32(pids[0])
	}
	pids, err := m.cg.Procs(m.cgroupOf(u))
	if err != nil {
		return 0
	}
	v, _ := m.engine.Unit(t.Unit)
	unnumbered := 0
	for _, pid := range pids {
		gen, ok := orderOf(pid)
		switch {
		case ok && gen == t.Gen:
			return int32(pid)
		case int32(pid) == v.MainPid || int32(pid) == v.ControlPid:
		case !ok:
			unnumbered = pid
		}
	}
	return int32(unnumbered)
}

func environOf(pid int) []string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return nil
	}
	return strings.Split(string(b), "\x00")
}

// strangerIn finds an exit of a process that the engine does not know, when
// only this order can have made it: its cgroup was made, and is empty.
func (m *Manager) strangerIn(in *inheritance, f engine.Spawn) int32 {
	if u := m.engine.Def(f.Token.Unit); m.cg != nil && (u == nil || !m.cg.Exists(m.cgroupOf(u))) {
		return 0
	}
	spawns := 0
	for _, p := range m.pending {
		if _, ok := p.(engine.Spawn); ok {
			spawns++
		}
	}
	if spawns != 1 {
		return 0
	}
	for i := range in.exits {
		if e := &in.exits[i]; e.Seq > m.acked && m.engine.UnitOfPid(e.Exit.Pid) == "" && !m.keepers[e.Exit.Pid] {
			return e.Exit.Pid
		}
	}
	return 0
}

// settleRunning looks at processes that are neither there nor among the
// exits that the guardian holds: they ended unheard.
func (m *Manager) settleRunning(in *inheritance) {
	exits := make(map[int32]bool)
	for i := range in.exits {
		exits[in.exits[i].Exit.Pid] = true
	}
	for v := range m.engine.Units() {
		for _, pid := range [...]int32{v.MainPid, v.ControlPid} {
			if pid > 0 && !exits[pid] && unix.Kill(int(pid), 0) == unix.ESRCH {
				m.feed(engine.Exited{Pid: pid, Code: 1, Status: 0})
			}
		}
	}
}

// settleExecs tells of programs that were executed while no manager was there
// to hear of it, and waits for those that have not come to it.
func (m *Manager) settleExecs() {
	for v := range m.engine.Units() {
		if v.MainPid > 0 {
			m.awaitExec(v.Unit.Name, v.MainPid, firstExecLook)
		}
	}
}

// awaitExec looks at one of them. A program that has overwritten its
// environment is never seen to be one, so the looks become rare.
func (m *Manager) awaitExec(name string, pid int32, pause time.Duration) {
	if v, ok := m.engine.Unit(name); !ok || v.Active != engine.Activating || v.MainPid != pid {
		return
	}
	if gen, ok := orderOf(int(pid)); ok {
		m.feed(engine.Executed{Token: engine.Token{Unit: name, Gen: gen}})
	} else if unix.Kill(int(pid), 0) == nil {
		m.later(pause, func() { m.awaitExec(name, pid, min(2*pause, lastExecLook)) })
	}
}

// The pauses between two looks at a process on its way to its program.
const (
	firstExecLook = 20 * time.Millisecond
	lastExecLook  = 5 * time.Second
)

// orderOf is the number of the order that a process was executed for; a copy
// of a manager has none.
func orderOf(pid int) (uint64, bool) {
	for _, s := range environOf(pid) {
		if v, ok := strings.CutPrefix(s, tokenVariable+"="); ok {
			gen, err := strconv.ParseUint(v, 10, 64)
			return gen, err == nil
		}
	}
	return 0, false
}

// removeKept removes the empty cgroups that were kept for the next start: one
// that was killed in must not be used again, and who knows which were.
func (m *Manager) removeKept() {
	if m.cg == nil {
		return
	}
	for v := range m.engine.Units() {
		if v.Unit.Service != nil && (v.Active == engine.Inactive || v.Active == engine.Failed) {
			_ = m.cg.Remove(m.cgroupOf(v.Unit)) // not empty, or not there
		}
	}
}

// lookAtAll is settleRunning after the guardian lost count.
func (m *Manager) lookAtAll() { m.settleRunning(&inheritance{}) }

// takeStored sorts what the guardian held into the books.
func (m *Manager) takeStored(in *inheritance) {
	m.buses.adopt(in.stored)
	for key, fds := range in.stored {
		switch {
		case m.keptSource(key, fds):
		case strings.HasPrefix(key, "socket:"):
			m.takeListener(key, fds[0])
		case strings.HasPrefix(key, "stored\x1f"):
			if f := strings.SplitN(key, "\x1f", 3); len(f) == 3 {
				for _, fd := range fds {
					m.stored[f[1]] = append(m.stored[f[1]], storedFD{fd, f[2]})
				}
			}
		}
	}
	for _, s := range m.sockets {
		slices.SortFunc(s.listeners, func(a, b socket.Listener) int { return a.Index - b.Index })
	}
}

func (m *Manager) takeListener(key string, fd int) {
	f := strings.SplitN(key, ":", 3)
	index, err := strconv.Atoi(f[1])
	if err != nil || len(f) < 3 {
		unix.Close(fd)
		return
	}
	l := socket.Listener{FD: fd, Index: index}
	if u := m.engine.Def(f[2]); u != nil && u.Socket != nil {
		if found, ok := socket.MatchLine(fd, u.Socket, index); ok {
			l = found
		}
	}
	s := m.socket(f[2])
	s.listeners = append(s.listeners, l)
}

// reconcileSockets closes listeners of units that are down: a manager that
// died between CloseSocket and its performance left them.
func (m *Manager) reconcileSockets() {
	for name := range m.sockets {
		v, ok := m.engine.Unit(name)
		if ok && v.Active != engine.Inactive && v.Active != engine.Failed {
			continue
		}
		m.closeSocket(name)
	}
}
