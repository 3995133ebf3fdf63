// SPDX-License-Identifier: Apache-2.0

package cli

import "github.com/spf13/cobra"

func unmaskCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "unmask UNIT...", Short: "Undo mask",
		Args: atLeast(1, "the name of a unit"),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.changeAndNow("unmask", "", "", args)
		},
	}
	a.fileFlags(c)
	return c
}
