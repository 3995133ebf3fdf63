// SPDX-License-Identifier: Apache-2.0

package cli

import "github.com/spf13/cobra"

func reloadCommand(a *app) *cobra.Command {
	return a.jobCommand(jobVerb{name: "reload", method: "ReloadUnit", short: "Have units read their configuration again"})
}
