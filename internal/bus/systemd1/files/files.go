// SPDX-License-Identifier: Apache-2.0

// Package files joins load/install to the words of the bus: it is the
// systemd1.Files of a manager, and does the same for a command line that
// has no manager. It imports load, load/install and bus/systemd1.
package files

import (
	"errors"
	"fmt"

	"github.com/rouse-init/rouse/internal/bus/systemd1"
	"github.com/rouse-init/rouse/internal/load"
	"github.com/rouse-init/rouse/internal/load/install"
)

// Files are the unit files of one load.Config. Every call looks at the disk
// anew.
type Files struct{ Config load.Config }

var _ systemd1.Files = Files{}

func (f Files) options() install.Options { return install.Options{Config: f.Config} }

// State is the enablement of a unit; "" where there is no such file.
func (f Files) State(name string) (string, error) {
	switch s := install.IsEnabled(f.options(), name); s {
	case install.NotFound:
		return "", nil
	default:
		return string(s), nil
	}
}

// Preset is what the presets say about a unit, "" for nothing.
func (f Files) Preset(name string) (string, error) {
	for _, u := range install.List(f.options(), name) {
		return u.Preset, nil
	}
	return "", nil
}

// List is every unit file.
func (f Files) List() ([]systemd1.FileState, error) {
	all := install.List(f.options())
	list := make([]systemd1.FileState, len(all))
	for i, u := range all {
		list[i] = systemd1.FileState{Path: u.Path, State: string(u.State)}
	}
	return list, nil
}

// DefaultTarget is what default.target leads to.
func (f Files) DefaultTarget() (string, error) { return install.GetDefault(f.options()) }

// Path is the search path.
func (f Files) Path() []string {
	if f.Config.Paths != nil {
		return f.Config.Paths
	}
	return load.NewLookup(f.Config).Dirs
}

// kinds are the words of the bus for changes that succeeded or were left
// out, by install.ChangeKind.
var kinds = [...]string{
	install.Symlink: "symlink", install.Unlink: "unlink", install.IsMasked: "masked", install.IsDangling: "dangling",
	install.NoDestination: "destination-not-present", install.NoAuxiliary: "auxiliary-failed",
}

// Do performs one operation.
func (f Files) Do(op systemd1.FileOp) ([]systemd1.Change, bool, error) {
	r, err := f.run(op)
	if err != nil {
		return nil, false, err
	}
	var changes []systemd1.Change
	for _, c := range r.Changes {
		if int(c.Kind) < len(kinds) {
			changes = append(changes, systemd1.Change{Kind: kinds[c.Kind], Path: c.Path, Source: c.Source})
		}
	}
	return changes, !r.NoInstall, r.Err()
}

// ChangeLine is what systemctl prints about a change.
func ChangeLine(kind, path, source string) string {
	for k, word := range kinds {
		if word == kind {
			return install.Change{Kind: install.ChangeKind(k), Path: path, Source: source}.String()
		}
	}
	return fmt.Sprintf("%s: %s", path, kind)
}

var presetModes = map[string]install.PresetMode{
	"": install.PresetFull, "full": install.PresetFull, "enable-only": install.PresetEnableOnly, "disable-only": install.PresetDisableOnly,
}

func (f Files) run(op systemd1.FileOp) (install.Result, error) {
	opt := f.options()
	opt.Runtime, opt.Force = op.Runtime, op.Force
	mode, ok := presetModes[op.Mode]
	if !ok {
		return install.Result{}, fmt.Errorf("preset mode %q is not known", op.Mode)
	}
	opt.Mode = mode
	switch op.Verb {
	case "enable":
		return install.Enable(opt, op.Names...), nil
	case "disable":
		return install.Disable(opt, op.Names...), nil
	case "reenable":
		return install.Reenable(opt, op.Names...), nil
	case "mask":
		return install.Mask(opt, op.Names...), nil
	case "unmask":
		return install.Unmask(opt, op.Names...), nil
	case "preset":
		return install.Preset(opt, op.Names...), nil
	case "preset-all":
		return install.PresetAll(opt), nil
	case "link":
		return install.Link(opt, op.Names...), nil
	case "revert":
		return install.Revert(opt, op.Names...), nil
	case "add-wants", "add-requires":
		return install.AddDependency(opt, op.Target, op.Verb == "add-requires", op.Names...), nil
	case "set-default":
		if len(op.Names) != 1 {
			return install.Result{}, errors.New("set-default: expected the name of one target")
		}
		return install.SetDefault(opt, op.Names[0]), nil
	}
	return install.Result{}, fmt.Errorf("operation %q on unit files is not known", op.Verb)
}
