// SPDX-License-Identifier: Apache-2.0

package initctl

import (
	"slices"

	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/cli/option"
)

// The commands about the variables that jobs get. In a process of a job they
// are about that instance, unless --global says otherwise.

func (r *run) details() []string {
	if r.global || !r.inJob() {
		return nil
	}
	return client.JobDetails(r.getenv("UPSTART_JOB"), r.getenv("UPSTART_INSTANCE"))
}

func getEnvCmd(r *run, args []string) error {
	if len(args) == 0 {
		return option.UsageError("missing variable name")
	}
	up, err := r.connect()
	if err != nil {
		return err
	}
	value, err := up.Env(r.details(), args[0])
	if err != nil {
		return err
	}
	r.printf("%s\n", value)
	return nil
}

func listEnvCmd(r *run, _ []string) error {
	up, err := r.connect()
	if err != nil {
		return err
	}
	env, err := up.ListEnv(r.details())
	if err != nil {
		return err
	}
	slices.Sort(env)
	for _, e := range env {
		r.printf("%s\n", e)
	}
	return nil
}

func setEnvCmd(r *run, args []string) error {
	if len(args) == 0 {
		return option.UsageError("missing variable value")
	}
	up, err := r.connect()
	if err != nil {
		return err
	}
	return up.SetEnv(r.details(), args, !r.retain)
}

func unsetEnvCmd(r *run, args []string) error {
	if len(args) == 0 {
		return option.UsageError("missing variable name")
	}
	up, err := r.connect()
	if err != nil {
		return err
	}
	return up.UnsetEnv(r.details(), args)
}

func resetEnvCmd(r *run, _ []string) error {
	up, err := r.connect()
	if err != nil {
		return err
	}
	return up.ResetEnv(r.details())
}
