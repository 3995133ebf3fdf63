// SPDX-License-Identifier: Apache-2.0

package initctl

import (
	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/cli/option"
)

// The commands about the manager itself.

// simple is a command that calls one method without arguments.
func simple(call func(*client.Upstart) error) func(*run, []string) error {
	return func(r *run, _ []string) error {
		up, err := r.connect()
		if err != nil {
			return err
		}
		return call(up)
	}
}

// withArgument is a command that passes its argument on.
func withArgument(missing string, call func(*client.Upstart, string) error) func(*run, []string) error {
	return func(r *run, args []string) error {
		if len(args) == 0 {
			return option.UsageError("missing " + missing)
		}
		up, err := r.connect()
		if err != nil {
			return err
		}
		return call(up, args[0])
	}
}

func versionCmd(r *run, _ []string) error {
	up, err := r.connect()
	if err != nil {
		return err
	}
	v, err := up.Version()
	if err != nil {
		return err
	}
	r.printf("%s\n", v)
	return nil
}

func logPriorityCmd(r *run, args []string) error {
	up, err := r.connect()
	if err != nil {
		return err
	}
	if len(args) > 0 {
		return up.SetLogPriority(args[0])
	}
	p, err := up.LogPriority()
	if err != nil {
		return err
	}
	r.printf("%s\n", p)
	return nil
}
