// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/rouse-init/rouse/internal/manager"
)

func newInit() *cobra.Command {
	var user, debug bool
	var unit string
	var paths []string
	c := &cobra.Command{
		Use:   "init",
		Short: "Be the service manager of the machine, the container or the user",
		Long: `Be the service manager of a machine or container (as process 1, or as root)
or of one user (--user): load default.target from the search path of
systemd.unit(5), start it, and go on until asked to stop by SIGTERM, SIGINT or
SIGRTMIN+3. As root without --user the rules of system managers hold.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			base, err := runtimeBase()
			if err != nil {
				return err
			}
			cfg := manager.Config{Mode: manager.ModeInit, Runtime: base, Socket: socketFlag(cmd), Paths: paths, Debug: debug}
			if user || os.Getuid() != 0 {
				cfg.Mode = manager.ModeUser
			}
			if cfg.Socket == "" {
				cfg.Socket = filepath.Join(base, "private")
			}
			if unit != "" {
				if cfg.Units, err = mangleAll([]string{unit}); err != nil {
					return err
				}
			}
			return exitWith(guard(cfg, false))
		},
	}
	c.Flags().BoolVar(&user, "user", false, "be the manager of this user, also as root")
	c.Flags().BoolVar(&debug, "debug", false, "say more about what the manager does")
	c.Flags().StringVar(&unit, "unit", "", "start this unit instead of default.target")
	c.Flags().StringArrayVar(&paths, "unit-path", nil, "read units from this directory instead of the search path (may be given again)")
	return c
}
