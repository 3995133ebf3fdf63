// SPDX-License-Identifier: Apache-2.0

package cli

import "github.com/spf13/cobra"

// roles make the commands that are no clients: the manager itself in its
// forms, and programs that it starts. Each stands in its own file.
var roles = []verb{
	{"up", role(newUp)},
	{"on", role(newOn)},
	{"init", role(newInit)},
	{"bridge", role(newBridge)},
	{"demo", role(newDemo)},
	{"demo-service", role(newDemoService)},
	{"inetd-builtin", role(newInetdBuiltin)},
	{"launchd-holds", role(newLaunchdHolds)},
	{"launchd-glob", role(newLaunchdGlob)},
}

// role is for commands that do not need what clients share.
func role(command func() *cobra.Command) func(*app) *cobra.Command {
	return func(*app) *cobra.Command { return command() }
}
