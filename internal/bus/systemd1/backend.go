// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"time"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// Backend is the manager as its clients see it. Every method is called on
// the goroutine of the poll loop and must not block; what takes time answers
// through its reply function, once, on the same goroutine, now or later.
// Names are unit names with suffix; aliases lead to their unit.
type Backend interface {
	// Unit returns a unit that the engine knows.
	Unit(name string) (engine.View, bool)
	// Units calls yield for every unit of the engine, sorted by name, until
	// it returns false. The View is borrowed for the call.
	Units(yield func(v *engine.View) bool)
	// Load returns the unit, as read from disk if the engine does not know
	// it; nothing need be kept of one that was only looked at. What is not
	// found, masked or broken is no error: View.Load and View.Unit.LoadErr say
	// so, and View.Unit is never nil. An error means an impossible name.
	Load(name string) (engine.View, error)
	// UnitByPid returns the unit that a process belongs to.
	UnitByPid(pid int32) (string, bool)

	// Ask queues a job; reply gets its number, or 0 where there was nothing
	// to do, or the refusal. The unit is loaded first if need be.
	Ask(verb engine.Verb, name string, mode unit.JobMode, manual bool, reply func(job uint32, err *engine.Refusal))
	// Jobs returns all queued jobs, sorted by number.
	Jobs() []Job
	// Cancel cancels a job, 0 all of them. False: there is no such job.
	Cancel(job uint32) bool
	// Invocation is INVOCATION_ID of the unit's last start, from View.Run.
	Invocation(v *engine.View) [16]byte
	// Kill sends a signal; value is sent with it when queued is true
	// (sigqueue(3)).
	Kill(name string, whom Whom, sig int32, queued bool, value int32) error
	Freeze(name string, reply func(*engine.Refusal))
	Thaw(name string, reply func(*engine.Refusal))
	// ResetFailed forgets failures and start limits; "" means all units.
	ResetFailed(name string)

	// Reload is daemon-reload; Reexec is daemon-reexec, whose caller is
	// disconnected. An error of Reexec means that it does not happen.
	Reload(reply func(error))
	Reexec() error
	// Shutdown stops everything and then performs action; ActionExit ends
	// the manager with the exit status code.
	Shutdown(action unit.Action, code uint8) error

	Environment() []string
	// SetEnvironment removes the names of unset (NAME or NAME=value), then
	// adds set (NAME=value). Both are checked already.
	SetEnvironment(set, unset []string)

	// Usage and Processes look into the unit's cgroup, or into what replaces
	// it. Usage is zero, Processes empty where the unit has no process.
	Usage(name string) Usage
	Processes(name string) []Process
	// Listens are the addresses of a socket unit as they are open, in the
	// order of unit.Socket.Listens; nil where it is not open.
	Listens(name string) []Listen
	// Sockets are all the sockets that the manager holds, by name of the unit
	// and in the order of its addresses, with what the kernel says of them now.
	Sockets() []Held
	// NeedReload tells whether the unit's files have changed since they were
	// loaded.
	NeedReload(name string) bool

	// Log returns the last lines of what the unit has written, at most n.
	Log(name string, n int) []string
	// OpenLog opens the file that the unit's output goes to, for reading and
	// at its start. The descriptor is given away.
	OpenLog(name string) (fd int, err error)

	// Why explains why a unit runs, or does not. The name may be that of a job.
	Why(name string) (engine.Explanation, error)
	// FollowEvents: somebody watches the events of jobs (Service.EventEmitted
	// and EventCompleted are then called), or nobody any more. It is called
	// on changes only; at the start nobody does.
	FollowEvents(on bool)

	// Files are the unit files of the manager's scope.
	Files() Files
	// Facts describe the manager itself.
	Facts() Facts
}

// Files are the operations of systemctl enable and its kin. They write to
// disk at once and change nothing in the engine; clients call Reload next.
type Files interface {
	// State is the enablement of one unit: "enabled", "static", "" where
	// there is no such unit file.
	State(name string) (string, error)
	// Preset is what its preset says, "enabled" or "disabled".
	Preset(name string) (string, error)
	// List is every unit file on the search path, by path, sorted.
	List() ([]FileState, error)
	// Do performs one operation. carries tells whether any of the files has
	// an [Install] section.
	Do(op FileOp) (changes []Change, carries bool, err error)
	// DefaultTarget is the unit that default.target leads to.
	DefaultTarget() (string, error)
	// Path is the search path.
	Path() []string
}

