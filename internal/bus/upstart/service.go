// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"github.com/rouse-init/rouse/internal/bus"
	"github.com/rouse-init/rouse/internal/engine"
)

// The names of the interface, and the paths of its objects.
const (
	Name        = "com.ubuntu.Upstart"
	Path        = "/com/ubuntu/Upstart"
	IfManager   = "com.ubuntu.Upstart0_6"
	IfJob       = IfManager + ".Job"
	IfInstance  = IfManager + ".Instance"
	jobsRoot    = Path + "/jobs"
	errorPrefix = IfManager + ".Error."
)

// Config is what a Service is made with.
type Config struct {
	// Server gets the objects as one more part.
	Server  *bus.Server
	Backend Backend
}

// Service is com.ubuntu.Upstart in operation.
type Service struct {
	srv    *bus.Server
	be     Backend
	tables tables
	// waits counts the calls of the Backend that have not been answered, also
	// those of clients that have gone.
	waits int
	// watching is what the Backend was told last by WatchEvents.
	watching bool
	// told are the instances that do not rest, as clients know them; hearing
	// says that somebody wants to know of changes. It is empty otherwise.
	told    map[string]engine.JobStatus
	hearing bool
	// names are the jobs of units whose name does not tell it.
	names map[string]string
}

// New begins to serve.
func New(cfg Config) *Service {
	s := &Service{srv: cfg.Server, be: cfg.Backend, tables: newTables(), told: make(map[string]engine.JobStatus), names: make(map[string]string)}
	// initctl of Upstart takes only this error for an instance that has gone:
	// stop asks for the status of what it has just stopped.
	s.srv.Add(bus.Part{Name: Name, Root: Path, Tree: s.Tree(), Absent: bus.ErrUnknownMethod})
	return s
}

// Tree are the objects.
func (s *Service) Tree() bus.Tree { return (*tree)(s) }

// Flush follows who listens to what. Call it once at the end of every turn of
// the loop, before the server's own.
func (s *Service) Flush() {
	s.watch()
	s.hear()
}

// watch tells the Backend when somebody begins to listen to events, and when
// nobody does any more.
func (s *Service) watch() {
	if on := s.srv.WantedBelow(Path, IfManager, "EventEmitted"); on != s.watching {
		s.watching = on
		s.be.WatchEvents(on)
	}
}
