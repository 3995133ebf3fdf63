// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/rouse-init/rouse/internal/load"
	"github.com/rouse-init/rouse/internal/load/show"
	"github.com/rouse-init/rouse/internal/unit"
)

func catCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "cat UNIT...", Short: "Print the files that define units",
		Args: atLeast(1, "the name of a unit"),
		RunE: func(_ *cobra.Command, args []string) error { return a.cat(args) },
	}
	a.offlineFlags(c)
	return c
}

func (a *app) cat(args []string) error {
	online, err := a.managed()
	if err != nil {
		return err
	}
	names, globs, err := split(args)
	if err != nil {
		return err
	}
	var loader *load.Loader
	if online {
		if names, err = a.expand(args); err != nil {
			return err
		}
	} else {
		loader = load.New(a.loadConfig())
		for _, n := range loader.Names() {
			if len(globs) > 0 && matchUnits(globs, n, ".service") {
				names = append(names, n)
			}
		}
	}
	code := 0
	for i, name := range names {
		u, err := a.definition(loader, name)
		if err != nil {
			return err
		}
		if i > 0 {
			a.printf("\n")
		}
		if u.Fragment == "" && u.SourcePath == "" && len(u.DropIns) == 0 {
			a.errorf("No files found for %s.", name)
			code = 1
			continue
		}
		if err := show.Cat(a.out, u); err != nil {
			return err
		}
	}
	return quiet(code)
}

// definition is where a unit's files are: from the manager where loader is
// nil.
func (a *app) definition(loader *load.Loader, name string) (*unit.Unit, error) {
	if loader != nil {
		u, _ := loader.One(name)
		return u, nil
	}
	props, err := a.conn.Unit(name)
	if err != nil {
		return nil, err
	}
	if props.Flag("NeedDaemonReload") {
		a.errorf("Warning: the files of %s have changed on disk and this shows the new ones, which the manager does not know yet. Run \"rouse daemon-reload\".", name)
	}
	return &unit.Unit{
		Name: name, Fragment: props.Text("FragmentPath"), SourcePath: props.Text("SourcePath"), DropIns: props.List("DropInPaths"),
	}, nil
}
