// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// Time is a moment on the boot clock, in nanoseconds. The engine never reads
// a clock: every Step is told the time.
type Time int64

// Token names one order, so that its answer can be told from the answer to
// an earlier one. Gen is unique among all orders of an engine; an answer
// whose order is no longer waited for is dropped and counted.
type Token struct {
	Unit string
	Gen  uint64
}

// Input is a fact. The set is sealed.
//
//sumtype:decl
type Input interface{ input() }

// Loaded brings compiled units: new ones, and new versions of known ones.
// A unit that is running keeps running; its new definition counts from the
// next step of its life on. Dependencies on units that never came are kept
// and treated as "not-found".
type Loaded struct {
	Units []*unit.Unit
	// Gone are units whose definition vanished (daemon-reload). They are
	// forgotten as soon as they are inactive.
	Gone []string
}

// Verb is what a job does, as asked for.
type Verb uint8

// The verbs. TryRestart and its kin are resolved to a job type when the job
// is queued, from the state that the unit has then (systemctl(1)).
const (
	Start Verb = iota
	VerifyActive
	Stop
	Reload
	Restart
	TryRestart
	ReloadOrStart
	ReloadOrRestart
	TryReloadOrRestart
	Nop
)

// Asked is a wish of a client for a job. It is answered by one Reply with
// the same ID: the number of the job, or why there is none.
type Asked struct {
	ID   uint64
	Verb Verb
	Unit string
	Mode unit.JobMode
	// Manual wishes come from a person or a client, so that
	// RefuseManualStart= applies; others come from the manager.
	Manual bool
}

// AskedReset is reset-failed: of one unit, or of all when Unit is "".
type AskedReset struct{ Unit string }

// AskedCancel cancels a job; Job 0 cancels all.
type AskedCancel struct{ Job uint32 }

// AskedFreeze and AskedThaw are freeze and thaw by a person: they hold until
// the opposite is asked for. Answered by a Reply.
type AskedFreeze struct {
	ID   uint64
	Unit string
}

// AskedThaw undoes AskedFreeze.
type AskedThaw struct {
	ID   uint64
	Unit string
}

// AskedShutdown stops everything in reverse order; Finished is emitted when
// no job and no process is left. A second one changes nothing.
type AskedShutdown struct{}

// Spawned answers Spawn: the process exists.
type Spawned struct {
	Token Token
	Pid   int32
}

// Executed follows Spawned when execve(2) has succeeded.
type Executed struct{ Token Token }

// SpawnFailed answers Spawn, before or after Spawned: a step of the spawn
// program failed and the process, if there was one, is gone (its Exited
// follows if it had been Spawned).
type SpawnFailed struct {
	Token Token
	// Status is the exit status that systemd.exec(5) gives to the step:
	// 203 for exec, 200 for chdir.
	Status uint8
	// Step names the failed step ("chdir", "exec") and Msg says it in
	// full, with the file and the line of the directive.
	Step, Msg string
}

// Exited is the end of a process of ours, from the guardian.
type Exited struct {
	Pid int32
	// Code is CLD_EXITED (1), CLD_KILLED (2) or CLD_DUMPED (3).
	Code   uint8
	Status uint8 // exit status or signal
	// Seq is the guardian's number of the exit. The engine has no use for
	// it; in the log it tells which exits have been heard.
	Seq uint64
}

// CgroupEmptied answers WatchCgroup: no process of the unit is left.
type CgroupEmptied struct{ Token Token }

// OOMKilled says that the kernel killed a process of the unit for memory.
type OOMKilled struct{ Unit string }

