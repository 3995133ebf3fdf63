// SPDX-License-Identifier: Apache-2.0

package spawn

import (
	"time"

	"golang.org/x/sys/unix"
)

// Spec says what to start and how. Nothing of it is kept after Start. Every
// descriptor in it is borrowed. The zero value of each field asks for nothing,
// except Umask.
type Spec struct {
	// Path are the files to execute: the first that exists is taken (a
	// search path is resolved by the caller into candidates).
	Path []string
	Argv []string
	// Env is the environment, NAME=value.
	Env []string
	// PidEnv are names of variables that are added to Env with the new
	// process's own pid as value: LISTEN_PID, WATCHDOG_PID, SYSTEMD_EXEC_PID.
	PidEnv []string

	// Cgroup is a descriptor of the cgroup's directory (O_PATH is enough) in
	// which the process is created; 0 for the manager's own.
	Cgroup int
	// Announce is written first of all; see Message.
	Announce *Message
	// Hurry makes Start wait until the process is at its execve, at most for
	// maxHurry: it then gets the manager's processor, and its caches, instead
	// of another one that must be woken up. It is for the start that somebody
	// waits for; many starts at once are faster without.
	Hurry bool
	// Held, when not nil, is called with the pid of the process while the
	// process waits, before all that follows here: so it can be attached to
	// (package trace) as what the manager itself is. It goes on when Held
	// returns, or when the manager dies. Hurry does nothing then.
	Held func(pid int)
	// KeepSession leaves the process in the manager's session. Otherwise it
	// leads a session of its own.
	KeepSession bool

	Stdin, Stdout, Stderr Stdio
	// Fds become descriptors 3, 4 and so on.
	Fds []int
	// Sockets is how many of Fds, from the first, get O_NONBLOCK set or
	// cleared as NonBlocking says.
	Sockets     int
	NonBlocking bool

	// Dir is the working directory, "" for /. It is entered as the user.
	Dir         string
	DirOptional bool
	Root        string

	IDs *IDs
	// Umask is the file mode creation mask; negative for 0022.
	Umask  int32
	Limits []Limit
	Nice   *int8
	OOM    *int16 // OOMScoreAdjust=
	Sched  *Sched
	Caps   *Caps

	IgnoreSIGPIPE bool
	NoNewPrivs    bool
	// SigMask are the signals that stay blocked, bit 0 for signal 1.
	SigMask uint64
	// ParentDeath is the signal that the process gets when its parent (the
	// guardian, with Options.Sibling) dies; 0 for none. The parent is the
	// *thread* that cloned (prctl(2)): it must not end before its process.
	ParentDeath int
	// PrivateKeyring gives it a session keyring of its own.
	PrivateKeyring bool
	Seccomp        []Filter

	// Extra adds steps of the caller's own, after all others and before
	// seccomp and execve; nil for none.
	Extra func(*Builder)
}

// Message is one datagram that the child writes to a socket by itself. A
// receiver with SO_PASSCRED learns the child's pid with it (unix(7)).
type Message struct {
	Fd   int
	Data []byte
}

// IDs are the user and the groups of the process, already resolved.
type IDs struct {
	UID, GID       uint32
	HasUID, HasGID bool
	// Groups are the supplementary groups, set when HasGID or HasUID is.
	Groups []uint32
}

// StdioKind is what a standard stream is connected to.
type StdioKind uint8

// The kinds.
const (
	StdioNull    StdioKind = iota // /dev/null
	StdioInherit                  // the manager's own
	StdioFd                       // Fd
	StdioFile                     // Path, opened by the child with Flags
	StdioSame                     // stdout: that of stdin; stderr: that of stdout
	StdioTTY                      // Path as controlling terminal; Force takes it from another session
)

// Stdio is one standard stream.
type Stdio struct {
	Kind StdioKind
	Fd   int
	Path string
	// Flags of open(2) for StdioFile; the mode is 0666 less the umask.
	Flags  int
	Force  bool // StdioTTY: steal it
	Hangup bool // StdioTTY: vhangup first (TTYVHangup=)
}

// Append is a file that the child opens O_WRONLY, O_CREAT and O_APPEND.
func Append(path string) Stdio {
	return Stdio{Kind: StdioFile, Path: path, Flags: unix.O_WRONLY | unix.O_CREAT | unix.O_APPEND}
}

// FromFd is a descriptor of the manager's.
func FromFd(fd int) Stdio { return Stdio{Kind: StdioFd, Fd: fd} }

// Limit is one resource limit. Where the hard limit may not be raised, the
// nearest that is allowed is set, as systemd does.
type Limit struct {
	Resource   uint8
	Soft, Hard uint64 // math.MaxUint64: infinity
}

// Sched is the scheduling of systemd.exec(5). Policy and IOClass are -1
// for "not set".
type Sched struct {
	Policy         int8
	Priority       int32
	ResetOnFork    bool
	Affinity       []uint32 // CPUs
	IOClass        int8
	IOPriority     int8
	TimerSlack     time.Duration // 0 not set
	CoredumpFilter uint64        // 0 not set
	Personality    uint32        // 0 not set
}

// Caps are sets of capabilities, bit n for capability n.
type Caps struct {
	SetBounding bool
	Bounding    uint64 // to keep
	Ambient     uint64
	SecureBits  uint32
}

// Filter is one seccomp filter.
type Filter struct {
	Prog []unix.SockFilter
	// Listener, when not nil, asks for a notification descriptor
	// (SECCOMP_FILTER_FLAG_NEW_LISTENER), which the child sends over
	// Listener.Fd with SCM_RIGHTS, with Listener.Data as payload. The filter
	// must let sendmsg through.
	Listener *Message
}
