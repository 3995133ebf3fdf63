// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rouse-init/rouse/internal/bus/client"
)

// jobVerb is a verb that queues one job for each unit.
type jobVerb struct {
	name, method, short, long string
}

// jobCommand makes the command of such a verb.
func (a *app) jobCommand(v jobVerb) *cobra.Command {
	c := &cobra.Command{
		Use: v.name + " UNIT...", Short: v.short, Long: v.long,
		Args: atLeast(1, "the name of a unit"),
		RunE: func(_ *cobra.Command, args []string) error { return a.jobs(v, args) },
	}
	a.jobFlags(c)
	if v.name == "start" || v.name == "restart" {
		c.Flags().BoolVar(&a.opt.wait, "wait", false, "wait until the units have stopped again")
	}
	return c
}

// jobs queues the jobs and waits for their end.
func (a *app) jobs(v jobVerb, args []string) error {
	conn, err := a.connect()
	if err != nil {
		return err
	}
	names, err := a.expand(args)
	if err != nil {
		return err
	}
	jobs := conn.Jobs()
	code := 0
	var queued []string
	for _, name := range names {
		if err := jobs.Ask(v.method, name, a.opt.jobMode); err != nil {
			a.refused(v.name, name, err)
			code = refusalCode(err)
			continue
		}
		queued = append(queued, name)
	}
	if a.opt.noBlock {
		return quiet(code)
	}
	results, err := jobs.Wait()
	if err != nil {
		return err
	}
	for _, r := range results {
		if r.Result != "done" && r.Result != "skipped" {
			code = 1
			a.jobFailed(v.name, r)
		}
	}
	if a.opt.wait && code == 0 {
		return a.waitStopped(queued)
	}
	return quiet(code)
}

// quiet is an exit status after everything was said.
func quiet(code int) error {
	if code == 0 {
		return nil
	}
	return exitError{code: code}
}

const errPrefix = "org.freedesktop.systemd1."

func (a *app) refused(verb, name string, err error) {
	a.errorf("Failed to %s %s: %v", verb, name, err)
	var e *client.Error
	if errors.As(err, &e) && e.Name == errPrefix+"UnitMasked" {
		a.errorf("    fix: rouse unmask %s", name)
	}
}

// refusalCode is systemctl's exit status for an error of the manager.
func refusalCode(err error) int {
	var e *client.Error
	if !errors.As(err, &e) {
		return 1
	}
	switch strings.TrimPrefix(e.Name, errPrefix) {
	case "NoSuchUnit":
		return 5
	case "LoadFailed", "BadUnitSetting":
		return 6
	case "OnlyByDependency", "NoIsolation", "TransactionIsDestructive", "org.freedesktop.DBus.Error.AccessDenied":
		return 4
	case "JobTypeNotApplicable":
		return 3
	}
	return 1
}

// jobFailed explains the end of a job that did not succeed.
func (a *app) jobFailed(verb string, r client.JobResult) {
	if a.opt.quiet {
		return
	}
	switch r.Result {
	case "canceled":
		a.errorf("Job for %s canceled.", r.Unit)
	case "dependency":
		a.errorf("Cannot %s %s: a unit that it requires failed.\n    see: rouse list-dependencies %s", verb, r.Unit, r.Unit)
	case "invalid":
		a.errorf("%s is not active, cannot reload.", r.Unit)
	case "assert":
		a.errorf("Cannot %s %s: an Assert…= of it does not hold.\n    see: rouse status %s", verb, r.Unit, r.Unit)
	case "unsupported":
		a.errorf("Cannot %s %s: units of this kind are not supported here.", verb, r.Unit)
	case "collected":
		a.errorf("Job for %s was dropped: nothing needs it any more.", r.Unit)
	case "once":
		a.errorf("%s was started already and can be started only once.", r.Unit)
	case "timeout":
		a.errorf("Job for %s timed out.", r.Unit)
		a.explain(r.Unit)
	default:
		a.errorf("Cannot %s %s.", verb, r.Unit)
		a.explain(r.Unit)
	}
}

// failureLines is how many of a failed unit's last lines are shown.
const failureLines = 10

// explain says why a unit failed: how its process ended, the directive that
// is to blame, the last lines that it wrote, and what to type next.
func (a *app) explain(name string) {
	conn, err := a.connect()
	if err != nil {
		return
	}
	props, err := conn.Unit(name)
	if err != nil {
		return
	}
	failure, _, lines, err := conn.Failure(name, failureLines)
	if err != nil {
		return
	}
	if words := exitWords(props.Number("ExecMainCode"), props.Number("ExecMainStatus")); words != "" && props.Number("ExecMainExitTimestamp") != 0 {
		if !strings.HasSuffix(failure, words) {
			a.errorf("  its main process %s", words)
		}
	} else if result := props.Text("Result"); result != "" && result != "success" {
		a.errorf("  result: %s", result)
	}
	if failure != "" {
		a.errorf("  %s", strings.ReplaceAll(failure, "\n", "\n  "))
	}
	if len(lines) > 0 {
		a.errorf("  the last that it wrote:")
		for _, l := range lines {
			a.errorf("    %s", l)
		}
	}
	a.errorf("  see: rouse status %s", name)
}

// waitStopped waits until the units are no longer active. The exit status is
// 1 if any has failed.
func (a *app) waitStopped(names []string) error {
	conn, err := a.connect()
	if err != nil {
		return err
	}
	look := false
	conn.OnSignal(func(*client.Signal) { look = true }, "type='signal',interface='org.freedesktop.DBus.Properties',member='PropertiesChanged'")
	code := 0
	for _, name := range names {
		for {
			look = false
			state, err := conn.Active(name)
			if err != nil {
				return fmt.Errorf("cannot ask for the state of %s: %w", name, err)
			}
			if state == "failed" {
				code = 1
			}
			if state == "failed" || state == "inactive" {
				break
			}
			if err := conn.Wait(func() bool { return look }); err != nil {
				return err
			}
		}
	}
	return quiet(code)
}
