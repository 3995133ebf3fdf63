// SPDX-License-Identifier: Apache-2.0

package cli

import "github.com/spf13/cobra"

func isolateCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "isolate UNIT", Short: "Start a unit and what it needs, and stop everything else",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			a.opt.jobMode = "isolate"
			name, err := mangleTarget(args[0])
			if err != nil {
				return err
			}
			return a.jobs(jobVerb{name: "isolate", method: "StartUnit"}, []string{name})
		},
	}
	c.Flags().BoolVar(&a.opt.noBlock, "no-block", false, "do not wait until the job has ended")
	a.quietFlag(c)
	return c
}
