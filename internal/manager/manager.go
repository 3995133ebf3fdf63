// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus/systemd1"
	"github.com/rouse-init/rouse/internal/bus/upstart"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/guardian/wire"
	"github.com/rouse-init/rouse/internal/linux/cgroup"
	"github.com/rouse-init/rouse/internal/linux/poll"
	"github.com/rouse-init/rouse/internal/linux/spawn"
	"github.com/rouse-init/rouse/internal/load"
	"github.com/rouse-init/rouse/internal/source"
	"github.com/rouse-init/rouse/internal/statelog"
)

// Manager is the state of the process. What is not rebuilt from the machine
// or from files is in saved, which the state log keeps.
type Manager struct {
	cfg   Config
	start wire.Start // what the guardian said about this run
	uid   int

	clock  clock
	loop   *poll.Loop
	guard  *wire.Conn
	engine *engine.Engine
	loader *load.Loader
	log    *statelog.Log
	spawn  *spawn.Spawner
	out    *output
	bus    *systemd1.Service
	busDue engine.Time // when the bus wants its Tick; 0: never

	queue []engine.Input
	again []engine.Effect // of the last input before our predecessor died
	// Exits up to heardExit are queued, up to acked in the log.
	heardExit, acked uint64
	// What is done once at the end of a turn of the loop.
	ackDue bool
	// compactDue: saved has changed. A snapshot may only be taken between two
	// inputs, when all effects of the last one are in the books.
	compactDue bool
	barriers   []int // to be closed (BARRIER=1)
	alarms     []alarm

	saved    saved
	timers   timers
	pending  map[uint64]engine.Effect // orders without an answer, by Gen
	emptying map[string]uint64        // the WatchCgroup order of each unit, by Gen
	sockets  map[string]*openSocket
	groups   map[string][]string // members by their socket with Distribute=: see group
	chosenOf map[string][]string // and those of them that new connections go to, by rank
	conns    map[uint64]conn
	serves   map[int32]servedConn // by pid
	awaited  map[uint64]bool      // connections that the engine has and no service yet
	launches map[int32]*launch    // processes that have not come to execve yet, by pid
	fresh    []*launch            // those of this turn, not watched yet
	replies  map[uint64]func(engine.Reply)
	watched  connWatch
	stored   map[string][]storedFD
	handed   map[string]*handedOver
	handRx   int // of the pair for notification descriptors; 0: none yet
	handTx   int

	cg       *cgroup.Tree // nil without cgroups
	cgWatch  *cgroup.Watcher
	facts    cgroup.Facts
	freezing map[string]freezing
	reclaims map[string]*reclaiming // by unit
	paging   []*reclaiming          // those of them whose turn will come
	// noReclaim is why memory cannot be paged out here, "" where that is not known.
	noReclaim string
	emptied   string // the unit that WatchCgroup has just found empty

	pidfiles *pidFiles
	people   people
	diag     looker
	listing  listing
	counters counters
	said     map[string]bool
	notify   notifySocket
	startup  startup
	stopping bool
	// sessionEnd: the end of a session was told, and everything stops after it.
	sessionEnd bool
	done       bool
	settling   bool // settleSoon has been here
	upstart    *upstart.Service
	forks      forks
	buses      buses
	sources    *source.Set // nil while no job names one
	// sourcesKept are their descriptors until there is a set; sourcesDue is
	// when it wants its Tick.
	sourcesKept map[string][]int
	sourcesDue  engine.Time
	watchers    watchers
	keeping     bool                     // the keeper was started, or cannot be
	keepers     map[int32]bool           // whose ends were not heard, by pid
	denied      map[netip.Addr]time.Time // clients that came to a sensor, and until when
	logged      map[string]string        // the states that logJob has printed
	dropped     time.Time                // when a listener was closed of which the guardian has a copy
	jobFiles    jobFiles
	jobsDue     bool           // the set of jobs has changed: see refreshJobs
	eventFDs    map[string]int // that came with events, by source
	reexec      int            // descriptor of the program to become, -1 for none
}

