// SPDX-License-Identifier: Apache-2.0

package unit

import (
	"time"

	"github.com/rouse-init/rouse/internal/diag"
)

// ServiceType is Type= of systemd.service(5).
type ServiceType uint8

// The values of Type=.
const (
	TypeSimple ServiceType = iota
	TypeExec
	TypeForking
	TypeOneshot
	TypeDBus
	TypeNotify
	TypeNotifyReload
	TypeIdle
)

// ExitType is ExitType= of systemd.service(5).
type ExitType uint8

// The values of ExitType=.
const (
	ExitMain ExitType = iota
	ExitCgroup
)

// RestartPolicy is Restart= of systemd.service(5).
type RestartPolicy uint8

// The values of Restart=.
const (
	RestartNo RestartPolicy = iota
	RestartOnSuccess
	RestartOnFailure
	RestartOnAbnormal
	RestartOnWatchdog
	RestartOnAbort
	RestartAlways
)

// RestartMode is RestartMode= of systemd.service(5).
type RestartMode uint8

// The values of RestartMode=.
const (
	RestartNormal RestartMode = iota
	RestartDirect
	RestartDebug
)

// NotifyAccess says whose notifications count (NotifyAccess=).
type NotifyAccess uint8

// The values of NotifyAccess=.
const (
	NotifyNone NotifyAccess = iota
	NotifyMain
	NotifyExec
	NotifyAll
)

// TimeoutMode is TimeoutStartFailureMode= and TimeoutStopFailureMode=.
type TimeoutMode uint8

// The values of the Timeout*FailureMode= settings.
const (
	TimeoutTerminate TimeoutMode = iota
	TimeoutAbort
	TimeoutKill
)

// OOMPolicy is OOMPolicy= of systemd.service(5).
type OOMPolicy uint8

// The values of OOMPolicy=.
const (
	OOMStop OOMPolicy = iota
	OOMContinue
	OOMKill
)

// FDPreserve is FileDescriptorStorePreserve= of systemd.service(5).
type FDPreserve uint8

// The values of FileDescriptorStorePreserve=.
const (
	PreserveRestart FDPreserve = iota
	PreserveNo
	PreserveYes
)

// Readiness is X-Readiness=: what tells that a service has started, where
// its Type= does not.
type Readiness uint8

// The values of X-Readiness=.
const (
	ReadyByType Readiness = iota
	// ReadyListen: the service called listen() on a socket handed over by
	// its own bind().
	ReadyListen
	// ReadyHold: as Type= says, and until then the service's accept() finds
	// nobody on a socket handed over by bind: for daemons that turn clients
	// away while they start. Every accept() costs a question to the manager.
	ReadyHold
)

// Phase is the list that a command stands in.
type Phase uint8

// The phases, in the order of a service's life.
const (
	PhaseCondition Phase = iota // ExecCondition=
	PhaseStartPre
	PhaseStart
	PhaseStartPost
	PhaseReload
	PhaseStop // ExecStop=; of a socket: ExecStopPre=
	PhaseStopPost
	PhasePreStop  // pre-stop of init(5): before the stop is certain
	PhaseSecurity // apparmor load of init(5)
	PhaseIdle     // X-IdleCommand=
	NumPhases
)

// Command is one command line. Args are unquoted, specifiers expanded;
// variables ($FOO) are still in them unless NoEnv.
type Command struct {
	Phase         Phase
	IgnoreFailure bool // "-"
	NoEnv         bool // ":"
	Privileged    Privilege
	Path          string   // absolute, or a bare name that is searched for at start
	Args          []string // with argv[0], which "@" sets
	Pos           diag.Pos
}

// Privilege is what the prefixes "+", "!" and "!!" ask for.
type Privilege uint8

// The privilege prefixes of systemd.service(5).
const (
	PrivNormal  Privilege = iota
	PrivFull              // "+"
	PrivNoUser            // "!"
	PrivAmbient           // "!!"
)

