// SPDX-License-Identifier: Apache-2.0

package engine

import "github.com/rouse-init/rouse/internal/unit"

// Effect is an order. The set is sealed. Effects are performed once, in
// order; those with a Token are answered by an Input with the same Token.
//
//sumtype:decl
type Effect interface{ effect() }

// Role is the part that a process plays in its unit.
type Role uint8

// The roles.
const (
	RoleMain    Role = iota
	RoleControl      // ExecStartPre=, ExecStop= and so on
)

// Spawn starts a process of the unit: command Index of the unit's commands
// (Service.Commands or Socket.Commands). Answered by Spawned and then
// Executed, or by SpawnFailed.
type Spawn struct {
	Token Token
	Role  Role
	Index int32
	// Run numbers the start that this process belongs to: equal for all
	// processes of one start. INVOCATION_ID is made from it.
	Run uint64
	// Sockets are the socket units whose descriptors the process gets, in
	// order; set for the main process, and for the ExecStart= of a forking
	// service, which is a control process.
	Sockets []string
	// Conn is the accepted connection that it serves, 0 for none. Every Spawn
	// of the instance carries it up to and including that of the main process
	// (RoleMain, or the ExecStart= of a forking service), to which it passes:
	// Spawned or SpawnFailed of that order lets it go. The commands before it
	// borrow it, for StandardInput=socket and its kin; if the instance ends
	// without a main process, DropConnection follows.
	Conn uint64
	// Env is added to the environment: MAINPID, EXIT_CODE, SERVICE_RESULT,
	// EXIT_STATUS, TRIGGER_UNIT, MONITOR_*.
	Env []string
	// Follow is how many forks of the process are to be followed: Followed
	// tells of each.
	Follow uint8
	// Trap: Stopped is told when the process stops itself by SIGSTOP.
	Trap bool
	// Unset are variables that it does not get, wherever they come from.
	Unset []string
	// Sources are the event sources whose descriptors the process gets, after
	// those of Sockets.
	Sources []string
}

// Signal sends Sig to processes of the unit. Main and Control are pids or 0.
// With Group everything else in the unit's cgroup gets it too, each process
// once. Cont sends SIGCONT after it, Hup then SIGHUP (SendSIGHUP=).
type Signal struct {
	Unit          string
	Main, Control int32
	Group         bool
	Sig           uint8
	Cont, Hup     bool
	// Session: Control leads a process group, which gets it as a whole.
	Session bool
}

// WatchCgroup asks for CgroupEmptied once the unit has no process, at once
// if it has none now. A later WatchCgroup of the unit replaces it.
type WatchCgroup struct{ Token Token }

// RemoveCgroup says that the unit is dead: its cgroup and what else its last
// run left (runtime directories, credentials, handover) may go. The manager
// may keep an empty cgroup for the next start.
type RemoveCgroup struct {
	Unit string
	// Slice is the one that the cgroup is in; "" where the file says it.
	Slice string
	// KeepDirs: it is going to be restarted, so RuntimeDirectoryPreserve=
	// restart keeps its directories.
	KeepDirs bool
}

// DropStored forgets the unit's file descriptor store.
type DropStored struct{ Unit string }

// ReadPIDFile is answered by PIDFileRead: at once if the file has a good
// pid, else each time that it changes. Without a Path it asks for the only
// process of the unit (GuessMainPID=), and is answered at once: Pid 0 if there
// are none or several.
type ReadPIDFile struct {
	Token Token
	Path  string
	// Now: answer at once even if it is not there.
	Now bool
}

// RemovePIDFile removes the file after a stop.
type RemovePIDFile struct{ Path string }

// CheckConditions is answered by ConditionsChecked.
type CheckConditions struct{ Token Token }

// OpenSocket opens every address of the socket unit, or finds those that are
// open already (after the manager's own restart).
type OpenSocket struct{ Token Token }

// CloseSocket closes them, and removes nodes and symbolic links where
// RemoveOnStop= says so.
type CloseSocket struct{ Unit string }

