// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rouse-init/rouse/internal/bus/client"
)

func daemonReexecCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "daemon-reexec", Short: "Start the manager anew, from the present executable; services go on",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.reexec() },
	}
	a.quietFlag(c)
	return c
}

// reexec returns when the new manager answers.
func (a *app) reexec() error {
	conn, err := a.connect()
	if err != nil {
		return err
	}
	// The old manager closes the connection instead of answering.
	if _, err := conn.Manager("Reexecute", "", nil); err != nil && !errors.Is(err, client.ErrGone) {
		return fmt.Errorf("cannot start the manager anew: %w", err)
	}
	if _, err := conn.ManagerProperty("Version"); err != nil {
		return fmt.Errorf("new manager does not answer: %w", err)
	}
	return nil
}
