// SPDX-License-Identifier: Apache-2.0

package cli

import "github.com/spf13/cobra"

func startCommand(a *app) *cobra.Command {
	return a.jobCommand(jobVerb{name: "start", method: "StartUnit", short: "Start units"})
}
