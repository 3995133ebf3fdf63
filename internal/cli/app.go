// SPDX-License-Identifier: Apache-2.0

// Package cli is the command line: one file per verb. It prints and never
// decides: verbs are calls to the manager (bus/client) or, where no manager
// is needed, to package load.
package cli

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/manager"
)

// app is one run of the command line.
type app struct {
	out  *bufio.Writer
	err  io.Writer
	tty  bool // out is a terminal
	conn *client.Conn
	opt  options
	// code is the exit status of a verb that has printed all there is to say.
	code int
}

// options are those that several verbs have; each verb registers its own.
type options struct {
	socket     string
	root       string
	unitPath   []string
	quiet      bool
	noBlock    bool
	jobMode    string
	wait       bool
	properties []string
	value      bool
	types      []string
	states     []string
	all        bool
	noLegend   bool
	legend     string
	plain      bool
	lines      int
	follow     bool
	output     string
	signal     string
	whom       string
	sigValue   int
	now        bool
	runtime    bool
	force      bool
	noReload   bool
	failed     bool
	reverse    bool
	after      bool
	before     bool
	presetMode string
	asJSON     bool
	full       bool
}

// exitError ends a verb with an exit status. Err may be nil: everything was
// said already.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e exitError) Unwrap() error { return e.err }

// ExitWith makes an error that ends the program with code after printing err,
// which may be nil. For commands that are registered as roles.
func ExitWith(code int, err error) error { return exitError{code, err} }

// Main runs the command line and returns its exit status. args has the
// program's name first.
func Main(args []string, stdout, stderr *os.File) int {
	a := &app{out: bufio.NewWriterSize(stdout, 16<<10), err: stderr, tty: isTerminal(int(stdout.Fd()))}
	if code, ok := a.otherName(args); ok {
		_ = a.out.Flush()
		return code
	}
	if filepath.Base(args[0]) == "init" {
		args = append([]string{"rouse"}, args...)
		args[1] = "init"
	}
	err := a.run(args[1:])
	if a.conn != nil {
		a.conn.Close()
	}
	if flushErr := a.out.Flush(); err == nil && flushErr != nil && !errors.Is(flushErr, unix.EPIPE) {
		err = flushErr
	}
	return a.finish(err)
}

// run finds the verb and calls it. `is-active UNIT`, which scripts call in
// loops, goes without the parser of options: it is a tenth of its time.
func (a *app) run(args []string) error {
	if len(args) == 2 && args[0] == "is-active" && !strings.HasPrefix(args[1], "-") {
		return a.isActive(args[1:])
	}
	root := a.root(args)
	root.SetArgs(args)
	root.SetOut(a.out)
	root.SetErr(a.err)
	return root.Execute()
}

// finish prints what went wrong and picks the exit status.
func (a *app) finish(err error) int {
	if err == nil {
		return a.code
	}
	var exit exitError
	if errors.As(err, &exit) {
		if exit.err != nil {
			a.errorf("%v", exit.err)
		}
		return exit.code
	}
	a.errorf("%v", err)
	return 1
}

// root makes the command tree: only the verb that args name, where that can
// be told, since making all of them costs more than most verbs do.
func (a *app) root(args []string) *cobra.Command {
	root := &cobra.Command{
		Use:           "rouse",
		Short:         "Start services when somebody knocks, and let them sleep",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	flags := root.PersistentFlags()
	flags.StringVar(&a.opt.socket, "socket", "", "the manager's socket `PATH` (ROUSE_SOCKET)")
	flags.Bool("no-pager", false, "do nothing: output is never piped into a pager")
	flags.Bool("no-ask-password", false, "do nothing: nothing is ever asked")
	all := slices.Concat(verbs, roles)
	if len(args) > 0 {
		if i := slices.IndexFunc(all, func(v verb) bool { return v.name == args[0] }); i >= 0 {
			root.AddCommand(all[i].command(a))
			return root
		}
	}
	root.Version = manager.Version()
	for _, v := range all {
		root.AddCommand(v.command(a))
	}
	return root
}

// connect dials the manager, once.
func (a *app) connect() (*client.Conn, error) {
	if a.conn != nil {
		return a.conn, nil
	}
	c, err := a.place().Conn()
	if err != nil {
		return nil, noManagerError{err}
	}
	a.conn = c
	return c, nil
}

// noManagerError says that nobody listens on the socket.
type noManagerError struct{ err error }

func (e noManagerError) Error() string { return e.err.Error() }

func (e noManagerError) Unwrap() error { return e.err }

func isTerminal(fd int) bool {
	_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	return err == nil
}
