// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/rouse-init/rouse/internal/bus/systemd1"
)

func setDefaultCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "set-default TARGET", Short: "Choose the target that is started first",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			name, err := mangleTarget(args[0])
			if err != nil {
				return err
			}
			return a.change(systemd1.FileOp{Verb: "set-default", Names: []string{name}})
		},
	}
	a.offlineFlags(c)
	a.reloadFlag(c)
	a.quietFlag(c)
	return c
}
