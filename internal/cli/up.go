// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/rouse-init/rouse/internal/manager"
)

func newUp() *cobra.Command {
	var quiet, debug bool
	var bus, busServices string
	var units []string
	c := &cobra.Command{
		Use:   "up DIR|FILE...",
		Short: "Run the units of a directory in the foreground",
		Long: `Run the units of the given directories and files in the foreground: the
default.target of the directory if there is one, else every unit with an
[Install] section, where services that a socket wakes stay asleep until
somebody knocks. What services print appears with their names in front.
Ctrl-C stops everything in order; a second Ctrl-C at once.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := foregroundConfig(manager.ModeUp, socketFlag(cmd))
			if err != nil {
				return err
			}
			cfg.Quiet, cfg.Debug = quiet, debug
			cfg.Bus, cfg.BusServices = bus, busServices
			if cfg.Dir, err = os.Getwd(); err != nil {
				return err
			}
			if cfg.Units, err = mangleAll(units); err != nil {
				return err
			}
			for _, a := range args {
				path, err := filepath.Abs(a)
				if err == nil {
					_, err = os.Stat(path)
				}
				if err != nil {
					return fmt.Errorf("cannot run the units of %s: %w", a, err)
				}
				cfg.Paths = append(cfg.Paths, path)
			}
			return exitWith(guard(cfg, true))
		},
	}
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "do not print what services print")
	c.Flags().StringVar(&bus, "bus", "", "own the names of the manager on the message bus at this address, and start what others call there")
	c.Flags().StringVar(&busServices, "bus-services", "", "directory of .service files of that bus, for names that have none (default: that of the session)")
	c.Flags().BoolVar(&debug, "debug", false, "say more about what the manager does")
	c.Flags().StringArrayVar(&units, "unit", nil, "start this unit instead of what is enabled (may be given again)")
	return c
}
