// SPDX-License-Identifier: Apache-2.0

package cli

import "github.com/spf13/cobra"

// roles make the commands that are no clients: the manager itself in its
// forms. Each stands in its own file.
var roles = []func() *cobra.Command{newUp, newOn, newInit, newBridge, newDemo, newDemoService, newInetdBuiltin, newLaunchdHolds}
