// SPDX-License-Identifier: Apache-2.0

package cli

import "github.com/spf13/cobra"

func freezeCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "freeze UNIT...", Short: "Stop the processes of units where they are",
		Args: atLeast(1, "the name of a unit"),
		RunE: func(_ *cobra.Command, args []string) error { return a.each("freeze", "FreezeUnit", args) },
	}
	a.quietFlag(c)
	return c
}
