// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/unit"
)

func listUnitsCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "list-units [PATTERN...]", Short: "List the units that the manager knows",
		RunE: func(_ *cobra.Command, args []string) error { return a.listUnits(args) },
	}
	a.listFlags(c)
	c.Flags().BoolVar(&a.opt.failed, "failed", false, "only those that have failed")
	return c
}

// unitRows are the units to list, sorted by kind and name as in systemctl.
func (a *app) unitRows(args []string) ([]client.UnitRow, error) {
	conn, err := a.connect()
	if err != nil {
		return nil, err
	}
	_, globs, err := split(args)
	if err != nil {
		return nil, err
	}
	for _, arg := range args {
		if !isGlob(arg) {
			name, err := mangle(arg)
			if err != nil {
				return nil, err
			}
			globs = append(globs, name)
		}
	}
	states := a.opt.states
	if a.opt.failed {
		states = append(states, "failed")
	}
	rows, err := conn.ListUnits(states, globs)
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(r client.UnitRow) bool {
		kind := unit.KindOf(r.Name).Suffix()
		switch {
		case len(a.opt.types) > 0 && !slices.Contains(a.opt.types, kind) && !slices.Contains(a.opt.types, r.Load):
			return true
		case a.opt.all || len(states) > 0 || len(args) > 0 && slices.Contains(globs, r.Name):
			return false
		}
		return r.Following != "" || r.Active == "inactive" && r.Job == 0
	})
	slices.SortFunc(rows, func(x, y client.UnitRow) int {
		if c := kindOrder(x.Name) - kindOrder(y.Name); c != 0 {
			return c
		}
		return compare(x.Name, y.Name)
	})
	return rows, nil
}

// kindOrder sorts kinds by their suffix.
func kindOrder(name string) int {
	return slices.Index([]string{"automount", "device", "mount", "path", "scope", "service", "slice", "socket", "swap", "target", "timer"}, unit.KindOf(name).Suffix())
}

func compare(x, y string) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

func (a *app) listUnits(args []string) error {
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	rows, err := a.unitRows(args)
	if err != nil {
		return err
	}
	if asJSON {
		return a.printJSON(rows)
	}
	jobs := slices.ContainsFunc(rows, func(r client.UnitRow) bool { return r.Job != 0 })
	header := []string{"UNIT", "LOAD", "ACTIVE", "SUB", "DESCRIPTION"}
	if jobs {
		header = slices.Insert(header, 4, "JOB")
	}
	if !a.opt.plain {
		header[0] = "  " + header[0]
	}
	var cells [][]string
	var colours []string
	for _, r := range rows {
		line := []string{r.Name, r.Load, r.Active, r.Sub, r.Description}
		if jobs {
			line = slices.Insert(line, 4, r.JobType)
		}
		bad := r.Active == "failed" || r.Load == "not-found" || r.Load == "error" || r.Load == "bad-setting" || r.Load == "masked"
		if !a.opt.plain {
			mark := "  "
			if bad {
				mark = "● "
			}
			line[0] = mark + line[0]
		}
		colour := ""
		if r.Active == "failed" {
			colour = red
		}
		cells, colours = append(cells, line), append(colours, colour)
	}
	a.table(header, cells, colours)
	if a.withLegend() {
		a.printf("\n%s listed.", counted(len(rows), "unit"))
		if !a.opt.all {
			a.printf(" Pass --all to see inactive units, too.")
		}
		a.printf("\n")
	}
	return nil
}
