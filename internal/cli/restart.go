// SPDX-License-Identifier: Apache-2.0

package cli

import "github.com/spf13/cobra"

func restartCommand(a *app) *cobra.Command {
	return a.jobCommand(jobVerb{name: "restart", method: "RestartUnit", short: "Stop units and start them again"})
}
