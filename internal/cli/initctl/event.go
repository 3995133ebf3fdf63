// SPDX-License-Identifier: Apache-2.0

package initctl

import "github.com/rouse-init/rouse/internal/cli/option"

func emitCmd(r *run, args []string) error {
	if len(args) == 0 {
		return option.UsageError("missing event name")
	}
	up, err := r.connect()
	if err != nil {
		return err
	}
	return up.EmitEvent(args[0], args[1:], !r.noWait)
}
