// SPDX-License-Identifier: Apache-2.0

package cli

import "github.com/spf13/cobra"

func thawCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "thaw UNIT...", Short: "Let frozen units go on",
		Args: atLeast(1, "the name of a unit"),
		RunE: func(_ *cobra.Command, args []string) error { return a.each("thaw", "ThawUnit", args) },
	}
	a.quietFlag(c)
	return c
}
