// SPDX-License-Identifier: Apache-2.0

package cli

import "github.com/spf13/cobra"

func reloadOrRestartCommand(a *app) *cobra.Command {
	return a.jobCommand(jobVerb{name: "reload-or-restart", method: "ReloadOrRestartUnit", short: "Reload units, or restart those that cannot"})
}
