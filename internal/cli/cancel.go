// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/rouse-init/rouse/internal/bus/wire"
)

func cancelCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "cancel [JOB...]", Short: "Cancel jobs, all of them without an argument",
		RunE: func(_ *cobra.Command, args []string) error {
			conn, err := a.connect()
			if err != nil {
				return err
			}
			if len(args) == 0 {
				_, err := conn.Manager("ClearJobs", "", nil)
				return err
			}
			for _, arg := range args {
				id, err := strconv.ParseUint(arg, 10, 32)
				if err != nil {
					return fmt.Errorf("%q is not the number of a job", arg)
				}
				if _, err := conn.Manager("CancelJob", "u", func(e *wire.Encoder) { e.Uint32(uint32(id)) }); err != nil {
					return fmt.Errorf("cannot cancel job %d: %w", id, err)
				}
			}
			return nil
		},
	}
}
