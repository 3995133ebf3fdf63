// SPDX-License-Identifier: Apache-2.0

// Package initctl is initctl(8) and the names that it is called by: start,
// stop, restart, reload and status. Lines, messages and exit statuses are
// those of Upstart 1.13; where it only confused, more is said. It asks a
// manager over com.ubuntu.Upstart and decides nothing.
package initctl

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/cli/option"
)

// Sys is what a run gets from the process around it.
type Sys struct {
	Out    *bufio.Writer
	Err    io.Writer
	Lookup func(string) (string, bool) // a variable of the environment
	// Version is that of rouse, for --version.
	Version string
}

// Version is the version of Upstart whose behaviour this is: tools compare it.
const Version = "1.13.2"

// Names are the commands that stand for themselves when the program is called
// by their name.
var Names = []string{"start", "stop", "restart", "reload", "status"}

// run is one call of the program.
type run struct {
	Sys
	prog string // how messages begin
	conn *client.Conn
	flags
}

// flags are the options of all commands; each command has only some.
type flags struct {
	user, session, system bool
	dest, socket          string
	quiet, verbose        bool

	noWait, enumerate, warn bool
	global, retain          bool
	ignore                  string
	help, version           bool
}

// Main runs the command line and returns its exit status. prog is the name
// that the program was called by: "initctl" or one of Names.
func Main(prog string, args []string, sys Sys) int {
	r := &run{Sys: sys, prog: prog}
	err := r.main(args)
	if r.conn != nil {
		r.conn.Close()
	}
	if flushErr := r.Out.Flush(); err == nil && flushErr != nil {
		err = flushErr
	}
	if err == nil {
		return 0
	}
	var silent silentError
	if errors.As(err, &silent) {
		return 1
	}
	_, _ = fmt.Fprintf(r.Err, "%s: %v\n", r.prog, err)
	if errors.Is(err, client.ErrGone) {
		// Upstart's language has no name for a request by which to ask again.
		_, _ = fmt.Fprintf(r.Err, "    what was asked for goes on in the manager that takes over: see initctl status\n")
	}
	var usage option.UsageError
	if errors.As(err, &usage) {
		_, _ = fmt.Fprintf(r.Err, "Try `%s --help' for more information.\n", r.prog)
	}
	return 1
}

// silentError ends a command that has said all there is to say.
type silentError struct{}

func (silentError) Error() string { return "" }

func (r *run) main(args []string) error {
	p := option.Parser{Options: globalOptions(&r.flags)}
	var cmd *command
	if i := slices.IndexFunc(commands, func(c command) bool { return c.name == r.prog }); i >= 0 {
		cmd = &commands[i]
		p.Options = append(cmd.options(&r.flags), p.Options...)
	}
	err := p.Parse(args, func(word string) error {
		if cmd != nil {
			return nil
		}
		i := slices.IndexFunc(commands, func(c command) bool { return c.name == word })
		if i < 0 {
			return option.UsageError("invalid command: " + word)
		}
		cmd = &commands[i]
		p.Options = append(cmd.options(&r.flags), p.Options...)
		p.Words = nil
		return option.ErrTaken
	}, func() bool { return r.help || r.version })
	switch {
	case err != nil:
		return err
	case r.version:
		r.printf("%s (upstart %s)\nrouse %s\n", r.prog, Version, r.Sys.Version)
		return nil
	case r.help:
		r.usage(cmd)
		return nil
	case cmd == nil:
		return option.UsageError("missing command")
	}
	return cmd.run(r, p.Words)
}

func (r *run) getenv(name string) string {
	value, _ := r.Lookup(name)
	return value
}

// printf prints what a command answers; nothing with --quiet.
func (r *run) printf(format string, args ...any) {
	if !r.quiet {
		_, _ = fmt.Fprintf(r.Out, format, args...)
	}
}
