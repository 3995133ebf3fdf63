// SPDX-License-Identifier: Apache-2.0

package install

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/load"
	"github.com/rouse-init/rouse/internal/unit"
)

// State is the state of a unit file, in the words of `systemctl is-enabled`.
type State string

// The states of unit files.
const (
	Enabled        State = "enabled"
	EnabledRuntime State = "enabled-runtime"
	Linked         State = "linked"
	LinkedRuntime  State = "linked-runtime"
	Alias          State = "alias"
	Masked         State = "masked"
	MaskedRuntime  State = "masked-runtime"
	Static         State = "static"
	Disabled       State = "disabled"
	Indirect       State = "indirect"
	Generated      State = "generated"
	Transient      State = "transient"
	Bad            State = "bad"
	NotFound       State = "not-found"
)

// OK tells whether `systemctl is-enabled` succeeds for the state.
func (s State) OK() bool {
	switch s {
	case Enabled, EnabledRuntime, Static, Alias, Indirect, Generated:
		return true
	default:
		return false
	}
}

// IsEnabled returns the state of one unit file. A unit that exists without a
// file is static.
func IsEnabled(opt Options, name string) State { return begin(opt).state(name) }

func (o *op) state(name string) State {
	in, err := o.discover(name)
	if err != nil {
		if _, ok := errors.AsType[notFoundError](err); ok {
			if o.loader.Defined(name) {
				return Static
			}
			return NotFound
		}
		return Bad
	}
	dir := filepath.Dir(in.path)
	switch {
	case in.masked && o.volatile(dir):
		return MaskedRuntime
	case in.masked:
		return Masked
	case in.name != name:
		return Alias
	case slices.Contains(o.look.Generators, dir):
		return Generated
	case dir == o.look.Transient:
		return Transient
	}
	if s := o.linkState(in); s != "" {
		return s
	}
	switch {
	case rules(in.install):
		return Disabled
	case in.install != nil && len(in.install.Also) > 0:
		return Indirect
	}
	return Static
}

// volatile tells the directories that the next boot empties.
func (o *op) volatile(dir string) bool {
	return dir == o.look.Runtime || dir == o.look.RuntimeControl || strings.HasPrefix(dir, "/run/")
}

// linkState looks for links to a unit in the directories where enable makes
// them, "" if there is none. A link that enable would not have made says that
// the unit is in use under another name.
func (o *op) linkState(in *info) State {
	var found, other, linked State
	for _, dir := range o.look.Dirs {
		persistent := dir == o.look.Config || o.opt.Scope != load.System && strings.HasPrefix(dir, "/etc/")
		if !persistent && !o.volatile(dir) {
			continue
		}
		en, li := Enabled, Linked
		if !persistent {
			en, li = EnabledRuntime, LinkedRuntime
		}
		o.walkLinks(dir, func(host string) {
			hit, known, same := o.judge(in, host)
			switch {
			case same && linked == "":
				linked = li
			case hit && known && found != Enabled:
				found = en
			case hit && !known:
				other = Indirect
			}
		})
	}
	switch {
	case found != "":
		return found
	case linked != "":
		return linked
	}
	return other
}

// judge tells whether a link stands for the unit; whether it does so under a
// name that enable gives it; and whether it is the unit's own name, linked to
// a file elsewhere.
func (o *op) judge(in *info, host string) (hit, known, same bool) {
	name := filepath.Base(host)
	below := isLinkDir(filepath.Base(filepath.Dir(host)))
	target, err := o.root.Target(o.root.Inside(host))
	if err != nil || target == "/dev/null" {
		return false, false, false
	}
	if !below && name == in.name {
		return false, false, o.sameFile(target, in.path)
	}
	known = name == in.name
	if in.install != nil {
		known = known || slices.Contains(in.install.Aliases, name)
		if d := in.install.DefaultInstance; d != "" && unit.IsTemplate(in.name) {
			known = known || name == unit.InstanceOf(in.name, d)
		}
	}
	if below && known {
		return true, true, false
	}
	if t := unit.Split(in.name); t.Instance != "" && unit.Split(name).Instance != t.Instance {
		return false, false, false // another instance of the same template
	}
	return o.sameFile(target, in.path), known, false
}

func (o *op) sameFile(a, b string) bool {
	if a == b {
		return true
	}
	ra, err := o.root.Resolve(a)
	if err != nil {
		return false
	}
	rb, err := o.root.Resolve(b)
	return err == nil && ra == rb
}

// UnitFile is one line of list-unit-files.
type UnitFile struct {
	Name   string
	Path   string // on this host
	State  State
	Preset string // "enabled", "disabled", "ignored"; "" where it says nothing
}

// List returns all unit files on the path, by kind and name as systemctl
// sorts them. Patterns are globs; none means all.
func List(opt Options, patterns ...string) []UnitFile {
	o := begin(opt)
	rules := o.presets()
	var out []UnitFile
	for _, n := range o.loader.Names() {
		if !matches(patterns, n) {
			continue
		}
		f, _ := o.loader.File(n)
		if f.Kind == load.FileBad {
			continue
		}
		u := UnitFile{Name: n, Path: f.Path, State: o.state(n)}
		switch u.State {
		case Static, Alias, Generated, Transient:
		default:
			u.Preset = rules.query(n).word()
		}
		out = append(out, u)
	}
	slices.SortStableFunc(out, func(a, b UnitFile) int {
		return strings.Compare(unit.KindOf(a.Name).Suffix(), unit.KindOf(b.Name).Suffix())
	})
	return out
}

func matches(patterns []string, name string) bool {
	if len(patterns) == 0 {
		return true
	}
	for _, p := range patterns {
		if Glob(p, name) {
			return true
		}
	}
	return false
}