// ExitSet is a set of exit codes and signals (SuccessExitStatus= and kin).
type ExitSet struct {
	Codes   []uint8 // sorted
	Signals []uint8 // sorted
}

// Service is the [Service] section without what Exec, Kill and Resources hold.
type Service struct {
	Type                   ServiceType
	ExitType               ExitType
	Restart                RestartPolicy
	RestartMode            RestartMode
	NotifyAccess           NotifyAccess
	OOMPolicy              OOMPolicy
	RemainAfterExit        bool
	GuessMainPID           bool
	IdleWhenUnneeded       bool       // X-IdleWhenUnneeded=
	IdleAction             IdleAction // X-IdleAction=, also of its sockets
	NonBlocking            bool
	RootDirectoryStartOnly bool
	PermissionsStartOnly   bool
	StartFailure           TimeoutMode
	StopFailure            TimeoutMode
	FDPreserve             FDPreserve
	Readiness              Readiness
	ReloadSignal           uint8
	RestartSteps           uint32
	FDStoreMax             uint32

	// Throttle is ThrottleInterval of launchd.plist(5): how long after its last
	// start the next one may come; 0: at once.
	Throttle        time.Duration
	RestartSec      time.Duration
	RestartMaxDelay time.Duration // Infinity: RestartSteps has no effect
	TimeoutStart    time.Duration // Infinity: none
	TimeoutStop     time.Duration
	TimeoutAbort    time.Duration // 0: as TimeoutStop
	RuntimeMax      time.Duration // Infinity: none
	RuntimeExtra    time.Duration
	Watchdog        time.Duration // 0: none
	IdleSec         time.Duration // X-IdleSec=, also of its sockets; 0 or Infinity: never

	PIDFile  string // absolute
	BusName  string
	Sockets  []string // Sockets=, and the sockets of the same name
	OpenFile []OpenFile

	Commands       []Command // all phases, each in its order
	SuccessExit    *ExitSet
	RestartPrevent *ExitSet
	RestartForce   *ExitSet

	Exec  *Exec
	Kill  Kill
	Job   *Job   // nil but for Upstart jobs
	Tiers *Tiers // nil without any of its keys
}

// Tiers say how deep a service sleeps, and when it may: what X-IdleSec= puts
// to sleep by freezing sleeps deeper after a while.
type Tiers struct {
	Reclaim time.Duration // X-IdleReclaimSec=, asleep; Infinity: never
	Stop    time.Duration // X-IdleStopSec=, asleep; Infinity: never
	MinUp   time.Duration // X-IdleMinUpSec=, since the start or the last wake
}

// Sleeps tells whether the service has a policy of its own for sleep, beside
// that of its sockets. It may be nil.
func (s *Service) Sleeps() bool {
	return s != nil && (s.IdleSec > 0 && s.IdleSec != Infinity || s.IdleWhenUnneeded)
}

// OpenFile is one OpenFile= line.
type OpenFile struct {
	Path, Name                           string
	ReadOnly, Append, Truncate, Graceful bool
	Pos                                  diag.Pos
}

// Of returns the commands of one phase, in order. It does not allocate when
// they stand together, as formats write them.
func Of(commands []Command, p Phase) []Command {
	start := -1
	for i := range commands {
		if commands[i].Phase == p {
			if start < 0 {
				start = i
			}
		} else if start >= 0 {
			return commands[start:i]
		}
	}
	if start < 0 {
		return nil
	}
	return commands[start:]
}

// KillMode is KillMode= of systemd.kill(5).
type KillMode uint8

// The values of KillMode=.
const (
	KillControlGroup KillMode = iota
	KillMixed
	KillProcess
	KillNone
)

// Kill is what systemd.kill(5) describes.
type Kill struct {
	Mode           KillMode
	Signal         uint8 // KillSignal=
	RestartSignal  uint8 // 0: as Signal
	FinalSignal    uint8
	WatchdogSignal uint8
	SendSIGHUP     bool
	SendSIGKILL    bool
}
