// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/rouse-init/rouse/internal/load/install"
	"github.com/rouse-init/rouse/internal/unit"
)

func listUnitFilesCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "list-unit-files [PATTERN...]", Short: "List unit files and whether they are enabled",
		RunE: func(_ *cobra.Command, args []string) error { return a.listUnitFiles(args) },
	}
	a.listFlags(c)
	a.offlineFlags(c)
	return c
}

// unitFileRow is one unit file as JSON prints it.
type unitFileRow struct {
	Name   string `json:"unit_file"`
	State  string `json:"state"`
	Preset string `json:"preset"`
	Path   string `json:"path"`
}

func (a *app) listUnitFiles(args []string) error {
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	f, err := a.files()
	if err != nil {
		return err
	}
	for i, arg := range args {
		if !isGlob(arg) {
			if args[i], err = mangle(arg); err != nil {
				return err
			}
		}
	}
	out := []unitFileRow{}
	var rows [][]string
	for _, u := range install.List(install.Options{Config: f.Config}, args...) {
		if len(a.opt.types) > 0 && !slices.Contains(a.opt.types, unit.KindOf(u.Name).Suffix()) ||
			len(a.opt.states) > 0 && !slices.Contains(a.opt.states, string(u.State)) {
			continue
		}
		preset := u.Preset
		if preset == "" {
			preset = "-"
		}
		out = append(out, unitFileRow{u.Name, string(u.State), u.Preset, u.Path})
		rows = append(rows, []string{u.Name, string(u.State), preset})
	}
	if asJSON {
		return a.printJSON(out)
	}
	a.table([]string{"UNIT FILE", "STATE", "PRESET"}, rows, nil)
	if a.withLegend() {
		a.printf("\n%s listed.\n", counted(len(rows), "unit file"))
	}
	return nil
}
