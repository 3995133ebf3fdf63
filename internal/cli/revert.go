// SPDX-License-Identifier: Apache-2.0

package cli

import "github.com/spf13/cobra"

func revertCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "revert UNIT...", Short: "Undo all that was changed on the units of the vendor",
		Args: atLeast(1, "the name of a unit"),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.changeAndNow("revert", "", "", args)
		},
	}
	a.fileFlags(c)
	return c
}
