// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/cli/initctl"
	"github.com/rouse-init/rouse/internal/cli/launchctl"
	"github.com/rouse-init/rouse/internal/cli/sysv"
	"github.com/rouse-init/rouse/internal/manager"
)

// otherName runs the program under one of the names that scripts know, with
// the behaviour that they expect of it. ok is false where it is plain rouse.
func (a *app) otherName(args []string) (code int, ok bool) {
	switch name := filepath.Base(args[0]); {
	case name == "initctl" || slices.Contains(initctl.Names, name):
		return a.initctl(name, args[1:]), true
	case slices.Contains(sysv.Names, name):
		return a.sysv(name, args[1:]), true
	case name == "systemd-socket-proxyd":
		return a.socketProxyd(args[1:]), true
	case name == "inetd" || name == "xinetd":
		return a.inetd(name, args[1:]), true
	case name == "launchctl":
		return a.launchctl(args[1:]), true
	case name == "init-checkconf":
		return a.checkconf(args[1:]), true
	case name == "init" && os.Getpid() != 1 && !slices.ContainsFunc(args[1:], ofInit):
		// Not the first process and not a user's: it speaks to the one that is.
		return a.sysv("telinit", args[1:]), true
	}
	return 0, false
}

// ofInit tells whether an argument of "init" makes sense to a manager only.
func ofInit(arg string) bool { return arg == "--user" || arg == "--version" || arg == "--help" }

func (a *app) initctl(name string, args []string) int {
	return initctl.Main(name, args, initctl.Sys{
		Out: a.out, Err: a.err, Lookup: os.LookupEnv, Version: manager.Version(),
	})
}

// place is where this command line looks for a manager.
func (a *app) place() client.UpstartPlace {
	return client.UpstartPlace{Socket: a.opt.socket, Getenv: os.Getenv}
}

// roleByName makes `rouse NAME ...` the same as NAME ...: for the names that
// are no verbs of rouse.
func (a *app) roleByName(name, short string, run func(args []string) int) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error { return quiet(run(args)) },
	}
}

func initctlCommand(a *app) *cobra.Command {
	return a.roleByName("initctl", "Speak with the manager as Upstart's initctl(8) does", func(args []string) int { return a.initctl("initctl", args) })
}

// takeSocket takes the one option of rouse that stands in front of a verb, and
// that comes to a verb which reads its options itself.
func (a *app) takeSocket(args []string) []string {
	for len(args) > 0 {
		if value, ok := strings.CutPrefix(args[0], "--socket="); ok {
			a.opt.socket, args = value, args[1:]
			continue
		}
		if args[0] != "--socket" || len(args) < 2 {
			break
		}
		a.opt.socket, args = args[1], args[2:]
	}
	return args
}

func (a *app) launchctl(args []string) int {
	args = a.takeSocket(args)
	return launchctl.Main(args, launchctl.Sys{
		In: os.Stdin, Out: a.out, Err: a.err, Getenv: os.Getenv, Connect: a.place().Conn, Version: manager.Version(), UID: os.Getuid(),
	})
}

func launchctlCommand(a *app) *cobra.Command {
	return a.roleByName("launchctl", "Speak with the manager as launchctl(1) does", a.launchctl)
}

func checkconfCommand(a *app) *cobra.Command {
	return a.roleByName("init-checkconf", "Check an Upstart job file as init-checkconf(8) does", a.checkconf)
}

func (a *app) sysv(name string, args []string) int {
	return sysv.Main(name, args, sysv.Host(a.out, a.err, a.place(), manager.Version()))
}

// sysvCommand is for telinit and its kin.
func sysvCommand(name, short string) func(*app) *cobra.Command {
	return func(a *app) *cobra.Command {
		return a.roleByName(name, short, func(args []string) int { return a.sysv(name, args) })
	}
}
