// SPDX-License-Identifier: Apache-2.0

package cli

import "github.com/spf13/cobra"

func disableCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "disable UNIT...", Short: "Undo enable",
		Args: atLeast(1, "the name of a unit"),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.changeAndNow("disable", "stop", "StopUnit", args)
		},
	}
	a.fileFlags(c)
	a.nowFlag(c)
	return c
}
