// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"
)

func isFailedCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "is-failed [UNIT...]", Short: "Tell whether units have failed",
		Long: "Prints the state of each unit. The exit status is 0 if any has failed. Without a unit: whether any unit at all has.",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return a.states(args, 1, func(state string) bool { return state == "failed" })
			}
			return a.systemState(func(state string) bool { return state == "degraded" })
		},
	}
	a.quietFlag(c)
	return c
}
