// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rouse-init/rouse/internal/load"
	"github.com/rouse-init/rouse/internal/load/show"
	"github.com/rouse-init/rouse/internal/unit"
)

func listDependenciesCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "list-dependencies [UNIT...]", Short: "Show what units pull in, as a tree",
		RunE: func(_ *cobra.Command, args []string) error { return a.listDependencies(args) },
	}
	f := c.Flags()
	f.BoolVarP(&a.opt.all, "all", "a", false, "expand all units, not only targets")
	f.BoolVar(&a.opt.reverse, "reverse", false, "what pulls the units in")
	f.BoolVar(&a.opt.after, "after", false, "what the units are ordered after")
	f.BoolVar(&a.opt.before, "before", false, "what the units are ordered before")
	f.BoolVar(&a.opt.plain, "plain", false, "no dots and no tree")
	a.outputFlags(c)
	a.offlineFlags(c)
	return c
}

func (a *app) direction() (show.Direction, []string) {
	switch {
	case a.opt.after:
		return show.After, []string{"After"}
	case a.opt.before:
		return show.Before, []string{"Before"}
	case a.opt.reverse:
		return show.Reverse, []string{"RequiredBy", "RequisiteOf", "WantedBy", "PartOf", "BoundBy", "UpheldBy"}
	}
	return show.Forward, []string{"Requires", "Requisite", "Wants", "ConsistsOf", "BindsTo", "Upholds"}
}

// dependency is one node of the tree as JSON prints it.
type dependency struct {
	Unit         string       `json:"unit"`
	State        string       `json:"active,omitempty"`
	Dependencies []dependency `json:"dependencies,omitempty"`
}

func (a *app) listDependencies(args []string) error {
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		args = []string{"default.target"}
	}
	names, globs, err := split(args)
	if err != nil || len(globs) > 0 {
		return fmt.Errorf("list-dependencies: expected names of units, no patterns")
	}
	online, err := a.managed()
	if err != nil {
		return err
	}
	dir, props := a.direction()
	opt := show.TreeOptions{All: a.opt.all, Plain: a.opt.plain}
	var deps func(string) []string
	state := func(string) string { return "" }
	if online {
		cache := make(map[string]knownUnit)
		ask := func(name string) knownUnit { return a.neighbours(cache, name, props) }
		deps = func(name string) []string { return ask(name).deps }
		state = func(name string) string { return ask(name).state }
		opt.Dot = func(name string) string { return a.dot(ask(name).mark) }
	} else {
		loader := load.New(a.loadConfig())
		units, _ := loader.Load(names...)
		if dir == show.Reverse || dir == show.Before {
			units, _ = loader.All()
		}
		deps = show.Neighbours(units, dir)
		for i, n := range names {
			names[i] = loader.Canonical(n)
		}
	}
	for i, name := range names {
		if asJSON {
			if err := a.printJSON(a.dependencyTree(name, deps, state, map[string]bool{})); err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			a.printf("\n")
		}
		if err := show.Tree(a.out, name, deps, opt); err != nil {
			return err
		}
	}
	return nil
}

// knownUnit is what the tree needs to know of a unit.
type knownUnit struct {
	state string
	mark  string // the state that the dot shows: that of a masked unit is "failed"
	deps  []string
}

// neighbours asks the manager about a unit, once.
func (a *app) neighbours(cache map[string]knownUnit, name string, props []string) knownUnit {
	if k, ok := cache[name]; ok {
		return k
	}
	k := knownUnit{mark: "inactive"} // a unit that is not there is not active
	if all, err := a.conn.Unit(name); err == nil {
		k.state = all.Text("ActiveState")
		k.mark = k.state
		if load := all.Text("LoadState"); k.state == "inactive" && load != "loaded" && load != "not-found" {
			k.mark = "failed"
		}
		for _, p := range props {
			k.deps = append(k.deps, all.List(p)...)
		}
	}
	cache[name] = k
	return k
}

func (a *app) dependencyTree(name string, deps func(string) []string, state func(string) string, above map[string]bool) dependency {
	d := dependency{Unit: name, State: state(name)}
	if above[name] || len(above) > 0 && !a.opt.all && unit.KindOf(name) != unit.KindTarget {
		return d
	}
	above[name] = true
	for _, n := range deps(name) {
		d.Dependencies = append(d.Dependencies, a.dependencyTree(n, deps, state, above))
	}
	delete(above, name)
	return d
}
