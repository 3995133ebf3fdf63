// SPDX-License-Identifier: Apache-2.0

// Package systemd1 shows the manager as org.freedesktop.systemd1, so that
// systemctl and busctl are its clients, and adds dev.rouse.Manager1 for what
// that interface has not. It decides nothing: it translates between the bus
// and a Backend. It imports bus, engine and unit, and runs on the goroutine
// of the poll loop.
package systemd1

import (
	"time"

	"github.com/rouse-init/rouse/internal/bus"
	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/linux/poll"
)

// The names of the interface, and the paths of its objects.
const (
	Name        = "org.freedesktop.systemd1"
	Path        = "/org/freedesktop/systemd1"
	IfManager   = Name + ".Manager"
	IfUnit      = Name + ".Unit"
	IfJob       = Name + ".Job"
	IfRouse     = "dev.rouse.Manager1"
	unitRoot    = Path + "/unit"
	unitPrefix  = unitRoot + "/"
	jobPrefix   = Path + "/job/"
	errorPrefix = Name + "."
)

// Config is what a Service is made with.
type Config struct {
	Loop *poll.Loop
	// Listener is the listening unix socket, non-blocking and borrowed.
	Listener int
	// UID is the manager's own; it and root may do everything, others only
	// look.
	UID     uint32
	Backend Backend
	// Now reads the boot clock and Wall the time of day; both together give
	// the two timestamps that the bus has for every moment.
	Now  func() engine.Time
	Wall func() time.Time
	// Broken records that a call made the program panic (bus.Config).
	Broken func(msg string)
}

// Service is the interface in operation.
type Service struct {
	cfg    Config
	be     Backend
	srv    *bus.Server
	tables tables
	exit   uint8 // of SetExitCode
	// idleJob numbers the jobs that never were: what was asked for was so
	// already, but clients wait for a job and its end.
	idleJob uint32

	// What happened in this turn of the loop and is told by Flush: signals
	// follow replies, and a unit that changed often is told of once.
	events  []event
	changed []string
	marked  map[string]struct{}
	// following is what the Backend was told last by FollowEvents.
	following bool
}

// event is a signal of the manager that waits for Flush.
type event struct {
	member, sig string
	body        func(*wire.Encoder)
}

// New begins to serve on the listener.
func New(cfg Config) (*Service, error) {
	s := &Service{cfg: cfg, be: cfg.Backend, marked: make(map[string]struct{}), idleJob: 1 << 31}
	s.tables = newTables(s)
	srv, err := bus.New(bus.Config{
		Loop: cfg.Loop, Listener: cfg.Listener, UID: cfg.UID, Parts: []bus.Part{{Name: Name, Root: Path, Tree: (*tree)(s)}},
		Now:    func() time.Duration { return time.Duration(cfg.Now()) },
		Broken: cfg.Broken,
	})
	if err != nil {
		return nil, err
	}
	s.srv = srv
	return s, nil
}

// Close disconnects all clients, after what is queued for them.
func (s *Service) Close() {
	s.Flush()
	s.srv.Close()
}

// Server is what the objects are served by.
func (s *Service) Server() *bus.Server { return s.srv }

// Clients is the number of connections.
func (s *Service) Clients() int { return s.srv.Clients() }

// Tick drops clients that do not authenticate. It returns when it wants to
// be called next, false for never (until a client connects); call it with
// every turn of the loop.
func (s *Service) Tick(now engine.Time) (next engine.Time, ok bool) {
	n, ok := s.srv.Tick(time.Duration(now))
	return engine.Time(n), ok
}

// Flush tells clients what happened. Call it once at the end of every turn
// of the loop, after all effects.
func (s *Service) Flush() {
	if s.srv.Audience() {
		s.tell()
	}
	clear(s.events)
	s.events = s.events[:0]
	clear(s.marked)
	s.changed = s.changed[:0]
	s.followEvents()
	s.srv.Flush()
}

// tell queues the signals. Those of units come first, as in systemd: who
// waits for a job reads the unit's state when the job is gone.
func (s *Service) tell() {
	const props = "org.freedesktop.DBus.Properties"
	if len(s.changed) > 0 && s.srv.WantedBelow(unitRoot, props, "PropertiesChanged") {
		for _, name := range s.changed {
			v, ok := s.be.Unit(name)
			if !ok {
				continue
			}
			o := &object{svc: s, view: v}
			path := UnitPath(v.Unit.Name)
			for _, iface := range s.tables.of(v.Unit.Kind) {
				s.srv.Changed(path, iface, o)
			}
		}
	}
	for _, ev := range s.events {
		s.srv.Emit(Path, IfManager, ev.member, ev.sig, ev.body)
	}
}

// queue keeps a signal for Flush, if there is anyone who may want it.
func (s *Service) queue(member, sig string, body func(*wire.Encoder)) {
	if s.srv.Audience() {
		s.events = append(s.events, event{member, sig, body})
	}
}

// UnitChanged says that something visible of the unit has changed.
func (s *Service) UnitChanged(name string) {
	if !s.srv.Audience() {
		return
	}
	if _, ok := s.marked[name]; !ok {
		s.marked[name] = struct{}{}
		s.changed = append(s.changed, name)
	}
}

// UnitNew says that a unit was loaded.
func (s *Service) UnitNew(name string) { s.unitEvent("UnitNew", name) }

// UnitRemoved says that it is forgotten.
func (s *Service) UnitRemoved(name string) { s.unitEvent("UnitRemoved", name) }

func (s *Service) unitEvent(member, name string) {
	s.queue(member, "so", func(e *wire.Encoder) {
		e.String(name)
		e.Path(UnitPath(name))
	})
}

// JobQueued says that there is a new job.
func (s *Service) JobQueued(j engine.JobQueued) {
	s.queue("JobNew", "uos", func(e *wire.Encoder) {
		e.Uint32(j.Job)
		e.Path(JobPath(j.Job))
		e.String(j.Unit)
	})
	s.UnitChanged(j.Unit)
}

// JobRemoved says how a job ended.
func (s *Service) JobRemoved(j engine.JobRemoved) {
	s.jobRemoved(j.Job, j.Unit, j.Result.String())
	s.UnitChanged(j.Unit)
}

func (s *Service) jobRemoved(job uint32, name, result string) {
	s.queue("JobRemoved", "uoss", func(e *wire.Encoder) {
		e.Uint32(job)
		e.Path(JobPath(job))
		e.String(name)
		e.String(result)
	})
}

// UnitFilesChanged says that enable or its kin changed something on disk.
func (s *Service) UnitFilesChanged() { s.queue("UnitFilesChanged", "", nil) }

// Reloading says that a reload begins or has ended.
func (s *Service) Reloading(active bool) {
	s.queue("Reloading", "b", func(e *wire.Encoder) { e.Bool(active) })
}

// StartupFinished says that all that is enabled has started; userspace and
// total are in microseconds.
func (s *Service) StartupFinished(userspace, total uint64) {
	s.queue("StartupFinished", "tttttt", func(e *wire.Encoder) {
		for range 4 {
			e.Uint64(0)
		}
		e.Uint64(userspace)
		e.Uint64(total)
	})
}