// saved is what a new manager needs beside the engine's own state.
type saved struct {
	Seed        [16]byte
	StartedAt   engine.Time
	FinishedAt  engine.Time
	NextAsk     uint64
	NextConn    uint64
	Environment []string
	Jobs        uint32
	FailedJobs  uint32
	Action      int32 // unit.Action of the shutdown
	ExitCode    uint8
	// Begun: the event that jobs begin with has been emitted.
	Begun bool
	// JobEnvironment is what initctl set-env made of the environment of jobs;
	// LogPriority is that of initctl(8).
	JobEnvironment    []string
	JobEnvironmentSet bool
	LogPriority       string
	// BusAddress is what initctl notify-dbus-address said, "" for nothing.
	BusAddress string
	// Start are the units that this manager was made to start.
	Start []string
}

type counters struct{ inputs, effects, turns uint64 }

// Run is the manager's whole life; it ends when everything is stopped, or by
// being killed, which is the same thing to the next one.
func Run(cfg Config) error {
	_ = poll.CalmMonitor() // a matter of processor time only
	heapStarting()
	m, err := open(cfg)
	if err != nil {
		return err
	}
	if err := m.begin(); err != nil {
		if m.start.Restarts == 0 {
			// The very first start: trying again would not help, and nothing
			// runs yet that would be left alone.
			m.must(m.guard.Bye(wire.End{Code: exitFailed}))
		}
		return err
	}
	if err := m.guard.Ready(); err != nil {
		return err
	}
	for !m.done {
		if err := m.turn(); err != nil {
			return err
		}
	}
	return nil
}

// exitFailed is the status of a manager that could not begin.
const exitFailed = 1

// turn waits for something to happen and deals with all that has.
func (m *Manager) turn() error {
	timeout := time.Duration(-1)
	if at, ok := m.timers.next(); ok {
		timeout = max(0, time.Duration(at-m.now()))
	}
	if len(m.queue) > 0 {
		timeout = 0
	}
	for _, at := range [...]engine.Time{m.nextAlarm(), m.busDue, m.buses.due, m.sourcesDue} {
		if d := max(0, time.Duration(at-m.now())); at != 0 && (timeout < 0 || d < timeout) {
			timeout = d
		}
	}
	if err := m.loop.Wait(timeout); err != nil {
		return err
	}
	m.clock.read()
	m.counters.turns++
	now := m.now()
	for {
		f, ok := m.timers.due(now)
		if !ok {
			break
		}
		m.feed(f)
	}
	m.ring(now)
	m.sourcesDue = m.tickSources()
	if err := m.work(); err != nil {
		return err
	}
	for _, fd := range m.barriers {
		unix.Close(fd)
	}
	m.barriers = m.barriers[:0]
	m.refreshPorts()
	m.refreshJobs()
	m.sourcesDue = m.nextSources()
	if m.reexec >= 0 {
		return m.become()
	}
	m.busDue, _ = m.bus.Tick(m.now())
	m.upstart.Flush()
	m.buses.tick()
	m.bus.Flush()
	m.buses.flush()
	if m.ackDue {
		m.ackDue = false
		m.must(m.guard.AckSoon(m.acked))
	}
	m.settleSoon()
	return m.guard.Flush()
}

// feed queues an input; it is applied before the loop waits again.
func (m *Manager) feed(in engine.Input) { m.queue = append(m.queue, in) }

// work drains the queue until nothing comes of it any more, not even of the
// launches.
func (m *Manager) work() error {
	for {
		if err := m.drain(); err != nil {
			return err
		}
		m.hearFresh()
		if len(m.queue) == 0 {
			return nil
		}
	}
}

// queueMax bounds the memory that the queue keeps.
const queueMax = 256

// drain applies what is queued, and what comes of it.
func (m *Manager) drain() error {
	for i := 0; i < len(m.queue); i++ {
		if err := m.apply(m.queue[i]); err != nil {
			return err
		}
		m.queue[i] = nil
	}
	m.queue = m.queue[:0]
	if cap(m.queue) > queueMax {
		m.queue = nil
	}
	if m.log.Full() || m.compactDue {
		m.compactDue = false
		return m.compact()
	}
	return nil
}

