// SPDX-License-Identifier: Apache-2.0

// Package manager is the process that decides: one goroutine that turns what
// happens into the engine's inputs and carries out the effects. It joins the
// engine with the adapters of internal/linux and with the formats; nothing
// else sees both sides. Its parent is the guardian, which outlives it: the
// manager has no way to end that differs from being killed.
package manager

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/rouse-init/rouse/internal/load"
)

// Mode is the role that the manager plays.
type Mode string

// The modes.
const (
	ModeInit Mode = "init" // PID 1, of a machine or a container
	ModeUser Mode = "user" // the manager of one user
	ModeUp   Mode = "up"   // in the foreground, over given files
	ModeOn   Mode = "on"   // one service of the command line
)

// Config is what the command line makes of itself. It reaches the manager,
// also after a crash, as one argument in JSON.
type Config struct {
	Mode    Mode
	Paths   []string `json:",omitempty"` // directories and files of ModeUp
	Units   []string `json:",omitempty"` // what to start instead of the default
	Socket  string   // of the control protocol
	Program string   // the path that daemon-reexec looks at for another build
	Runtime string   // directory of all that lives as long as the manager
	Color   bool     `json:",omitempty"`
	// Quiet: services' lines are kept but not printed.
	Quiet bool `json:",omitempty"`
	// Inline are unit files by name that exist in no directory (ModeOn).
	Inline map[string]string `json:",omitempty"`
	Debug  bool              `json:",omitempty"`
	// Bus is the address of a message bus to own our names on, "" for that of
	// the mode: an init has the system's, a user's manager the session's, and
	// `up` none. BusServices is a directory that it reads .service files from.
	Bus         string `json:",omitempty"`
	BusServices string `json:",omitempty"`
	// Inetd: inetd.conf and xinetd.conf of /etc are ours to serve. The
	// options hold for every inetd.conf.
	Inetd        bool `json:",omitempty"`
	InetdOptions load.InetdOptions
	// Dir is the working directory of ModeOn's service.
	Dir string `json:",omitempty"`
	Upstart
}

// Upstart are the options of Upstart's init(8), of ModeInit and ModeUser.
type Upstart struct {
	// JobDirs are read for jobs in place of the default directories; nil
	// means those. PrependJobDirs come before either, AppendJobDirs after.
	// All are absolute, and the first that has a job counts.
	JobDirs        []string `json:",omitempty"`
	PrependJobDirs []string `json:",omitempty"`
	AppendJobDirs  []string `json:",omitempty"`
	// LogDir is where "console log" writes, "" for the default.
	LogDir string `json:",omitempty"`
	// NoLog: "console log" means "console none".
	NoLog bool `json:",omitempty"`
	// NoInheritEnv: jobs of a user's manager do not get its environment.
	NoInheritEnv bool `json:",omitempty"`
	// StartupEvent is the first event: "" is "startup", "-" none.
	StartupEvent string `json:",omitempty"`
	// DefaultConsole is that of jobs without a console stanza: "none", "log",
	// "output" or "owner"; "" is "log".
	DefaultConsole string `json:",omitempty"`
	// NoDBus: no message bus is connected to. SessionBus: the session's bus
	// is meant by it, not the system's.
	NoDBus     bool `json:",omitempty"`
	SessionBus bool `json:",omitempty"`
	// NoCgroups: cgroup stanzas are ignored.
	NoCgroups bool `json:",omitempty"`
	// Verbose: changes of jobs and events are told of; initctl log-priority
	// "info". Debug of Config is "debug", ErrorsOnly "error".
	Verbose    bool `json:",omitempty"`
	ErrorsOnly bool `json:",omitempty"`
	// Session: this process's pid has a session file that names Socket; jobs
	// get its address in UPSTART_SESSION.
	Session bool `json:",omitempty"`
}

// JobDirsOr are the directories of jobs in their order, where the default
// ones are these.
func (u *Upstart) JobDirsOr(defaults []string) []string {
	dirs := u.JobDirs
	if dirs == nil {
		dirs = defaults
	}
	return slices.Concat(u.PrependJobDirs, dirs, u.AppendJobDirs)
}

// Encode makes the argument.
func (c Config) Encode() (string, error) {
	b, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("cannot pass the configuration on: %w", err)
	}
	return string(b), nil
}

// DecodeConfig reads the argument.
func DecodeConfig(arg string) (Config, error) {
	var c Config
	if err := json.Unmarshal([]byte(arg), &c); err != nil {
		return c, fmt.Errorf("cannot read the configuration that was passed on: %w", err)
	}
	return c, nil
}

// user tells whether the rules of user managers hold.
func (c Config) user(uid int) bool { return c.Mode == ModeUser || uid != 0 }
