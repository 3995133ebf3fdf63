// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// newLaunchdHolds is what a job of launchd has as its ExecCondition= when
// KeepAlive or QueueDirectories depend on paths.
func newLaunchdHolds() *cobra.Command {
	return &cobra.Command{
		Use: "launchd-holds path:PATH|nopath:PATH|queue:DIR...", Short: "Tell whether a job of launchd is to run", Hidden: true,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			for _, arg := range args {
				ok, err := holds(arg)
				if err != nil {
					return exitError{code: conditionBroken, err: err}
				}
				if ok {
					return nil
				}
			}
			return exitError{code: 1}
		},
	}
}

// conditionBroken is the exit status by which an ExecCondition= fails its unit
// (systemd.service(5)).
const conditionBroken = 255

func holds(word string) (bool, error) {
	kind, path, _ := strings.Cut(word, ":")
	switch kind {
	case "path", "nopath":
		_, err := os.Stat(path)
		return (err == nil) == (kind == "path"), nil
	case "queue":
		dir, err := os.Open(path)
		if err != nil {
			return false, nil //nolint:nilerr // a queue that is not there is empty
		}
		defer dir.Close()
		names, _ := dir.Readdirnames(1)
		return len(names) > 0, nil
	}
	return false, fmt.Errorf("%q is no condition: expected path:, nopath: or queue:", word)
}
