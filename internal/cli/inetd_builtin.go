// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/rouse-init/rouse/internal/builtin"
)

// newInetdBuiltin serves the services that inetd has built in. It is what
// lines with "internal" start; nobody types it.
func newInetdBuiltin() *cobra.Command {
	var idle time.Duration
	c := &cobra.Command{
		Use: "inetd-builtin echo|discard|chargen|daytime|time", Hidden: true, Args: cobra.ExactArgs(1),
		Short: "Serve a builtin service of inetd on the sockets of LISTEN_FDS",
		RunE: func(_ *cobra.Command, args []string) error {
			if !slices.Contains(builtin.Names, args[0]) {
				return fmt.Errorf("cannot serve %q: expected one of %v", args[0], builtin.Names)
			}
			return builtin.Serve(args[0], idle)
		},
	}
	c.Flags().DurationVar(&idle, "idle", 30*time.Second, "end after this time without a connection or datagram")
	return c
}
