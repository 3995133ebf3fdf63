// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/load"
	"github.com/rouse-init/rouse/internal/load/show"
)

func showCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "show [UNIT...]", Short: "Print all properties of units, or of the manager",
		RunE: func(_ *cobra.Command, args []string) error { return a.show(args) },
	}
	c.Flags().StringSliceVarP(&a.opt.properties, "property", "p", nil, "only these properties, by `NAME`")
	c.Flags().StringSliceVarP(&a.opt.properties, "P", "P", nil, "-p with --value, by `NAME`")
	c.Flags().BoolVar(&a.opt.value, "value", false, "print values without names")
	c.Flags().BoolVarP(&a.opt.all, "all", "a", false, "print empty properties too")
	a.outputFlags(c)
	a.offlineFlags(c)
	_ = c.Flags().MarkHidden("P")
	c.PreRun = func(c *cobra.Command, _ []string) { a.opt.value = a.opt.value || c.Flags().Changed("P") }
	return c
}

func (a *app) show(args []string) error {
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	online, err := a.managed()
	if err != nil {
		return err
	}
	if !online && len(args) == 0 {
		_, err := a.connect()
		return errors.Join(err)
	}
	var names []string
	if online {
		names, err = a.expand(args)
	} else {
		names, _, err = split(args)
	}
	if err != nil {
		return err
	}
	if len(args) == 0 {
		names = []string{""}
	}
	var loader *load.Loader
	if !online {
		loader = load.New(a.loadConfig())
	}
	for i, name := range names {
		props, err := a.properties(loader, name)
		if err != nil {
			return err
		}
		if i > 0 && !asJSON {
			a.printf("\n")
		}
		if err := a.printProperties(props, asJSON); err != nil {
			return err
		}
	}
	return nil
}

// properties are those of a unit as text; of the manager where name is "".
func (a *app) properties(loader *load.Loader, name string) ([]show.Property, error) {
	if loader != nil {
		u, _ := loader.One(name)
		return show.Show(u), nil
	}
	all, err := a.conn.Unit(name)
	var e *client.Error
	if errors.As(err, &e) && name != "" {
		return nil, fmt.Errorf("cannot show %s: %w", name, err)
	}
	if err != nil {
		return nil, err
	}
	var props []show.Property
	for i := range all {
		if len(a.opt.properties) > 0 && !slices.Contains(a.opt.properties, all[i].Name) {
			continue
		}
		for _, text := range propertyText(&all[i]) {
			props = append(props, show.Property{Name: all[i].Name, Value: text})
		}
	}
	return props, nil
}

func (a *app) printProperties(props []show.Property, asJSON bool) error {
	object := make(map[string]any)
	for _, p := range props {
		if len(a.opt.properties) > 0 && !slices.Contains(a.opt.properties, p.Name) {
			continue
		}
		switch {
		case asJSON:
			addJSON(object, p)
		case p.Value == "" && !a.opt.all && len(a.opt.properties) == 0:
		case a.opt.value:
			a.printf("%s\n", p.Value)
		default:
			a.printf("%s=%s\n", p.Name, p.Value)
		}
	}
	if asJSON {
		return a.printJSON(object)
	}
	return nil
}

// addJSON makes a list of a property that has several lines.
func addJSON(object map[string]any, p show.Property) {
	switch old := object[p.Name].(type) {
	case nil:
		object[p.Name] = p.Value
	case string:
		object[p.Name] = []string{old, p.Value}
	case []string:
		object[p.Name] = append(old, p.Value)
	}
}

// joinWords prints a list as systemctl does.
func joinWords(list []string) string { return strings.TrimSpace(show.Words(list)) }
