// SPDX-License-Identifier: Apache-2.0

package initctl

import "github.com/rouse-init/rouse/internal/cli/option"

// globalOptions are those that every command has.
func globalOptions(f *flags) []option.Option {
	return []option.Option{
		{Long: "session", On: &f.session, Help: "talk to a manager on the D-Bus session bus (for testing)"},
		{Long: "system", On: &f.system, Help: "talk to the manager over the D-Bus system bus"},
		{Long: "socket", Arg: "PATH", Value: &f.socket, Help: "the manager's socket (ROUSE_SOCKET)"},
		{Long: "dest", Arg: "NAME", Value: &f.dest, Help: "the manager's name on the bus"},
		{Long: "user", On: &f.user, Help: "talk to the manager of this user's session"},
		{Short: 'q', Long: "quiet", On: &f.quiet, Help: "print nothing but errors"},
		{Short: 'v', Long: "verbose", On: &f.verbose, Help: "say more"},
		{Long: "help", On: &f.help, Help: "print this help and exit"},
		{Long: "version", On: &f.version, Help: "print the version and exit"},
	}
}

// options are those of the command itself.
func (c *command) options(f *flags) []option.Option {
	var list []option.Option
	for _, letter := range c.opts {
		switch letter {
		case 'n':
			list = append(list, option.Option{Short: 'n', Long: "no-wait", On: &f.noWait, Help: "do not wait until it is done"})
		case 'e':
			list = append(list, option.Option{Short: 'e', Long: "enumerate", On: &f.enumerate, Help: "one line for each event that starts or stops a job"})
		case 'i':
			list = append(list, option.Option{Short: 'i', Long: "ignore-events", Arg: "EVENT_LIST", Value: &f.ignore, Help: "take these events as known (separated by commas)"})
		case 'w':
			list = append(list, option.Option{Short: 'w', Long: "warn", On: &f.warn, Help: "tell of every event and job that is not known"})
		case 'g':
			list = append(list, option.Option{Short: 'g', Long: "global", On: &f.global, Help: "the variables of all jobs"})
		case 'r':
			list = append(list, option.Option{Short: 'r', Long: "retain", On: &f.retain, Help: "leave variables alone that are set already"})
		}
	}
	return list
}
