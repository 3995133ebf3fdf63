// SPDX-License-Identifier: Apache-2.0

// Package launchctl is launchctl(1): the verbs that it had until 10.9 (load,
// unload, start, stop, list …) and those that came with 10.10 (bootstrap,
// bootout, kickstart, print …). It asks a manager over org.freedesktop.systemd1
// and, like its model, writes down what is enabled itself.
package launchctl

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/load"
)

// Sys is what a run gets from the process around it.
type Sys struct {
	In      io.Reader
	Out     *bufio.Writer
	Err     io.Writer
	Getenv  func(string) string
	Connect func() (*client.Conn, error)
	Version string
	UID     int
	Root    string // in front of the directories of jobs; tests have one
}

// run is one call of the program.
type run struct {
	Sys
	conn *client.Conn
	code int
}

// verb is one subcommand.
type verb struct {
	names []string // the first is its own
	usage string
	help  string
	run   func(r *run, args []string) error
}

// errUsage is what a verb returns that was asked wrongly.
var errUsage = errors.New("usage")

// Main runs the command line and returns its exit status.
func Main(args []string, sys Sys) int {
	r := &run{Sys: sys}
	if len(args) == 0 {
		r.script()
	} else {
		r.one(args)
	}
	if r.conn != nil {
		r.conn.Close()
	}
	if err := r.Out.Flush(); err != nil && r.code == 0 {
		r.code = 1
	}
	return r.code
}

// script runs a subcommand of each line of the input, as /etc/launchd.conf
// has them. Words are separated by blanks; there is no quoting.
func (r *run) script() {
	lines := bufio.NewScanner(r.In)
	for lines.Scan() {
		w := strings.Fields(lines.Text())
		if len(w) == 0 || strings.HasPrefix(w[0], "#") {
			continue
		}
		if w[0] == "quit" || w[0] == "exit" {
			return
		}
		r.one(w)
		_ = r.Out.Flush() // the last one is checked
	}
}

func (r *run) one(args []string) {
	i := slices.IndexFunc(verbs(), func(v verb) bool { return slices.Contains(v.names, args[0]) })
	if i < 0 {
		r.complain("Unrecognized subcommand: %s", args[0])
		if near := load.Nearest(args[0], verbNames()); near != "" {
			fmt.Fprintf(r.Err, "    fix: did you mean %q?\n", near)
		}
		r.code = 64
		return
	}
	v := verbs()[i]
	err := v.run(r, args[1:])
	switch {
	case err == nil:
	case errors.Is(err, errUsage):
		r.complain("Usage: launchctl %s %s", v.names[0], v.usage)
		r.code = 64 // EX_USAGE of sysexits.h
	default:
		r.complain("%v", err)
		if r.code == 0 {
			r.code = 1
		}
	}
}

// complain prints one line to the standard error.
func (r *run) complain(format string, args ...any) {
	_ = r.Out.Flush() // what was printed comes before it
	_, _ = fmt.Fprintf(r.Err, format+"\n", args...)
	if r.code == 0 {
		r.code = 1
	}
}

// connect finds the manager, once.
func (r *run) connect() (*client.Conn, error) {
	if r.conn != nil {
		return r.conn, nil
	}
	c, err := r.Connect()
	if err != nil {
		return nil, fmt.Errorf("Could not connect to the manager: %w", err)
	}
	r.conn = c
	return c, nil
}

func verbNames() (out []string) {
	for _, v := range verbs() {
		out = append(out, v.names...)
	}
	return out
}

