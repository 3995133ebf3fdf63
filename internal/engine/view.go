// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// View is what the outside may see of a unit: a copy, valid for ever.
type View struct {
	Unit      *unit.Unit
	Load      unit.LoadState
	Active    ActiveState
	Sub       string // "running", as systemd names it for this kind
	Result    string // "success", "exit-code", as systemd
	Freezer   string // "running", "freezing", "frozen", "thawing"
	Following string

	Job     uint32 // 0: none
	JobType Verb
	JobWhy  string // what the job waits for, in words

	StateChange, ActiveEnter, ActiveExit, InactiveEnter, InactiveExit Time
	ConditionTime                                                     Time
	ConditionResult, AssertResult                                     bool

	// Slice is the one that its cgroup is in, whatever its file says meanwhile:
	// the cgroup stays where it was made. "" while it has none.
	Slice string

	Run     uint64 // of the last start; INVOCATION_ID is made from it
	MainPid int32
	// LastMainPid stays after the exit: "ExecMainPID".
	LastMainPid int32
	ControlPid  int32
	StatusText  string
	StatusErrno int32
	NRestarts   uint32
	// The last main process, for "code=exited, status=1".
	MainStart, MainExit Time
	MainCode            uint8
	MainStatus          uint8
	// Failure is the last SpawnFailed.Msg or other cause of a failure, in
	// words with file and line; "" when the last run went well.
	Failure string
	// Cause is why the unit is in its state: "web.socket was knocked on",
	// "start asked for by a client", "Requires= of b.service".
	Cause string

	NAccepted, NConnections, NRefused uint32 // sockets
	Wakes, Sleeps                     uint32 // by knocks and by idleness
	Activity                          Time   // the last knock or traffic that was seen; 0: none
	IdleSince                         Time   // 0: not idle
	Inhibited                         bool   // X_ROUSE_BUSY=1

	Tier Tier // how deep it sleeps
	// TierNote is why it does not sleep deeper, in words.
	TierNote string
	// MemoryBefore is what it had in memory when it fell asleep, in bytes,
	// MemoryNow what was left by X-IdleReclaimSec=; CPUBefore is the processor
	// time that its cgroup had used until then. 0: unknown.
	MemoryBefore, MemoryNow uint64
	CPUBefore               time.Duration
	// HeldSince is when a person froze it.
	HeldSince Time
	// OpenBefore is how many connections are open while it is frozen.
	OpenBefore uint32

	// Waits is what a service waits for that was knocked on: "room in
	// X.slice (50 of 50 awake)", "" for nothing.
	Waits string
	// Awake and Waiting are, of a slice with a ceiling, the services that are
	// awake, and those that wait for room.
	Awake, Waiting uint32
	// Memory is, of a slice with X-RunningMemory=, what its services had in
	// memory when they were measured last; 0: nobody has been.
	Memory uint64
}

// Tier is how deep a service sleeps.
type Tier uint8

// The tiers: a frozen one has its memory, one that is reclaimed has what could
// not be paged out, and of a stopped one only the sockets are left.
const (
	TierAwake Tier = iota
	TierFrozen
	TierReclaimed
	TierStopped
)

func (t Tier) String() string {
	switch t {
	case TierAwake:
		return "awake"
	case TierFrozen:
		return "frozen"
	case TierReclaimed:
		return "reclaimed"
	case TierStopped:
		return "stopped"
	}
	return "unknown"
}

// ActiveState is the state that every kind of unit has; systemd's names.
type ActiveState uint8

// The active states of systemctl(1).
const (
	Inactive ActiveState = iota
	Activating
	Active
	Reloading
	Deactivating
	Failed
)

func (s ActiveState) String() string {
	switch s {
	case Inactive:
		return "inactive"
	case Activating:
		return "activating"
	case Active:
		return "active"
	case Reloading:
		return "reloading"
	case Deactivating:
		return "deactivating"
	case Failed:
		return "failed"
	}
	return "unknown"
}

// JobResult is how a job ended.
type JobResult uint8

// The job results of systemd.
const (
	JobDone JobResult = iota
	JobCanceled
	JobTimeout
	JobFailed
	JobDependency
	JobSkipped
	JobInvalid
	JobAssert
	JobUnsupported
	JobCollected
	JobOnce
)

func (r JobResult) String() string {
	switch r {
	case JobDone:
		return "done"
	case JobCanceled:
		return "canceled"
	case JobTimeout:
		return "timeout"
	case JobFailed:
		return "failed"
	case JobDependency:
		return "dependency"
	case JobSkipped:
		return "skipped"
	case JobInvalid:
		return "invalid"
	case JobAssert:
		return "assert"
	case JobUnsupported:
		return "unsupported"
	case JobCollected:
		return "collected"
	case JobOnce:
		return "once"
	}
	return "unknown"
}