// ArmSocket repairs the listeners (backlog, O_NONBLOCK, shutdown by the
// service) and watches them: Readable follows, or Accepted for Accept=yes,
// which stays armed.
type ArmSocket struct{ Unit string }

// DisarmSocket stops watching.
type DisarmSocket struct{ Unit string }

// FlushSocket throws away what waits in the socket (FlushPending=, and
// clients of a service that never became ready).
type FlushSocket struct{ Unit string }

// DropConnection closes a connection that was Accepted but cannot be served,
// or that was lent to commands only. Refused: by a limit of its socket, which
// the client may be told.
type DropConnection struct {
	Conn    uint64
	Refused bool
}

// CountConnections looks at the sockets, all in one dump, and at services that
// have none. The answer is Connections with the same token.
type CountConnections struct {
	Token    Token
	Sockets  []string
	Services []string
}

// WatchConnections watches the established connections of a frozen service:
// Readable{Unit: the socket unit} follows when there is data on one. Of Services
// the connections to their bus are watched: Readable{Unit: the service} follows.
type WatchConnections struct{ Sockets, Services []string }

// UnwatchConnections ends it.
type UnwatchConnections struct{ Sockets, Services []string }

// HoldConnections keeps new connections of these sockets out until
// ReleaseConnections, so that their clients try again: the service is about
// to be stopped. Where the kernel cannot, the manager says so once.
type HoldConnections struct{ Sockets []string }

// ReleaseConnections undoes HoldConnections.
type ReleaseConnections struct{ Sockets []string }

// LeaveGroup has the kernel give the socket no new connection any more: they go
// to the other sockets of its address. Those that are queued, or on their way,
// stay.
type LeaveGroup struct{ Unit string }

// JoinGroup undoes LeaveGroup.
type JoinGroup struct{ Unit string }

// Freeze stops all processes of the unit where they are. Answered by Frozen
// or FreezeFailed.
type Freeze struct{ Token Token }

// Thaw lets them go on. Answered by Thawed or FreezeFailed.
type Thaw struct{ Token Token }

// Reclaim pages out the memory of a frozen service, bit by bit. Answered by
// Reclaimed, also when a Thaw or the end of the service comes between, or by
// ReclaimFailed.
type Reclaim struct{ Token Token }

// MeasureMemory asks what the services have in memory, for X-RunningMemory=.
// Answered by Measured.
type MeasureMemory struct {
	Token Token
	Units []string
}

// Timer is one of the timers that a unit can have running; arming it again
// moves it.
type Timer uint8

// The timers.
const (
	TimerState    Timer = iota // start, stop, reload timeouts of the present state
	TimerRestart               // RestartSec=
	TimerRuntime               // RuntimeMaxSec=
	TimerWatchdog              // WatchdogSec=
	TimerJob                   // JobTimeoutSec=
	TimerJobRun                // JobRunningTimeoutSec=
	TimerPoll                  // PollLimit*=, TriggerLimit*=: end of the pause
	TimerIdle                  // the next look at connections
	TimerTrigger               // idle delay of Type=idle and the like
	TimerAuto                  // end of the pause in what the manager does unasked (Upholds= and the like)
	TimerExpect                // readiness of an Upstart job is waited for no longer
	TimerHeld                  // of no unit: events that nobody has completed are looked at
	TimerLeave                 // the next look at a socket that leaves those of its address
	TimerTier                  // a sleeper is to sleep deeper
	TimerJudge                 // end of the patience with X-IdleCommand=
	TimerRoom                  // of no unit: room is looked for, while somebody waits for it
	TimerMemory                // of no unit: after a wake the memory of its slices is measured again
	NumTimers
)

// ArmTimer asks for TimerFired at At; it replaces the same timer of the unit.
type ArmTimer struct {
	Token Token
	Timer Timer
	At    Time
}

