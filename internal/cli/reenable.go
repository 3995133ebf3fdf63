// SPDX-License-Identifier: Apache-2.0

package cli

import "github.com/spf13/cobra"

func reenableCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "reenable UNIT...", Short: "Disable and enable again",
		Args: atLeast(1, "the name of a unit"),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.changeAndNow("reenable", "restart", "TryRestartUnit", args)
		},
	}
	a.fileFlags(c)
	a.forceFlag(c)
	a.nowFlag(c)
	return c
}
