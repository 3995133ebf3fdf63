// SPDX-License-Identifier: Apache-2.0

// Package sysv is telinit, runlevel, shutdown, reboot, halt and poweroff as
// Upstart has them: a runlevel is an event with a record in utmp. Where no job
// cares for the event the manager is asked for what it stands for.
package sysv

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/rouse-init/rouse/internal/cli/option"
)

// Manager is who brings the machine down, as this package sees it.
type Manager interface {
	// Emit emits an event and does not wait.
	Emit(name string, env []string) error
	// Handles tells whether any job starts on the event with this variable
	// (its first).
	Handles(event, value string) (bool, error)
	// Power asks for "poweroff", "reboot" or "halt".
	Power(what string) error
	// Target is the unit that a runlevel from 1 to 5 or S leads to where no
	// job cares for it; why says what there is instead, if there is none.
	Target(level string) (unit, why string, err error)
	// Isolate starts a unit and stops all others.
	Isolate(unit string) error
	// Reload and Reexec are telinit's Q and U.
	Reload() error
	Reexec() error
}

// Sys is the machine: everything that a test replaces.
type Sys struct {
	Out    *bufio.Writer
	Err    io.Writer
	Getenv func(string) string
	// Connect finds the manager.
	Connect func() (Manager, error)
	// Utmp, Wtmp, Nologin, PidFile and Dev are paths.
	Utmp, Wtmp, Nologin, PidFile, Dev string
	Now                               func() time.Time
	// Wait waits until a moment; false: it was interrupted.
	Wait func(until time.Time) bool
	// Interrupt ends the Wait of another process.
	Interrupt func(pid int) error
	// Reboot does it at once: reboot(2) with "poweroff", "reboot" or "halt".
	Reboot func(what string, sync bool) error
	Root   bool
	// Host, Kernel, User and Terminal are those of wall messages and records.
	Host, Kernel, User, Terminal string
	Version                      string
}

// Names are the names that the program is called by.
var Names = []string{"telinit", "runlevel", "shutdown", "reboot", "halt", "poweroff"}

type run struct {
	Sys
	prog string
	base
}

// base are the options that all of them have.
type base struct{ quiet, verbose, help, version bool }

func (b *base) options() []option.Option {
	return []option.Option{
		{Short: 'q', Long: "quiet", On: &b.quiet, Help: "print nothing but errors"},
		{Short: 'v', Long: "verbose", On: &b.verbose, Help: "say more"},
		{Long: "help", On: &b.help, Help: "print this help and exit"},
		{Long: "version", On: &b.version, Help: "print the version and exit"},
	}
}

// silentError ends a program that has said all there is to say.
type silentError struct{}

func (silentError) Error() string { return "" }

// Main runs the program called prog and returns its exit status.
func Main(prog string, args []string, sys Sys) int {
	r := &run{Sys: sys, prog: prog}
	var err error
	switch prog {
	case "telinit":
		err = r.telinit(args)
	case "runlevel":
		err = r.runlevel(args)
	case "shutdown":
		err = r.shutdown(args)
	default:
		err = r.reboot(args)
	}
	if flushErr := r.Out.Flush(); err == nil && flushErr != nil {
		err = flushErr
	}
	var usage option.UsageError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, silentError{}):
		return 1
	}
	_, _ = fmt.Fprintf(r.Err, "%s: %v\n", r.prog, err)
	if errors.As(err, &usage) {
		_, _ = fmt.Fprintf(r.Err, "Try `%s --help' for more information.\n", r.prog)
	}
	return 1
}

// doc is what --help prints.
type doc struct{ synopsis, short, long string }

// parse reads the options; done is true where --help or --version was asked
// for and answered.
func (r *run) parse(args []string, own []option.Option, d doc) (words []string, done bool, err error) {
	p := option.Parser{Options: append(own, r.options()...)}
	err = p.Parse(args, func(string) error { return nil }, func() bool { return r.help || r.version })
	switch {
	case err != nil:
		return nil, true, err
	case r.version:
		_, _ = fmt.Fprintf(r.Out, "%s (rouse %s)\n", r.prog, r.Sys.Version)
		return nil, true, nil
	case r.help:
		_, _ = fmt.Fprintf(r.Out, "Usage: %s [OPTION]... %s\n%s\n", r.prog, d.synopsis, d.short)
		option.Help(r.Out, p.Options)
		_, _ = fmt.Fprintf(r.Out, "\n%s\n", d.long)
		return nil, true, nil
	}
	return p.Words, false, nil
}

// needRoot is the first thing that is asked of those that change anything.
func (r *run) needRoot() error {
	if !r.Root {
		return errors.New("Need to be root") //nolint:staticcheck // Upstart's words
	}
	return nil
}
