// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/rouse-init/rouse/internal/bus/client"
)

func isSystemRunningCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "is-system-running", Short: "Tell how the manager is: running, degraded, starting, …",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if a.opt.wait {
				if err := a.waitStarted(); err != nil {
					return err
				}
			}
			return a.systemState(func(state string) bool { return state == "running" })
		},
	}
	c.Flags().BoolVar(&a.opt.wait, "wait", false, "wait until everything that is enabled has started")
	a.quietFlag(c)
	return c
}

// systemState prints SystemState; the exit status is 1 unless it is good.
func (a *app) systemState(good func(string) bool) error {
	conn, err := a.connect()
	if err != nil {
		if !a.opt.quiet {
			a.printf("offline\n")
		}
		return exitError{code: 1}
	}
	v, err := conn.ManagerProperty("SystemState")
	if err != nil {
		return err
	}
	state, _ := v.Value.(string)
	if !a.opt.quiet {
		a.printf("%s\n", state)
	}
	if !good(state) {
		return exitError{code: 1}
	}
	return nil
}

func (a *app) waitStarted() error {
	conn, err := a.connect()
	if err != nil {
		return err
	}
	finished := false
	conn.OnSignal(func(s *client.Signal) { finished = finished || s.Member == "StartupFinished" },
		"type='signal',interface='org.freedesktop.systemd1.Manager',member='StartupFinished'")
	v, err := conn.ManagerProperty("SystemState")
	if err != nil {
		return err
	}
	if state := v.Value; state != "initializing" && state != "starting" {
		return nil
	}
	return conn.Wait(func() bool { return finished })
}
