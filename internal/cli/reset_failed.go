// SPDX-License-Identifier: Apache-2.0

package cli

import "github.com/spf13/cobra"

func resetFailedCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "reset-failed [UNIT...]", Short: "Forget that units have failed, and how often they were started",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return a.each("reset failed state of unit", "ResetFailedUnit", args)
			}
			conn, err := a.connect()
			if err != nil {
				return err
			}
			_, err = conn.Manager("ResetFailed", "", nil)
			return err
		},
	}
	a.quietFlag(c)
	return c
}
