// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/rouse-init/rouse/internal/bus/systemd1"
)

func presetCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "preset UNIT...", Short: "Enable or disable units as the presets say",
		RunE: func(_ *cobra.Command, args []string) error {
			names, err := fileNames(args)
			if err != nil {
				return err
			}
			if a.opt.all {
				return a.change(systemd1.FileOp{Verb: "preset-all"})
			}
			if err := atLeast(1, "the name of a unit, or --all")(presetCommand(a), args); err != nil {
				return err
			}
			return a.change(systemd1.FileOp{Verb: "preset", Names: names})
		},
	}
	c.Flags().StringVar(&a.opt.presetMode, "preset-mode", "full", "`MODE` full, enable-only or disable-only")
	c.Flags().BoolVarP(&a.opt.all, "all", "a", false, "all unit files")
	a.fileFlags(c)
	a.forceFlag(c)
	return c
}
