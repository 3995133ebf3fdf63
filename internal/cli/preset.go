// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/rouse-init/rouse/internal/bus/systemd1"
)

func presetCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "preset UNIT...", Short: "Enable or disable units as the presets say",
		RunE: func(c *cobra.Command, args []string) error {
			names, err := fileNames(args)
			if err != nil {
				return err
			}
			if a.opt.all {
				return a.change(systemd1.FileOp{Verb: "preset-all"})
			}
			if err := atLeast(1, "the name of a unit, or --all")(c, args); err != nil {
				return err
			}
			return a.change(systemd1.FileOp{Verb: "preset", Names: names})
		},
	}
	c.Flags().BoolVarP(&a.opt.all, "all", "a", false, "all unit files")
	a.presetFlags(c)
	return c
}

func presetAllCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "preset-all", Short: "Enable or disable all units as the presets say",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.change(systemd1.FileOp{Verb: "preset-all"}) },
	}
	a.presetFlags(c)
	return c
}

func (a *app) presetFlags(c *cobra.Command) {
	c.Flags().StringVar(&a.opt.presetMode, "preset-mode", "full", "`MODE` full, enable-only or disable-only")
	a.fileFlags(c)
	a.forceFlag(c)
}
