// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/rouse-init/rouse/internal/bus/systemd1"
	"github.com/rouse-init/rouse/internal/load"
	"github.com/rouse-init/rouse/internal/load/install"
)

// files are the unit files of the manager's scope.
type files struct{ m *Manager }

var _ systemd1.Files = files{}

// Files implements systemd1.Backend.
func (m *Manager) Files() systemd1.Files { return files{m} }

func (f files) options() install.Options {
	cfg := load.Config{Paths: f.m.cfg.Paths, Getenv: os.Getenv}
	if f.m.cfg.user(f.m.uid) {
		cfg.Scope = load.User
	}
	return install.Options{Config: cfg}
}

// State implements systemd1.Files.
func (f files) State(name string) (string, error) {
	s := install.IsEnabled(f.options(), name)
	if s == install.NotFound {
		return "", nil
	}
	return string(s), nil
}

// Preset implements systemd1.Files.
func (f files) Preset(name string) (string, error) {
	for _, u := range install.List(f.options(), name) {
		return u.Preset, nil
	}
	return "", nil
}

// List implements systemd1.Files.
func (f files) List() ([]systemd1.FileState, error) {
	var out []systemd1.FileState
	for _, u := range install.List(f.options()) {
		out = append(out, systemd1.FileState{Path: u.Path, State: string(u.State)})
	}
	return out, nil
}

// DefaultTarget implements systemd1.Files.
func (f files) DefaultTarget() (string, error) { return install.GetDefault(f.options()) }

// Path implements systemd1.Files.
func (f files) Path() []string { return f.m.loader.Path() }

var errVerb = errors.New("no such operation on unit files")

// Do implements systemd1.Files.
func (f files) Do(op systemd1.FileOp) (changes []systemd1.Change, carries bool, err error) {
	opt := f.options()
	opt.Runtime, opt.Force = op.Runtime, op.Force
	switch op.Mode {
	case "enable-only":
		opt.Mode = install.PresetEnableOnly
	case "disable-only":
		opt.Mode = install.PresetDisableOnly
	}
	var res install.Result
	switch op.Verb {
	case "enable":
		res = install.Enable(opt, op.Names...)
	case "disable":
		res = install.Disable(opt, op.Names...)
	case "reenable":
		res = install.Reenable(opt, op.Names...)
	case "mask":
		res = install.Mask(opt, op.Names...)
	case "unmask":
		res = install.Unmask(opt, op.Names...)
	case "preset":
		res = install.Preset(opt, op.Names...)
	case "preset-all":
		res = install.PresetAll(opt)
	case "link":
		res = install.Link(opt, op.Names...)
	case "revert":
		res = install.Revert(opt, op.Names...)
	case "set-default":
		res = install.SetDefault(opt, op.Names[0])
	default:
		return nil, false, errVerb
	}
	kinds := map[install.ChangeKind]string{install.Symlink: "symlink", install.Unlink: "unlink", install.IsMasked: "masked",
		install.IsDangling: "dangling", install.NoDestination: "destination-not-present", install.NoAuxiliary: "auxiliary-failed"}
	for _, c := range res.Changes {
		if k, ok := kinds[c.Kind]; ok {
			changes = append(changes, systemd1.Change{Kind: k, Path: c.Path, Source: c.Source})
		}
	}
	return changes, !res.NoInstall, res.Err()
}

// suggest finds what was meant by a program that is not there.
func suggest(path string) string {
	dirs := []string{filepath.Dir(path)}
	if filepath.Base(path) == path {
		dirs = nil
	}
	base := filepath.Base(path)
	for _, dir := range append(dirs, defaultPath...) {
		if _, err := os.Stat(filepath.Join(dir, base)); err == nil && filepath.Join(dir, base) != path {
			return "did you mean \"" + filepath.Join(dir, base) + "\"?"
		}
	}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		names := make([]string, len(entries))
		for i, e := range entries {
			names[i] = e.Name()
		}
		if near := load.Nearest(base, names); near != "" {
			return "did you mean \"" + filepath.Join(dir, near) + "\"?"
		}
	}
	return "give the path of a program that exists, or install it"
}