// apply writes the input down, asks the engine and performs the effects.
func (m *Manager) apply(in engine.Input) error {
	now := m.now()
	if err := m.log.Append(int64(now), in); err != nil {
		return err
	}
	m.counters.inputs++
	m.answered(in)
	for _, f := range m.engine.Step(now, in) {
		m.counters.effects++
		m.note(f)
		m.perform(f)
	}
	m.log.Done()
	if _, ok := in.(engine.Loaded); ok {
		m.refreshJobs() // what jobs wait for is there before any of them starts
	}
	return nil
}

// now is the time on the boot clock.
func (m *Manager) now() engine.Time { return m.clock.now() }

// fromGuardian reads all that the guardian has to say.
func (m *Manager) fromGuardian(uint32) {
	var msg wire.Msg
	for {
		ok, err := m.guard.Read(&msg)
		if errors.Is(err, io.EOF) {
			// The guardian is dead: so are we, by PR_SET_PDEATHSIG, any moment.
			m.done = true
			return
		}
		if err != nil {
			m.say("cannot hear the guardian: %v", err)
			m.done = true
			return
		}
		if !ok {
			return
		}
		m.heard(&msg)
	}
}

func (m *Manager) heard(msg *wire.Msg) {
	switch msg.Kind {
	case wire.Exited:
		m.exited(msg)
	case wire.Terminate:
		m.terminate(msg.Force)
	case wire.Signal:
		m.signalled(unix.Signal(msg.Sig))
	case wire.Refused:
		m.say("the guardian does not keep %s: %s", msg.Key, msg.Text)
	case wire.Stored, wire.Go, wire.Store, wire.Drop, wire.Ack, wire.Ready, wire.Base, wire.Bye, wire.Reexec, wire.Trap:
		// The first two come before the loop begins, the rest are ours to send.
	case wire.Stopped:
		if unix.Signal(msg.Sig) == unix.SIGSTOP {
			m.feed(engine.Stopped{Pid: msg.Pid})
		}
	case wire.Lost:
		m.say("the guardian lost %d exits: looking at every process", msg.Count)
		m.lookAtAll()
	}
}

// exited passes on the end of a child. What its program had to say about its
// start comes first.
func (m *Manager) exited(msg *wire.Msg) {
	if msg.Seq <= m.heardExit {
		return
	}
	m.heardExit, m.ackDue = msg.Seq, true
	m.servedEnd(msg)
	if len(m.forks.orders) > 0 {
		m.forks.drain() // a fork comes before the end of the one that forked
	}
	m.keeperEnded(msg.Exit.Pid)
	if l := m.launches[msg.Exit.Pid]; l != nil {
		m.launched(l)
	}
	m.feed(engine.Exited{Pid: msg.Exit.Pid, Code: msg.Exit.Code, Status: msg.Exit.Status, Seq: msg.Seq})
	if len(m.emptying) > 0 {
		m.lookEmpty(m.engine.UnitOfPid(msg.Exit.Pid))
	}
}

// signalled acts on a signal that the guardian passed on: SIGHUP reloads, as
// with systemd(1).
func (m *Manager) signalled(sig unix.Signal) {
	switch sig {
	case unix.SIGHUP:
		before := m.superSockets()
		m.Reload(func(err error) {
			if err != nil {
				m.say("cannot reload: %v", err)
				return
			}
			m.followSupers(before)
		})
	case unix.SIGUSR2:
		m.dump()
	case unix.SIGINT:
		m.ctrlAltDel()
	case unix.SIGTERM:
		if err := m.Reexec(); err != nil {
			m.say("%v", err)
		}
	case unix.SIGWINCH, unix.SIGPWR:
		m.machineEvent(sig)
	default:
		if action, ok := endSignals[sig]; ok {
			m.must(m.Shutdown(action, 0))
		}
	}
}

// say prints a line of the manager's own.
func (m *Manager) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "rouse: "+format+"\n", args...)
}

// become hands over to another build: a snapshot, an empty log, and away.
func (m *Manager) become() error {
	m.bus.Flush()
	if err := m.compact(); err != nil {
		m.reexec = -1
		m.say("cannot re-execute: %v", err)
		return nil
	}
	if m.ackDue {
		m.must(m.guard.Ack(m.acked))
	}
	if err := m.guard.Reexec(wire.Upgrade{Self: true}, m.reexec, ""); err != nil {
		return err
	}
	m.done = true
	return nil
}
