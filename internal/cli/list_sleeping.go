// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func listSleepingCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "list-sleeping [PATTERN...]", Short: "List services that sleep, since when, what that saves, and what would wake them",
		RunE: func(_ *cobra.Command, args []string) error { return a.listSleeping(args) },
	}
	c.Flags().BoolVarP(&a.opt.all, "all", "a", false, "list those that no knock has started yet, too")
	a.outputFlags(c)
	return c
}

// asleep is one service that sleeps, as the manager tells it (dev.rouse.Manager1).
type asleep struct {
	Unit         string   `json:"unit"`
	Tier         string   `json:"tier"`
	Since        uint64   `json:"since_usec"`
	MemoryBefore uint64   `json:"memory_before"`
	Memory       uint64   `json:"memory"`
	CPU          uint64   `json:"cpu_usec"`
	Cause        string   `json:"cause,omitempty"`
	Note         string   `json:"note,omitempty"`
	WokenBy      []string `json:"woken_by"`
	WaitsFor     string   `json:"waits_for,omitempty"`
}

// memory is what is left of what there was.
func (s *asleep) memory() string {
	if s.MemoryBefore == 0 {
		return "-"
	}
	return size(s.Memory) + " of " + size(s.MemoryBefore)
}

func (s *asleep) saves() string {
	if s.MemoryBefore <= s.Memory {
		return "-"
	}
	return size(s.MemoryBefore - s.Memory)
}

func (s *asleep) cpu() string {
	if s.CPU == 0 {
		return "-"
	}
	return coarse(time.Duration(s.CPU) * time.Microsecond)
}

func (a *app) listSleeping(args []string) error {
	list, asJSON, err := told[asleep](a, "Sleeping")
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(s asleep) bool {
		if len(args) > 0 {
			return !matchUnits(args, s.Unit, ".service")
		}
		return !a.opt.all && s.Tier == "unstarted"
	})
	if asJSON {
		return a.printJSON(list)
	}
	var rows [][]string
	var saved uint64
	for i := range list {
		s := &list[i]
		saved += s.MemoryBefore - min(s.Memory, s.MemoryBefore)
		by := strings.Join(s.WokenBy, ", ")
		if s.WaitsFor != "" {
			by = "waits for " + s.WaitsFor
		}
		since := "-"
		if s.Since != 0 {
			since = ago(s.Since)
		}
		rows = append(rows, []string{s.Unit, s.Tier, since, s.memory(), s.saves(), s.cpu(), visible(by)})
	}
	a.table([]string{"UNIT", "TIER", "SINCE", "MEMORY", "SAVES", "CPU USED", "WOKEN BY"}, rows, nil)
	if a.withLegend() {
		a.printf("\n%s asleep, %s of memory saved.", counted(len(rows), "service"), size(saved))
		if !a.opt.all {
			a.printf(" Pass --all to see those that no knock has started yet, too.")
		}
		a.printf("\n")
	}
	return nil
}
