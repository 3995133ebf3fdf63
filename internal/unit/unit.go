// SPDX-License-Identifier: Apache-2.0

// Package unit is the one model that every format compiles to: plain data,
// names and escaping, no behaviour. It imports only diag. Formats fill it,
// load gathers it, the engine and the manager read it and never change it.
//
// The model is kept small on purpose: a manager holds thousands of units, so
// what is rarely set hangs behind a pointer that is nil when nothing is set.
package unit

import (
	"math"
	"time"

	"github.com/rouse-init/rouse/internal/diag"
)

// Kind is the kind of a unit, told by the suffix of its name.
type Kind uint8

// The kinds of systemd.unit(5).
const (
	KindInvalid Kind = iota
	KindService
	KindSocket
	KindTarget
	KindSlice
	KindTimer
	KindPath
	KindMount
	KindAutomount
	KindSwap
	KindScope
	KindDevice
)

// Format is what the file of a unit is written in.
type Format uint8

// The formats; what has no file counts as systemd's.
const (
	FormatSystemd Format = iota
	FormatUpstart
	FormatInetd
	FormatXinetd
	FormatLaunchd
)

func (f Format) String() string {
	return [...]string{"systemd", "upstart", "inetd", "xinetd", "launchd"}[f]
}

// Infinity is the duration that never ends ("infinity" in unit files).
const Infinity time.Duration = math.MaxInt64

// LoadState says how the loading of a unit went; the names are systemd's.
type LoadState uint8

// The load states of systemctl(1).
const (
	Loaded LoadState = iota
	NotFound
	BadSetting
	LoadFailed // "error": the file could not be read
	Masked
	Stub
)

// Unit is one unit, whatever its format.
type Unit struct {
	Name    string
	Aliases []string // other names that lead here, sorted
	Kind    Kind
	Format  Format
	Load    LoadState
	// LoadErr is why Load is not Loaded.
	LoadErr *diag.Diagnostic

	Description   string
	Documentation []string
	Fragment      string   // main file, "" for units that exist without one
	DropIns       []string // in the order of application
	SourcePath    string
	Transient     bool
	// Perpetual units ("-.slice") are always active and cannot be stopped.
	Perpetual bool

	Deps []Dep // in order of appearance, implicit and default ones last

	Conditions []Condition // conditions and asserts, in order

	StopWhenUnneeded    bool
	RefuseManualStart   bool
	RefuseManualStop    bool
	AllowIsolate        bool
	IgnoreOnIsolate     bool
	SurviveFinalKill    bool
	DefaultDependencies bool
	CollectMode         CollectMode
	OnSuccessJobMode    JobMode
	OnFailureJobMode    JobMode
	JobTimeout          time.Duration // 0: none
	JobRunningTimeout   time.Duration
	JobTimeoutAction    Action
	StartLimitInterval  time.Duration // 0: no limit
	StartLimitBurst     uint32
	StartLimitAction    Action
	FailureAction       Action
	SuccessAction       Action
	FailureActionExit   int16 // -1: not set
	SuccessActionExit   int16
	RebootArgument      string
	JobTimeoutRebootArg string
	Slice               string // "system.slice"; "" for none (targets, -.slice)
	Install             *Install
	Events              *Events
	Service             *Service
	Socket              *Socket
	Resources           *Resources // [Slice], [Service], [Socket], [Scope]
	Ceiling             *Ceiling   // of a slice; nil without one
	// Unsupported are the directives that were understood but have no
	// effect here; `status` shows them.
	Unsupported []diag.Diagnostic
	// RequiresMountsFor and WantsMountsFor are absolute paths, as formats
	// find them; load makes them dependencies on the mount units that exist.
	RequiresMountsFor, WantsMountsFor []string
}

// Dep is one dependency of a unit on another.
type Dep struct {
	Kind DepKind
	// Implicit dependencies come from the meaning of other settings or from
	// DefaultDependencies=, not from a line of their own.
	Implicit bool
	Name     string
}

// DepKind is the kind of a dependency, named as in systemd.unit(5).
type DepKind uint8

// The kinds of dependencies. Inverse ones (RequiredBy and so on) are made by
// the engine when it links units; the one that load makes, too, is BoundBy.
const (
	DepInvalid DepKind = iota
	Requires
	Requisite
	Wants
	BindsTo
	PartOf
	Upholds
	Conflicts
	Before
	After
	OnFailure
	OnSuccess
	PropagatesReloadTo
	ReloadPropagatedFrom
	PropagatesStopTo
	StopPropagatedFrom
	JoinsNamespaceOf
	// Triggers leads from a socket, timer or path to the unit it starts.
	Triggers

	// BoundBy is the inverse of BindsTo, for a unit that exists because of
	// another one which cannot name it.
	BoundBy DepKind = Triggers + 4
)

// JobMode is how a new job deals with queued ones (systemctl --job-mode=).
type JobMode uint8

// The job modes of systemctl(1).
const (
	ModeReplace JobMode = iota
	ModeFail
	ModeReplaceIrreversibly
	ModeIsolate
	ModeFlush
	ModeIgnoreDependencies
	ModeIgnoreRequirements
	ModeTriggering
	ModeRestartDependencies
)

// CollectMode says when a unit is forgotten (CollectMode=).
type CollectMode uint8

// The values of CollectMode=.
const (
	CollectInactive CollectMode = iota
	CollectInactiveOrFailed
)

// Action is an emergency action: StartLimitAction=, FailureAction= and kin.
type Action uint8

// The values of the *Action= settings.
const (
	ActionNone Action = iota
	ActionReboot
	ActionRebootForce
	ActionRebootImmediate
	ActionPoweroff
	ActionPoweroffForce
	ActionPoweroffImmediate
	ActionExit
	ActionExitForce
	ActionSoftReboot
	ActionSoftRebootForce
	ActionKexec
	ActionKexecForce
	ActionHalt
	ActionHaltForce
	ActionHaltImmediate
)

// Condition is one Condition*= or Assert*= line.
type Condition struct {
	Type    string // "PathExists", without the prefix
	Arg     string // specifiers expanded
	Assert  bool
	Trigger bool // "|": at least one of these must hold
	Negate  bool // "!"
	Pos     diag.Pos
}

// Install is the [Install] section, read by enable and its kin only.
type Install struct {
	Aliases         []string
	WantedBy        []string
	RequiredBy      []string
	UpheldBy        []string
	Also            []string
	DefaultInstance string
}
