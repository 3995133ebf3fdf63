// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// proc is a process that was ordered. Gen is not 0 from the order on until its
// end is known; Pid is 0 until Spawned has come.
type proc struct {
	Gen   uint64
	Pid   int32
	Index int32 // of its command, -1 for a process that was adopted
	Ran   bool  // Executed has come; kept for the main process alone
}

func (p proc) alive() bool { return p.Gen != 0 }

// timer is a running timer: Gen is that of its order, 0 when it does not run.
// While the unit is frozen a paused timer has Gen 0 and At is minus what was
// left of it.
type timer struct {
	Gen uint64
	At  Time
}

// service is the part of a node that only services have; nil until the first
// start. It is plain data, because snapshots encode it by reflection.
type service struct {
	State        serviceState
	Result       result
	ReloadResult result
	Said         said
	Access       int8 // NOTIFYACCESS= plus 1, 0: as configured

	MainKnown     bool   // the main process is or was known in this run
	ForbidRestart bool   // it was asked to stop
	FlushRestarts bool   // the next start begins a new count of restarts
	Empty         bool   // CgroupEmptied has come after the last spawn
	LimitHit      bool   // the last start was refused for StartLimitBurst=
	IdleWait      bool   // Type=idle, not yet spawned
	IdleStop      bool   // it is being stopped because it is idle
	Slept         bool   // its last run ended by IdleStop
	Knocked       bool   // the queued start comes from a socket
	Waking        bool   // it goes on or starts when what it needs is thawed (idle_group.go)
	StopAfter     bool   // of an Upstart job: it stops when the present command has ended
	Nameless      bool   // of Type=dbus: it has lost its name, not yet acted upon
	Respawning    bool   // of an Upstart job: it comes back after this stop
	Unspawned     uint64 // the order of the process that did not come to its program
	GateNext      serviceState
	Gate          uint64 // the event that it waits for in svcStarting or svcStopping
	Blame         blame

	Ticket  uint64 // it waits for room: the lower, the longer (idle_ceiling.go)
	Knocker string // the socket that it is to be woken by then, "" for a bus

	Memory   uint64 // that it has, as far as is known; only below an X-RunningMemory=
	MemoryAt Time   // when that was measured
	Need     uint64 // what it had last when it was awake

	Main, Control proc
	Lost          lost   // orders that were given up
	Watch         uint64 // the WatchCgroup that is waited for
	PIDFile       uint64 // the ReadPIDFile that is waited for
	Timer         timer  // TimerState and TimerRestart
	Starts        rate   // StartLimitIntervalSec=
	NotBefore     Time   // when it may start again (ThrottleInterval); 0: at once
	Throttled     bool   // a start waits for that

	More *serviceMore
	Idle *idle
}

// blame says which process was the first to fail in this run, and how: PROCESS=
// and EXIT_STATUS= or EXIT_SIGNAL= of stopped(7). Code is 0 for one that could
// not be made.
type blame struct {
	Process      string
	Code, Status uint8
}

// serviceMore is what few services need.
type serviceMore struct {
	Runtime, Watchdog timer
	Trigger           timer // Type=idle
	WatchdogDue       Time  // WATCHDOG=1 moves only this, the timer follows when it fires
	WatchdogEvery     Time  // WATCHDOG_USEC=, 0: as configured
	ReloadBegin       Time
	Stored            uint32 // descriptors in the store
	Judge             proc   // X-IdleCommand= that runs
	JudgeTimer        timer
	Faulty            bool // it was said that X-IdleCommand= has failed

	// An instance of an Accept=yes socket.
	Socket   string
	Conn     uint64
	Source   string
	ConnUsed bool // handed over with the Spawn of the main process
}

// more returns the rare part, made at need.
func (s *service) more() *serviceMore {
	if s.More == nil {
		s.More = &serviceMore{}
	}
	return s.More
}

// fail keeps the first thing that went wrong.
func (s *service) fail(f result) {
	if s.Result == resSuccess {
		s.Result = f
	}
}

// endless tells whether a limit is none: "infinity" of the manuals, and 0.
func endless(d time.Duration) bool { return d <= 0 || d == unit.Infinity }

// serviceDef is the definition of a service, an empty one for a unit whose
// file was masked or has vanished while it ran: it has no commands any more.
func (n *node) serviceDef() *unit.Service {
	if n.def.Service != nil {
		return n.def.Service
	}
	return &unit.Service{
		TimeoutStop: 90 * time.Second, // DefaultTimeoutStopSec= of systemd-system.conf(5)
		Kill:        unit.Kill{Signal: sigTERM, FinalSignal: sigKILL, WatchdogSignal: sigABRT, SendSIGKILL: true},
	}
}

// firstOf returns the index of the first command of a phase, -1 for none.
func firstOf(cs []unit.Command, p unit.Phase) int32 {
	for i := range cs {
		if cs[i].Phase == p {
			return int32(i)
		}
	}
	return -1
}

// nextOf returns the index of the command after i in its phase, -1 for none.
// i may be from a definition that was replaced.
func nextOf(cs []unit.Command, i int32, p unit.Phase) int32 {
	for j := int(i) + 1; i >= 0 && j < len(cs); j++ {
		if cs[j].Phase == p {
			return int32(j)
		}
	}
	return -1
}

// setService enters a state: it ends what does not outlive the old one, and
// tells the jobs. What the state begins with is done before by the caller.
func (e *Engine) setService(n *node, st serviceState) {
	s, old := n.service, n.service.State
	s.State = st
	if old.busy() != st.busy() {
		if st.busy() {
			e.busy++
		} else {
			e.busy--
		}
	}
	if !st.timed() {
		e.disarm(n, TimerState, &s.Timer)
	}
	if s.More != nil {
		if st != svcRunning {
			e.disarm(n, TimerRuntime, &s.More.Runtime)
		}
		if st != svcRunning {
			e.dropJudge(n)
		}
		if !st.ready() {
			e.disarm(n, TimerWatchdog, &s.More.Watchdog)
		}
	}
	if s.Idle != nil && st != svcRunning {
		e.unlook(n)
	}
	e.reseat(n)
	n.view.Result = s.Result.String()
	e.enter(n, st.active(n.serviceDef().Type == unit.TypeIdle), st.String())
}
