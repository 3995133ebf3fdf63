// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func getDefaultCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "get-default", Short: "Print the target that is started first",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			f, err := a.files()
			if err != nil {
				return err
			}
			name, err := f.DefaultTarget()
			if err != nil {
				return fmt.Errorf("Failed to get default target: %w", err) //nolint:staticcheck // systemctl's words
			}
			a.printf("%s\n", name)
			return nil
		},
	}
	a.offlineFlags(c)
	return c
}
