// SPDX-License-Identifier: Apache-2.0

package cli

import "github.com/spf13/cobra"

func stopCommand(a *app) *cobra.Command {
	return a.jobCommand(jobVerb{name: "stop", method: "StopUnit", short: "Stop units"})
}
