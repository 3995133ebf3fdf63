// SPDX-License-Identifier: Apache-2.0

package cli

import "github.com/spf13/cobra"

func tryRestartCommand(a *app) *cobra.Command {
	return a.jobCommand(jobVerb{name: "try-restart", method: "TryRestartUnit", short: "Restart those units that are running"})
}
