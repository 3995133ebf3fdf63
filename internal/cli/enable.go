// SPDX-License-Identifier: Apache-2.0

package cli

import "github.com/spf13/cobra"

func enableCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "enable UNIT...", Short: "Have units started with the targets that their [Install] sections name",
		Args: atLeast(1, "the name of a unit"),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.changeAndNow("enable", "start", "StartUnit", args)
		},
	}
	a.fileFlags(c)
	a.forceFlag(c)
	a.nowFlag(c)
	return c
}
