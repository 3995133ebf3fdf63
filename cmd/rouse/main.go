// SPDX-License-Identifier: Apache-2.0

// Command rouse starts services when somebody knocks and lets them sleep: a
// service manager, its guardian, and their clients in one program.
package main

import (
	"os"

	"github.com/rouse-init/rouse/internal/cli"
)

func main() {
	if status, ok := cli.GuardianMain(); ok {
		os.Exit(status)
	}
	if status, ok := cli.ManagerMain(os.Args); ok {
		os.Exit(status)
	}
	os.Exit(cli.Main(os.Args, os.Stdout, os.Stderr))
}
