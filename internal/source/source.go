// SPDX-License-Identifier: Apache-2.0

// Package source makes events of what happens on the machine, as Upstart's
// bridges do from outside: connections (socket), files (file), dates
// (calendar), devices (SUBSYSTEM-device-added and kin), mounts (mount) and quiet (idle). It
// looks only for what the expressions of jobs name, and a Set without such
// jobs holds no descriptor and costs nothing.
//
// It runs on the goroutine of the manager's loop and never blocks. What must
// outlive the manager is kept by the guardian (Keep): listeners, the queues of
// inotify and netlink, and a ledger of what was told already, so that a new
// manager neither misses anything nor tells it twice.
package source

import (
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/linux/poll"
	"github.com/rouse-init/rouse/internal/unit"
)

// Config is what a Set needs; all functions are called on the loop's goroutine.
type Config struct {
	Loop *poll.Loop
	// Now is the time since boot, suspend included (CLOCK_BOOTTIME).
	Now func() time.Duration
	// Wall is the time of day; its location is the one of calendar events.
	Wall func() time.Time
	// Emit tells an event. key names the source where it has descriptors for
	// what is started (FDs, Arm), and is "" otherwise. It may call back all
	// methods but Want, Adopt and Tick.
	Emit func(name string, env []string, key string)
	// Keep has the guardian hold copies of descriptors under key, in place of
	// what was there; they stay ours. Forget drops them.
	Keep   func(key string, fds ...int) error
	Forget func(key string)
	// User: relative paths of files are below the home directory.
	User bool
	// Say prints to the log.
	Say func(format string, args ...any)
	// Idle is when the machine counts as quiet; zero for the default.
	Idle Idle
}

// Wanted is one operand of a start on or stop on expression, and its unit.
type Wanted struct {
	unit.Term
	Unit string
}

// Set is all event sources.
type Set struct {
	c       Config
	sockets map[string]*listener
	files   *files
	dates   *dates
	devices *devices
	mounts  *mounts
	quiet   quiet

	adopted map[string][]int
	ledger  ledger
	said    map[string]bool // complaints of the last Want, not to be repeated
	still   map[string]bool // those of this Want

	queue    []told
	flushing bool

	wake   time.Duration
	waking bool

	sys, run, mountinfo string // /sys and /run and the table of mounts; tests have their own
}

// told is an event that is not emitted yet.
type told struct {
	name string
	env  []string
	key  string
}

// New makes an empty set.
func New(c Config) *Set {
	c.Idle = c.Idle.withDefaults()
	return &Set{
		c: c, sockets: make(map[string]*listener), adopted: make(map[string][]int), ledger: newLedger(),
		said: make(map[string]bool), sys: "/sys", run: "/run", mountinfo: "/proc/self/mountinfo",
	}
}

// Adopt gives back descriptors that Keep stored in an earlier life; it takes
// them. All of it comes before the first Want.
func (s *Set) Adopt(key string, fds []int) {
	if key == ledgerKey {
		s.ledger.load(fds)
		closeAll(fds)
		return
	}
	s.adopted[key] = fds
}

// adopt hands over one adopted descriptor; -1 where there is none.
func (s *Set) adopt(key string) int {
	fds, ok := s.adopted[key]
	if !ok || len(fds) == 0 {
		return -1
	}
	delete(s.adopted, key)
	closeAll(fds[1:])
	return fds[0]
}