// Notified is one datagram of sd_notify(3), from a process of the unit.
type Notified struct {
	Unit string
	Pid  int32

	Ready, Reloading, Stopping bool
	Watchdog                   bool // WATCHDOG=1
	WatchdogTrigger            bool // WATCHDOG=trigger
	// Busy is X_ROUSE_BUSY: 0 not said, 1 busy, 2 no longer.
	Busy         uint8
	MonotonicUS  uint64 // MONOTONIC_USEC, 0 not said
	Status       string // STATUS, "" not said
	Errno        int32
	ExitStatus   int32 // EXIT_STATUS, -1 not said
	MainPid      int32 // MAINPID, already checked to be one of ours; 0 not said
	WatchdogUS   uint64
	ExtendUS     uint64 // EXTEND_TIMEOUT_USEC
	NotifyAccess int8   // NOTIFYACCESS as unit.NotifyAccess, -1 not said
	// FDStore counts the descriptors that the manager stored with it.
	FDStore uint16
}

// PIDFileRead answers ReadPIDFile. Pid 0: not there, or not acceptable; the
// manager goes on watching the file until the unit leaves its state.
type PIDFileRead struct {
	Token Token
	Pid   int32
	Msg   string
}

// ConditionsChecked answers CheckConditions. Failed is the index of the
// condition or assert that did not hold, -1 when all held.
type ConditionsChecked struct {
	Token  Token
	Failed int32
}

// SocketOpened answers OpenSocket: every Listen*= of the unit is open.
type SocketOpened struct{ Token Token }

// SocketFailed answers OpenSocket.
type SocketFailed struct {
	Token Token
	Msg   string // with file and line of the directive
}

// Readable says that an armed socket unit (Accept=no), or an established
// connection that WatchConnections asked to watch, has something to read; Unit
// is a service where it is one to its bus.
// The manager has disarmed it.
type Readable struct{ Unit string }

// Accepted is a connection on an armed Accept=yes socket. The manager holds
// it under the number Conn until the engine spawns the main process with it or
// drops it.
type Accepted struct {
	Socket string
	Conn   uint64
	// Source is the peer for MaxConnectionsPerSource=: an IP address, or
	// "uid:1000".
	Source string
	// Unit is the compiled instance of the template.
	Unit *unit.Unit
}

// Connections answers CountConnections.
type Connections struct {
	Token  Token
	Counts []Count // in the order of the sockets asked for, then the services
}

// Count is what is known of one socket unit's connections.
type Count struct {
	Socket string
	// Service is set in the place of Socket for one that was looked at itself.
	Service string
	// Open are established or half-closed connections, and those that
	// wait in the queue of the listener. Of a socket that has left those of
	// its address, also those that may still come into the queue.
	Open uint32
	// Queued are those not yet accepted by the service.
	Queued uint32
	// Traffic: a datagram was read from it since the last look. Only UDP sockets
	// tell.
	Traffic bool
	// Silence is the time since the last byte on any of them, either way.
	Silence Time
	// Asked is the time since a client said something that has had no answer,
	// the shortest; 0: all have theirs, or it is not known.
	Asked Time
	// CPU is the time that the service's cgroup has used, -1 unknown.
	CPU Time
}

// ConnectionClosed hints that a connection of the socket unit has ended, so
// that an idle look is worth its cost.
type ConnectionClosed struct{ Socket string }

// Frozen answers Freeze.
type Frozen struct {
	Token Token
	// Memory is what the service has in memory now, in bytes, and CPU the
	// processor time that its cgroup has used: 0 unknown.
	Memory uint64
	CPU    time.Duration
}

// Thawed answers Thaw.
type Thawed struct{ Token Token }

// FreezeFailed answers Freeze or Thaw.
type FreezeFailed struct {
	Token Token
	Msg   string
	// Still: it is there and could not be thawed.
	Still bool
}

// Reclaimed answers Reclaim: what is left in memory, in bytes.
type Reclaimed struct {
	Token  Token
	Memory uint64
}

// ReclaimFailed answers Reclaim: nothing can be paged out here.
type ReclaimFailed struct {
	Token Token
	Msg   string
}

// Measured answers MeasureMemory: what each unit has in memory, in bytes, in the
// order of the question. What they share with others counts in part.
type Measured struct {
	Token  Token
	Memory []uint64
	Units  []string
}

