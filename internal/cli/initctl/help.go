// SPDX-License-Identifier: Apache-2.0

package initctl

import (
	"fmt"
	"strings"

	"github.com/rouse-init/rouse/internal/cli/option"
)

// usage prints the help of a command, or of initctl itself.
func (r *run) usage(c *command) {
	w := r.Out
	synopsis := "COMMAND [OPTION]... [ARG]..."
	options := globalOptions(&r.flags)
	name := r.prog
	if c != nil {
		synopsis = c.args
		options = append(c.options(&r.flags), options...)
		if name != c.name {
			name += " " + c.name
		}
	}
	_, _ = fmt.Fprintf(w, "%s\n", strings.TrimRight(fmt.Sprintf("Usage: %s [OPTION]... %s", name, synopsis), " "))
	if c != nil {
		_, _ = fmt.Fprintf(w, "%s\n", c.short)
	}
	option.Help(w, options)
	switch {
	case c == nil:
		_, _ = fmt.Fprintf(w, "\nFor a list of commands, try `%s help'.\n", r.prog)
	case c.long != "":
		_, _ = fmt.Fprintf(w, "\n%s\n", c.long)
	}
}

func helpCmd(r *run, _ []string) error {
	for i, group := range []string{groupJobs, groupEvents, groupEnv, groupOther} {
		if i > 0 {
			_, _ = fmt.Fprintf(r.Out, "\n")
		}
		_, _ = fmt.Fprintf(r.Out, "%s commands:\n", group)
		for i := range commands {
			if c := &commands[i]; c.group == group {
				option.Row(r.Out, "  "+c.name, c.short)
			}
		}
	}
	_, _ = fmt.Fprintf(r.Out, "\nFor more information on a command, try `%s COMMAND --help'.\n", r.prog)
	return nil
}