// Want is called after each load with the operands of all expressions of all
// jobs. It starts what is new, ends what nobody wants any more, and leaves
// alone what stays. It emits nothing: what is there already (files, devices) is
// told by the next Tick, which is due at once.
func (s *Set) Want(terms []Wanted) {
	s.still = make(map[string]bool)
	var sockets, files, dates, devices, mounts, idle []Wanted
	for _, w := range terms {
		switch {
		case w.Op != unit.OpEvent:
		case w.Event == "socket":
			sockets = append(sockets, w)
		case w.Event == "file":
			files = append(files, w)
		case w.Event == "calendar":
			dates = append(dates, w)
		case w.Event == mountEvent:
			mounts = append(mounts, w)
		case w.Event == "idle":
			idle = append(idle, w)
		default:
			if _, _, ok := deviceEvent(w.Event); ok {
				devices = append(devices, w)
			}
		}
	}
	s.wantSockets(sockets)
	s.wantFiles(files)
	s.wantDates(dates)
	s.wantDevices(devices)
	s.wantMounts(mounts)
	s.wantIdle(len(idle) > 0)
	for key, fds := range s.adopted {
		closeAll(fds)
		s.c.Forget(key)
		delete(s.adopted, key)
	}
	s.said, s.still = s.still, nil
	if len(s.queue) > 0 {
		s.wakeAt(s.c.Now()) // and the ledger is written when all is told
		return
	}
	s.save()
}

// Next is when Tick is due, on the clock of Now.
func (s *Set) Next() (time.Duration, bool) { return s.wake, s.waking }

// Tick does what is due.
func (s *Set) Tick(now time.Duration) {
	if !s.waking || now < s.wake {
		return
	}
	s.waking = false
	s.tickSockets(now)
	s.tickFiles(now)
	s.tickIdle(now)
	s.flush()
}

// Close gives up all that a Set holds; what the guardian keeps stays.
func (s *Set) Close() {
	for _, l := range s.sockets {
		s.closeListener(l)
	}
	s.closeFiles()
	s.closeDates()
	s.closeDevices()
	s.closeMounts()
}

func (s *Set) wakeAt(at time.Duration) {
	if !s.waking || at < s.wake {
		s.wake, s.waking = at, true
	}
}

// flushMost is how many events one turn emits, so that the loop stays lively.
const flushMost = 256

// tell queues an event; flush emits it.
func (s *Set) tell(name string, env []string, key string) {
	s.queue = append(s.queue, told{name, env, key})
}

// flush emits what is queued, in order, and then writes the ledger: who dies in
// between tells it again rather than never.
func (s *Set) flush() {
	if s.flushing {
		return
	}
	s.flushing = true
	for n := 0; len(s.queue) > 0 && n < flushMost; n++ {
		e := s.queue[0]
		s.queue = s.queue[1:]
		s.c.Emit(e.name, e.env, e.key)
	}
	s.flushing = false
	if len(s.queue) > 0 {
		s.wakeAt(s.c.Now())
		return
	}
	s.queue = nil
	s.save()
}

// complain says what is wrong with an operand, once while it stays so.
func (s *Set) complain(w Wanted, msg, fix string) {
	text := diag.Diagnostic{Pos: w.Pos, Severity: diag.Warning, Unit: w.Unit, Msg: msg, Fix: fix}.String()
	if s.still != nil {
		s.still[text] = true
	}
	if !s.said[text] {
		s.said[text] = true
		s.c.Say("%s", text)
	}
}

// keep has the guardian hold a descriptor; without it only a crash of the
// manager would lose it.
func (s *Set) keep(key string, fd int) {
	if err := s.c.Keep(key, fd); err != nil {
		s.c.Say("cannot keep %s over a crash: %v", key, err)
	}
}

// unitsOf are the units of operands, sorted, each once.
func unitsOf(list []Wanted) []string {
	var units []string
	for _, w := range list {
		units = append(units, w.Unit)
	}
	slices.Sort(units)
	return slices.Compact(units)
}

// fresh tells whether any unit is not among those that were told before.
func fresh(units, before []string) bool {
	return slices.ContainsFunc(units, func(u string) bool { return !slices.Contains(before, u) })
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}

// home is the user's home directory.
func home() (string, error) {
	dir, err := os.UserHomeDir()
	if err == nil && (dir == "" || dir[0] != '/') {
		err = fmt.Errorf("HOME is %q", dir)
	}
	return dir, err
}

// Relevant tells whether any of the operands needs a source.
func Relevant(terms []Wanted) bool {
	for i := range terms {
		switch terms[i].Event {
		case "socket", "file", "calendar", "idle", mountEvent:
			return true
		}
		if _, _, ok := deviceEvent(terms[i].Event); ok {
			return true
		}
	}
	return false
}