// verbs are all of them, in the order of help.
func verbs() []verb {
	absent := func(why string) func(*run, []string) error {
		return func(*run, []string) error { return errors.New("this is not supported: " + why) }
	}
	const mach = "it is about Mach, which Linux does not have"
	return []verb{
		{[]string{"load"}, "[-wF] [-S SESSION] [-D DOMAIN] PATH...", "Load configuration files and/or directories", (*run).load},
		{[]string{"unload"}, "[-w] [-S SESSION] [-D DOMAIN] PATH...", "Unload configuration files and/or directories", (*run).unload},
		{[]string{"start"}, "LABEL", "Start the specified job", (*run).start},
		{[]string{"stop"}, "LABEL", "Stop the specified job", (*run).stop},
		{[]string{"submit"}, "-l LABEL [-p PROGRAM] [-o PATH] [-e PATH] -- COMMAND [ARG...]", "Submit a job from the command line", (*run).submit},
		{[]string{"remove"}, "LABEL", "Remove the specified job", (*run).remove},
		{[]string{"list"}, "[-x] [LABEL]", "List jobs and information about jobs", (*run).list},
		{[]string{"bootstrap"}, "DOMAIN [PATH...]", "Bootstrap a domain or services into a domain", (*run).bootstrap},
		{[]string{"bootout"}, "DOMAIN PATH... | DOMAIN/LABEL", "Tear down services of a domain", (*run).bootout},
		{[]string{"kickstart"}, "[-kp] DOMAIN/LABEL", "Force a service to start; -k restarts it", (*run).kickstart},
		{[]string{"kill"}, "SIGNAL DOMAIN/LABEL", "Send a signal to a service", (*run).kill},
		{[]string{"enable"}, "DOMAIN/LABEL", "Enable a service", func(r *run, a []string) error { return r.enable(a, false) }},
		{[]string{"disable"}, "DOMAIN/LABEL", "Disable a service", func(r *run, a []string) error { return r.enable(a, true) }},
		{[]string{"print"}, "DOMAIN | DOMAIN/LABEL", "Print a description of a domain or service", (*run).print},
		{[]string{"print-disabled"}, "DOMAIN", "Print which services are disabled", (*run).printDisabled},
		{[]string{"blame"}, "DOMAIN/LABEL", "Print why a service runs", (*run).blame},
		{[]string{"setenv"}, "KEY VALUE", "Set an environment variable of the manager's services", (*run).setenv},
		{[]string{"unsetenv"}, "KEY", "Unset it", (*run).unsetenv},
		{[]string{"getenv"}, "KEY", "Print it", (*run).getenv},
		{[]string{"export"}, "", "Export all of them as lines for a shell", (*run).export},
		{[]string{"limit"}, "[RESOURCE]", "View resource limits of the manager", (*run).limit},
		{[]string{"umask"}, "", "Print the umask of services", func(r *run, _ []string) error { return r.say("22") }},
		{[]string{"managerpid"}, "", "Print the PID of the manager", (*run).managerPid},
		{[]string{"manageruid"}, "", "Print the UID of the manager", (*run).managerUID},
		{[]string{"managername"}, "", "Print the name of the manager's session", (*run).managerName},
		{[]string{"version"}, "", "Print the version", func(r *run, _ []string) error { return r.say("launchctl (rouse " + r.Version + ")") }},
		{[]string{"help", "-h", "--help"}, "", "This help output", (*run).help},
		{[]string{"bslist", "bstree", "bsexec", "asuser", "procinfo", "hostinfo", "resolveport", "examine"}, "", "Not supported", absent(mach)},
		{[]string{"getrusage", "log", "config", "dumpstate", "plist", "reboot", "shutdown", "singleuser", "attach", "debug"}, "", "Not supported",
			absent("use systemctl, or rouse status, logs and shutdown")},
	}
}

func (r *run) say(text string) error {
	fmt.Fprintln(r.Out, text)
	return nil
}

func (r *run) help([]string) error {
	fmt.Fprintf(r.Out, "Usage: launchctl <subcommand> ... | <standard input>\n\nSubcommands:\n")
	for _, v := range verbs() {
		fmt.Fprintf(r.Out, "    %-16s%s\n", v.names[0], v.help)
		for _, other := range v.names[1:] {
			if v.help == "Not supported" {
				fmt.Fprintf(r.Out, "    %-16s%s\n", other, v.help)
			}
		}
	}
	return nil
}
