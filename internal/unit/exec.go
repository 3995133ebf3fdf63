// SPDX-License-Identifier: Apache-2.0

package unit

import (
	"time"

	"github.com/rouse-init/rouse/internal/diag"
)

// Exec is the environment in which commands run (systemd.exec(5)). Units
// with equal settings may share one Exec; nobody changes it after loading.
type Exec struct {
	User, Group         string
	SupplementaryGroups []string
	SetLoginEnvironment bool

	Environment     []string // NAME=value, later wins
	EnvironmentFile []EnvFile
	PassEnvironment []string
	UnsetEnviron    []string
	SearchPath      []string // ExecSearchPath=

	WorkingDirectory    string // "" for /, "~" for the user's home
	WorkingDirMissingOK bool
	RootDirectory       string
	Umask               int32 // -1: not set, meaning 0022

	Stdin, Stdout, Stderr Stdio
	StdinData             []byte
	TTYPath               string
	TTYReset, TTYVHangup  bool
	SyslogIdentifier      string

	Nice            *int8
	OOMScoreAdjust  *int16
	IgnoreSIGPIPE   bool // the default is yes
	NoNewPrivileges bool
	Limits          []Limit

	Dirs  []ManagedDir
	Sched *Sched
	Caps  *Caps

	// Where holds the line of each directive that can fail at start, by the
	// name of the directive, so that a failed step can name it.
	Where []Where
}

// Where is the place of one directive.
type Where struct {
	Directive string
	Pos       diag.Pos
}

// EnvFile is one EnvironmentFile= line.
type EnvFile struct {
	Path     string
	Optional bool // "-"
	Pos      diag.Pos
}

// StdioKind is what a standard stream is connected to.
type StdioKind uint8

// The values of StandardInput=, StandardOutput= and StandardError=.
const (
	StdioDefault StdioKind = iota // stdin: null; stdout: journal; stderr: inherit
	StdioNull
	StdioInherit
	StdioTTY
	StdioTTYForce
	StdioTTYFail
	StdioData
	StdioFile
	StdioAppend
	StdioTruncate
	StdioSocket
	StdioFD
	StdioJournal
	StdioKmsg
	StdioJournalConsole
	StdioKmsgConsole
)

// Stdio is one standard stream.
type Stdio struct {
	Kind StdioKind
	Arg  string // path, or the name of a descriptor
}

// Limit is one resource limit; Resource is the kernel's number (RLIMIT_*).
type Limit struct {
	Resource   uint8
	Soft, Hard uint64 // math.MaxUint64: infinity
}

// DirKind is the kind of a directory that the manager makes for a service.
type DirKind uint8

// The kinds of managed directories of systemd.exec(5).
const (
	RuntimeDir DirKind = iota
	StateDir
	CacheDir
	LogsDir
	ConfigurationDir
)

// ManagedDir is one word of RuntimeDirectory= and its kin.
type ManagedDir struct {
	Kind     DirKind
	Name     string // relative to the root of its kind
	Symlink  string // name of a symbolic link to it, or ""
	Mode     uint32
	Preserve FDPreserve // RuntimeDirectoryPreserve=
}

// Sched is the scheduling of systemd.exec(5); nil when nothing is set.
type Sched struct {
	Policy         int8 // CPUSchedulingPolicy=, -1 not set
	Priority       int32
	ResetOnFork    bool
	Affinity       []uint32 // CPUs, sorted
	IOClass        int8     // -1 not set
	IOPriority     int8
	TimerSlack     time.Duration // 0 not set
	CoredumpFilter uint64        // 0 not set
	Personality    uint32
}

// Caps are the capability settings; nil when nothing is set.
type Caps struct {
	Bounding    uint64 // capabilities to keep
	SetBounding bool
	Ambient     uint64
	SecureBits  uint32
}
