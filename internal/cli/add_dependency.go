// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/rouse-init/rouse/internal/bus/systemd1"
)

func addWantsCommand(a *app) *cobra.Command {
	return a.dependencyCommand("add-wants", "Make a target want units")
}

func addRequiresCommand(a *app) *cobra.Command {
	return a.dependencyCommand("add-requires", "Make a target require units")
}

func (a *app) dependencyCommand(verb, short string) *cobra.Command {
	c := &cobra.Command{
		Use: verb + " TARGET UNIT...", Short: short,
		Args: atLeast(2, "the name of a target, and of the units that it is to pull in"),
		RunE: func(_ *cobra.Command, args []string) error {
			target, err := mangleTarget(args[0])
			if err != nil {
				return err
			}
			names, err := fileNames(args[1:])
			if err != nil {
				return err
			}
			return a.change(systemd1.FileOp{Verb: verb, Target: target, Names: names})
		},
	}
	a.fileFlags(c)
	a.forceFlag(c)
	return c
}