// DisarmTimer takes it back.
type DisarmTimer struct {
	Unit  string
	Timer Timer
}

// Reply answers an Asked, AskedFreeze or AskedThaw: the job that was queued
// (0 when there was nothing to do), or Err.
type Reply struct {
	ID  uint64
	Job uint32
	Err *Refusal
	// Unit answers AskedJob: the unit of the instance.
	Unit string
}

// Emitted tells of an event, while AskedWatch is on. Cause is why it came,
// in words; ID numbers the events.
type Emitted struct {
	ID    uint64
	Name  string
	Env   []string
	Cause string
}

// Completed tells that an event with that ID has completed, or failed.
type Completed struct {
	ID     uint64
	Failed bool
}

// ArmSource has a source of sockets watched again: nothing that it started is
// up any more.
type ArmSource struct{ Source string }

// Refusal is why a wish cannot be granted.
type Refusal struct {
	// Code is the D-Bus error name without its prefix, as systemd's:
	// "NoSuchUnit", "TransactionIsDestructive", "TransactionOrderIsCyclic",
	// "TransactionJobsConflicting", "UnitMasked", "LoadFailed",
	// "OnlyByDependency", "NoIsolation", "JobTypeNotApplicable", "UnitBusy".
	Code string
	Msg  string
}

// JobQueued announces a job.
type JobQueued struct {
	Job  uint32
	Unit string
	Type Verb
}

// JobRemoved announces its end.
type JobRemoved struct {
	Job    uint32
	Unit   string
	Type   Verb
	Result JobResult
}

// UnitChanged says that something visible of the unit has changed, once per
// Step and unit.
type UnitChanged struct{ Unit string }

// UnitForgotten says that the unit is unloaded.
type UnitForgotten struct{ Unit string }

// Record is a line for the log and the event stream.
type Record struct {
	Level RecordLevel
	Unit  string
	// Msg says what happened and why, in words.
	Msg string
}

// RecordLevel is how much a Record matters.
type RecordLevel uint8

// The levels. RecordBug is an impossible cell: the unit is parked, and in
// tests the run fails.
const (
	RecordDebug RecordLevel = iota
	RecordInfo
	RecordWarning
	RecordError
	RecordBug
)

// RunAction performs FailureAction= and its kin.
type RunAction struct {
	Action unit.Action
	Exit   int16 // -1 not set
	Arg    string
	Unit   string
	Why    string
}

// Finished ends an AskedShutdown: nothing runs any more.
type Finished struct{}

func (Emitted) effect()            {}
func (Completed) effect()          {}
func (ArmSource) effect()          {}
func (Spawn) effect()              {}
func (Signal) effect()             {}
func (WatchCgroup) effect()        {}
func (RemoveCgroup) effect()       {}
func (DropStored) effect()         {}
func (ReadPIDFile) effect()        {}
func (RemovePIDFile) effect()      {}
func (CheckConditions) effect()    {}
func (OpenSocket) effect()         {}
func (CloseSocket) effect()        {}
func (ArmSocket) effect()          {}
func (DisarmSocket) effect()       {}
func (FlushSocket) effect()        {}
func (DropConnection) effect()     {}
func (CountConnections) effect()   {}
func (WatchConnections) effect()   {}
func (UnwatchConnections) effect() {}
func (HoldConnections) effect()    {}
func (ReleaseConnections) effect() {}
func (LeaveGroup) effect()         {}
func (JoinGroup) effect()          {}
func (Freeze) effect()             {}
func (Thaw) effect()               {}
func (Reclaim) effect()            {}
func (MeasureMemory) effect()      {}
func (ArmTimer) effect()           {}
func (DisarmTimer) effect()        {}
func (Reply) effect()              {}
func (JobQueued) effect()          {}
func (JobRemoved) effect()         {}
func (UnitChanged) effect()        {}
func (UnitForgotten) effect()      {}
func (Record) effect()             {}
func (RunAction) effect()          {}
func (Finished) effect()           {}
