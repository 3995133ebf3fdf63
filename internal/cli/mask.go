// SPDX-License-Identifier: Apache-2.0

package cli

import "github.com/spf13/cobra"

func maskCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "mask UNIT...", Short: "Make it impossible to start units",
		Args: atLeast(1, "the name of a unit"),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.changeAndNow("mask", "stop", "StopUnit", args)
		},
	}
	a.fileFlags(c)
	a.forceFlag(c)
	a.nowFlag(c)
	return c
}
