// SPDX-License-Identifier: Apache-2.0

package cli

import "github.com/spf13/cobra"

func isActiveCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "is-active UNIT...", Short: "Tell whether units are active",
		Long: "Prints the state of each unit. The exit status is 0 if any is active, 3 if none is, 4 if there is no such unit.",
		Args: atLeast(1, "the name of a unit"),
		RunE: func(_ *cobra.Command, args []string) error { return a.isActive(args) },
	}
	a.quietFlag(c)
	return c
}

func (a *app) isActive(args []string) error {
	return a.states(args, 3, func(state string) bool { return state == "active" || state == "reloading" || state == "refreshing" })
}

// states prints the active state of each unit. The exit status is 0 if good
// holds for any, 4 if there is none of these units, else bad.
func (a *app) states(args []string, bad int, good func(string) bool) error {
	conn, err := a.connect()
	if err != nil {
		return err
	}
	names, err := a.expand(args)
	if err != nil {
		return err
	}
	any, found := false, false
	for _, name := range names {
		state, err := conn.Active(name)
		if err != nil {
			return err
		}
		any = any || good(state)
		if state != "inactive" {
			found = true
		} else if !any && !found {
			load, err := conn.Property(name, "org.freedesktop.systemd1.Unit", "LoadState")
			found = err == nil && load.Value != "not-found"
		}
		if !a.opt.quiet {
			a.printf("%s\n", state)
		}
	}
	switch {
	case any:
		return nil
	case !found:
		return exitError{code: 4}
	}
	return exitError{code: bad}
}