// FileOp is one operation on unit files.
type FileOp struct {
	// Verb is systemctl's: "enable", "disable", "reenable", "mask",
	// "unmask", "preset", "preset-all", "link", "revert", "set-default",
	// "add-wants", "add-requires".
	Verb string
	// Names are unit names or paths; of set-default exactly one.
	Names          []string
	Runtime, Force bool
	// Mode is --preset-mode=: "full", "enable-only", "disable-only".
	Mode string
	// Target is the unit of add-wants and add-requires.
	Target string
}

// Change is one thing that a FileOp did: Kind is "symlink" or "unlink", or
// the name of a problem that did not stop it ("masked", "dangling",
// "does-not-exist").
type Change struct{ Kind, Path, Source string }

// FileState is one unit file and its enablement.
type FileState struct{ Path, State string }

// Job is a queued or running job.
type Job struct {
	ID      uint32
	Unit    string
	Type    engine.Verb
	Running bool
	Why     string // what it waits for, in words
}

// Whom says which processes of a unit get a signal.
type Whom uint8

// The values of systemctl --kill-whom=.
const (
	WhomAll Whom = iota
	WhomMain
	WhomControl
	WhomMainFail // fails where there is no main process
	WhomControlFail
	WhomAllFail
)

// Usage is what a unit uses now. What is not known is Unknown.
type Usage struct {
	// ControlGroup is the unit's cgroup below the mount point of cgroup2,
	// "" without cgroups.
	ControlGroup string
	Memory       uint64 // bytes
	MemoryPeak   uint64
	Tasks        uint64
	CPU          uint64 // nanoseconds
	StoredFDs    uint32
}

// Unknown is the value of a figure that is not known, as on the bus.
const Unknown uint64 = 1<<64 - 1

// Process is one process of a unit.
type Process struct {
	Cgroup  string
	Pid     uint32
	Command string
}

// Listen is one open address: Kind is "Stream", "Datagram", "FIFO" and so on.
type Listen struct {
	Kind    string `json:"kind"`
	Address string `json:"address"`
}

// Held is one socket that the manager holds.
type Held struct {
	// Unit is the socket unit, or the job that waits at the address.
	Unit string
	Listen
	Pos diag.Pos // of the address
	// Watched: the next knock would be acted on.
	Watched bool
	// Pending are the connections that nobody has accepted yet; of a socket
	// without connections 1 if anything waits to be read. Open are those that
	// are accepted. nil: not known, or there is no such thing.
	Pending, Open *uint32
	// Activity is the last knock or byte, 0 for none that is known.
	Activity engine.Time
}

// Facts are what is so for the whole manager.
type Facts struct {
	Version string
	// Scope is "system", "user", "up" or "on".
	Scope string
	// State is "initializing", "starting", "running", "maintenance" or
	// "stopping"; "running" is shown as "degraded" while units are failed.
	State string
	// Names of the ways that are in force, in words for people.
	CgroupMode, HandoverMode, FreezeMode string
	// Notes are limits that hold on this machine, one sentence each.
	Notes          []string
	Virtualization string
	// ManagerStarts counts the manager's own starts, LastDeath says how the
	// last one ended ("" for the first).
	ManagerStarts uint32
	LastDeath     string
	GuardianPid   int32
	ManagerPid    int32
	// StartedAt is when the guardian started, on the boot clock; FinishedAt
	// is when all that is enabled had started, 0 before.
	StartedAt, FinishedAt engine.Time
	// Engine and loop counters, by name, sorted; for `rouse status` and Dump.
	Counters []Counter
	// InstalledJobs and FailedJobs count all jobs so far.
	InstalledJobs, FailedJobs uint32
	// ControlGroup is the base below which units have theirs.
	ControlGroup                                string
	DefaultTimeoutStart, DefaultTimeoutStop     time.Duration
	DefaultTimeoutAbort, DefaultRestart         time.Duration
	DefaultStartLimitInterval                   time.Duration
	DefaultStartLimitBurst                      uint32
	DefaultStandardOutput, DefaultStandardError string
}

// Counter is one figure with a name.
type Counter struct {
	Name  string
	Value uint64
}
