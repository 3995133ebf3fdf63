// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func daemonReloadCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "daemon-reload", Short: "Have the manager read all unit files again",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.reloadManager() },
	}
	a.quietFlag(c)
	return c
}

func (a *app) reloadManager() error {
	conn, err := a.connect()
	if err != nil {
		return err
	}
	if _, err := conn.Manager("Reload", "", nil); err != nil {
		return fmt.Errorf("cannot reload: %w", err)
	}
	return nil
}
