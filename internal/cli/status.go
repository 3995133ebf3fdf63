// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/unit"
)

func statusCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "status [UNIT...|PID...]", Short: "Show how units are, or the manager",
		Long: "Shows the state of units and the last lines that they wrote; without an argument, the manager's own state.\nThe exit status is 0 if all are active, 3 if one is not, 4 if there is no such unit.",
		RunE: func(_ *cobra.Command, args []string) error { return a.status(args) },
	}
	a.linesFlag(c, 10, "the last `N` lines of output")
	c.Flags().BoolVarP(&a.opt.all, "all", "a", false, "list inactive units too")
	c.Flags().BoolVarP(new(bool), "full", "l", false, "do nothing: lines are never cut")
	c.Flags().StringSliceVar(&a.opt.states, "state", nil, "only units in one of these `STATES`")
	c.Flags().StringSliceVarP(&a.opt.types, "type", "t", nil, "only units of these `TYPES`")
	a.outputFlags(c)
	a.quietFlag(c)
	return c
}

func (a *app) status(args []string) error {
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	if len(args) == 0 && len(a.opt.states) == 0 && len(a.opt.types) == 0 {
		return a.statusManager(asJSON)
	}
	names, err := a.statusNames(args)
	if err != nil {
		return err
	}
	code, documents := 0, []jsonText{}
	for i, name := range names {
		if asJSON {
			var doc jsonText
			if err := a.conn.JSON("UnitJSON", &doc, name); err != nil {
				return err
			}
			documents = append(documents, doc)
			continue
		}
		if i > 0 {
			a.printf("\n")
		}
		n, err := a.statusUnit(name)
		if err != nil {
			return err
		}
		if code == 0 || n == 4 {
			code = n
		}
	}
	if asJSON {
		return a.printJSON(documents)
	}
	return quiet(code)
}

// statusNames makes unit names of names, patterns and process ids.
func (a *app) statusNames(args []string) ([]string, error) {
	conn, err := a.connect()
	if err != nil {
		return nil, err
	}
	if len(args) == 0 {
		rows, err := a.unitRows(nil)
		var names []string
		for _, r := range rows {
			names = append(names, r.Name)
		}
		return names, err
	}
	var rest, names []string
	for _, arg := range args {
		pid, ok := processID(arg)
		if !ok {
			rest = append(rest, arg)
			continue
		}
		name, err := conn.UnitByPid(pid)
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	more, err := a.expand(rest)
	return slices.Concat(names, more), err
}

func processID(s string) (uint32, bool) {
	var n uint32
	if _, err := fmt.Sscanf(s, "%d", &n); err != nil || fmt.Sprint(n) != s {
		return 0, false
	}
	return n, true
}

// statusUnit prints one unit and returns what it adds to the exit status.
func (a *app) statusUnit(name string) (int, error) {
	props, err := a.conn.Unit(name)
	var e *client.Error
	if errors.As(err, &e) {
		a.errorf("%v", err)
		return 4, nil
	}
	if err != nil {
		return 0, err
	}
	if props.Text("LoadState") == "not-found" && props.Text("ActiveState") == "inactive" {
		a.errorf("Unit %s could not be found.", name)
		return 4, nil
	}
	a.unitStatus(props)
	switch props.Text("ActiveState") {
	case "active", "reloading", "refreshing":
		return 0, nil
	}
	return 3, nil
}

func kindOf(props client.Props) unit.Kind { return unit.KindOf(props.Text("Id")) }