// ListenCalled says that a process of the unit called listen() on a socket
// that was handed over by its bind() (X-Readiness=listen).
type ListenCalled struct{ Unit string }

// TimerFired answers ArmTimer.
type TimerFired struct {
	Token Token
	Timer Timer
}

// Happened is an event from outside: initctl emit, a bridge, the machine. An
// ID that is not 0 is answered by a Reply: when the event has completed if
// Wait is set, at once if not.
type Happened struct {
	ID   uint64
	Name string
	// Env are NAME=value, in order; the names are checked.
	Env  []string
	Wait bool
	// Source is the event source that has it, "" for none. The main process
	// of what it starts gets the descriptors of the source, and a source of
	// sockets is armed again (ArmSource) when nothing that it started is up.
	Source string
	// By says in words who caused it, for `why`: "emit by uid 0".
	By string
}

// AskedJob is a wish of initctl(8) for a job by its own name or that of its
// unit. It is answered by one Reply with the name of the instance's unit: when
// the goal is accepted, or with Wait when it is reached, or why not.
type AskedJob struct {
	ID uint64
	// Verb is Start, Stop, Restart or Reload.
	Verb Verb
	Job  string // the name of the job's unit ("getty.service"), or of an instance of it
	Env  []string
	Wait bool
	// Exact: Job names an instance (or a job without instances), Env is empty.
	Exact bool
	// By says who asks, in words.
	By string
}

// Stopped says that a process of ours has been stopped by SIGSTOP (expect
// stop). The manager continues it on the effect Signal.
type Stopped struct{ Pid int32 }

// Followed tells how the main process forks (Spawn.Follow): Pid is the main
// process now, after Forks of them. Exact is false where it was found by
// looking at what is left and not by tracing.
type Followed struct {
	Token Token
	Pid   int32
	Forks uint8
	Exact bool
	// Ended: nothing more is followed; it runs another program now, where
	// Forks are fewer than were asked for.
	Ended bool
}

// NameChanged says that a name on a message bus has got an owner (Owned), or
// has none any more. Pid is the owner's process, 0 when it is not known.
type NameChanged struct {
	Name    string
	Session bool
	Owned   bool
	Pid     int32
}

// BusChanged says that a message bus is connected to, or lost.
type BusChanged struct {
	Session bool
	Up      bool
}

// AskedWatch turns the effect Emitted on or off: somebody listens to events.
type AskedWatch struct{ On bool }

// AskedJobEnv changes the variables that one instance gets besides those of its
// job (initctl set-env). Those of all jobs are the manager's.
type AskedJobEnv struct {
	Unit  string
	Set   []string
	Unset []string
	Reset bool // first forget all that was set
}

func (Happened) input()    {}
func (AskedJob) input()    {}
func (Stopped) input()     {}
func (Followed) input()    {}
func (NameChanged) input() {}
func (BusChanged) input()  {}
func (AskedWatch) input()  {}
func (AskedJobEnv) input() {}

func (Loaded) input()            {}
func (Asked) input()             {}
func (AskedReset) input()        {}
func (AskedCancel) input()       {}
func (AskedFreeze) input()       {}
func (AskedThaw) input()         {}
func (AskedShutdown) input()     {}
func (Spawned) input()           {}
func (Executed) input()          {}
func (SpawnFailed) input()       {}
func (Exited) input()            {}
func (CgroupEmptied) input()     {}
func (OOMKilled) input()         {}
func (Notified) input()          {}
func (PIDFileRead) input()       {}
func (ConditionsChecked) input() {}
func (SocketOpened) input()      {}
func (SocketFailed) input()      {}
func (Readable) input()          {}
func (Accepted) input()          {}
func (Connections) input()       {}
func (ConnectionClosed) input()  {}
func (Frozen) input()            {}
func (Thawed) input()            {}
func (FreezeFailed) input()      {}
func (Reclaimed) input()         {}
func (ReclaimFailed) input()     {}
func (Measured) input()          {}
func (ListenCalled) input()      {}
func (TimerFired) input()        {}
