// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// The options that several verbs share, registered by those that have them.

func (a *app) jobFlags(c *cobra.Command) {
	c.Flags().BoolVar(&a.opt.noBlock, "no-block", false, "do not wait until the job has ended")
	c.Flags().StringVar(&a.opt.jobMode, "job-mode", "replace", "how to deal with jobs that are queued: `MODE` replace, fail, …")
	a.quietFlag(c)
}

func (a *app) quietFlag(c *cobra.Command) {
	c.Flags().BoolVarP(&a.opt.quiet, "quiet", "q", false, "print nothing but errors")
}

func (a *app) listFlags(c *cobra.Command) {
	c.Flags().BoolVarP(&a.opt.all, "all", "a", false, "list inactive ones too")
	c.Flags().StringSliceVarP(&a.opt.types, "type", "t", nil, "only units of these `TYPES`")
	c.Flags().StringSliceVar(&a.opt.states, "state", nil, "only units in one of these `STATES`")
	c.Flags().BoolVar(&a.opt.plain, "plain", false, "no dots and no tree")
	c.Flags().BoolVarP(&a.opt.full, "full", "l", false, "whole paths (list-sockets); columns are never cut")
	a.outputFlags(c)
}

func (a *app) outputFlags(c *cobra.Command) {
	c.Flags().BoolVar(&a.opt.noLegend, "no-legend", false, "no header and no footer")
	c.Flags().StringVar(&a.opt.legend, "legend", "yes", "header and footer: `yes` or no")
	c.Flags().StringVarP(&a.opt.output, "output", "o", "short", "`FORMAT` short or json")
}

func (a *app) fileFlags(c *cobra.Command) {
	a.offlineFlags(c)
	c.Flags().BoolVar(&a.opt.runtime, "runtime", false, "until the next boot only")
	a.reloadFlag(c)
	a.quietFlag(c)
}

func (a *app) reloadFlag(c *cobra.Command) {
	c.Flags().BoolVar(&a.opt.noReload, "no-reload", false, "do not tell the manager to read the unit files again")
}

func (a *app) forceFlag(c *cobra.Command) {
	c.Flags().BoolVarP(&a.opt.force, "force", "f", false, "replace links that are in the way")
}

func (a *app) nowFlag(c *cobra.Command) {
	c.Flags().BoolVar(&a.opt.now, "now", false, "start or stop the units too")
	c.Flags().BoolVar(&a.opt.noBlock, "no-block", false, "with --now, do not wait")
}

func (a *app) offlineFlags(c *cobra.Command) {
	c.Flags().StringVar(&a.opt.root, "root", "", "work on the files below `DIR`, without a manager")
	c.Flags().StringSliceVar(&a.opt.unitPath, "unit-path", nil, "work on the unit files in `DIR`, without a manager")
}

// json tells whether --output=json was given.
func (a *app) json() (bool, error) {
	switch a.opt.output {
	case "json", "json-pretty":
		return true, nil
	case "", "short", "cat", "short-full":
		return false, nil
	}
	return false, fmt.Errorf("output format %q is not known, expected short or json", a.opt.output)
}

// told is a list that a method of the manager answers with, and whether it is to
// be printed as JSON.
func told[T any](a *app, method string) (list []T, asJSON bool, err error) {
	if asJSON, err = a.json(); err != nil {
		return nil, false, err
	}
	conn, err := a.connect()
	if err != nil {
		return nil, false, err
	}
	err = conn.JSON(method, &list)
	return list, asJSON, err
}

func (a *app) withLegend() bool {
	return !a.opt.noLegend && !slices.Contains([]string{"no", "false", "0", "off"}, strings.ToLower(a.opt.legend))
}

// offline tells whether the files are meant and no manager.
func (a *app) offline() bool { return a.opt.root != "" || len(a.opt.unitPath) > 0 }

// atLeast is cobra.MinimumNArgs with a message that says what is missing.
func atLeast(n int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < n {
			return fmt.Errorf("%s: expected %s", c.Name(), what)
		}
		return nil
	}
}

// linesFlag is --lines. Each command has a default of its own for the one
// variable, so that is set when the command runs.
func (a *app) linesFlag(c *cobra.Command, n int, usage string) {
	lines := c.Flags().IntP("lines", "n", n, usage)
	c.PreRun = func(*cobra.Command, []string) { a.opt.lines = *lines }
}
