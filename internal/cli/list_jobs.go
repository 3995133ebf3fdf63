// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/rouse-init/rouse/internal/bus/client"
)

func listJobsCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "list-jobs [PATTERN...]", Short: "List the jobs that are queued or running",
		RunE: func(_ *cobra.Command, args []string) error { return a.listJobs(args) },
	}
	a.outputFlags(c)
	return c
}

func (a *app) listJobs(args []string) error {
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	conn, err := a.connect()
	if err != nil {
		return err
	}
	jobs, err := conn.ListJobs()
	if err != nil {
		return err
	}
	jobs = slices.DeleteFunc(jobs, func(j client.JobRow) bool { return len(args) > 0 && !matchUnits(args, j.Unit, ".service") })
	if asJSON {
		return a.printJSON(jobs)
	}
	if len(jobs) == 0 {
		if a.withLegend() {
			a.printf("No jobs running.\n")
		}
		return nil
	}
	var rows [][]string
	for _, j := range jobs {
		rows = append(rows, []string{fmt.Sprint(j.ID), j.Unit, j.Type, j.State})
	}
	a.table([]string{"JOB", "UNIT", "TYPE", "STATE"}, rows, nil)
	if a.withLegend() {
		a.printf("\n%s listed.\n", counted(len(jobs), "job"))
	}
	return nil
}
