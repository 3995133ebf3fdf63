// SPDX-License-Identifier: Apache-2.0

package cli

import "github.com/spf13/cobra"

func tryReloadOrRestartCommand(a *app) *cobra.Command {
	return a.jobCommand(jobVerb{name: "try-reload-or-restart", method: "ReloadOrTryRestartUnit", short: "Reload or restart those units that are running"})
}
