// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/rouse-init/rouse/internal/load/install"
)

func isEnabledCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "is-enabled UNIT...", Short: "Tell whether units are enabled",
		Long: "Prints the state of each unit file. The exit status is 0 if any is enabled, 4 if there is no such file, else 1.",
		Args: atLeast(1, "the name of a unit"),
		RunE: func(_ *cobra.Command, args []string) error { return a.isEnabled(args) },
	}
	a.offlineFlags(c)
	a.quietFlag(c)
	return c
}

func (a *app) isEnabled(args []string) error {
	f, err := a.files()
	if err != nil {
		return err
	}
	names, err := fileNames(args)
	if err != nil {
		return err
	}
	enabled, missing := false, 0
	for _, name := range names {
		state, err := f.State(filepath.Base(name))
		if err != nil {
			return err
		}
		if state == "" {
			missing++
			state = "not-found"
		}
		enabled = enabled || install.State(state).OK()
		if !a.opt.quiet {
			a.printf("%s\n", state)
		}
	}
	switch {
	case enabled:
		return nil
	case missing == len(names):
		return exitError{code: 4}
	}
	return exitError{code: 1}
}
