// SPDX-License-Identifier: Apache-2.0

package cli

import "github.com/spf13/cobra"

func linkCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "link UNIT...", Short: "Make unit files outside of the search path known",
		Args: atLeast(1, "the name of a unit"),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.changeAndNow("link", "", "", args)
		},
	}
	a.fileFlags(c)
	a.forceFlag(c)
	return c
}
