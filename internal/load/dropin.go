// SPDX-License-Identifier: Apache-2.0

package load

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// live returns a view of the index that reads listings again.
func (x *index) live() *index {
	y := *x
	y.lists = map[string][]fs.DirEntry{}
	return &y
}

// list reads a directory once.
func (x *index) list(path string) []fs.DirEntry {
	if l, ok := x.lists[path]; ok {
		return l
	}
	entries, err := os.ReadDir(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errNotDir) {
		x.diags.Add(diag.Diagnostic{
			Pos: diag.Pos{File: path}, Severity: diag.Warning, Code: codeDropIn,
			Msg: fmt.Sprintf("cannot list %q: %s, going on without it", path, reason(err)),
		})
	}
	x.lists[path] = entries
	return entries
}

// subDirs returns the directories that extend the unit, most specific ones
// first, for a suffix such as ".d": per name and per directory of the path
// the unit's own, its template's, and those of the name cut off after each
// dash; the aliases' likewise; those of the whole kind last (systemd.unit(5)).
func (x *index) subDirs(name string, aliases []string, suffix string) []string {
	if !x.suffixes[suffix] {
		return nil
	}
	var out []string
	add := func(owner string) {
		out = append(out, x.subs[owner+suffix]...)
	}
	// Most units have none of these: ask for each name over all directories
	// of the path first and sort by directory only when there are several.
	for _, n := range append([]string{name}, aliases...) {
		start := len(out)
		var owners []string
		for _, o := range ownersOf(n) {
			if len(x.subs[o+suffix]) > 0 {
				owners = append(owners, o)
			}
		}
		for _, o := range owners {
			add(o)
		}
		if len(owners) > 1 {
			slices.SortStableFunc(out[start:], func(a, b string) int {
				return x.rank(a) - x.rank(b)
			})
		}
	}
	add(unit.KindOf(name).Suffix())
	return out
}

// rank is the place on the search path of the directory that holds path.
func (x *index) rank(path string) int {
	parent := filepath.Dir(path)
	return slices.IndexFunc(x.dirs, func(d dir) bool { return d.host == parent })
}

// ownersOf returns the names whose directories count for a unit, in order.
// The rule is systemd's: the name, its template with all that follows from
// that, then the name cut off after its last dash but one with all that
// follows. A template that is cut loses its "@", an instance keeps it.
func ownersOf(name string) []string {
	out := []string{name}
	p := unit.Split(name)
	if p.Instance != "" {
		out = append(out, ownersOf(unit.TemplateOf(name))...)
	}
	stem := strings.TrimSuffix(p.Prefix, "-")
	dash := strings.LastIndexByte(stem, '-')
	if dash <= 0 {
		return out
	}
	p.Prefix, p.At = stem[:dash+1], p.Instance != ""
	return append(out, ownersOf(p.String())...)
}

// dropIns returns the drop-ins of a unit in the order of their application:
// by file name, and of one name the file in the most specific directory.
func (x *index) dropIns(name string, aliases []string) []string {
	return x.files(x.subDirs(name, aliases, ".d"), func(e fs.DirEntry) bool {
		return !e.IsDir() && strings.HasSuffix(e.Name(), ".conf")
	})
}

// files merges directories: the first one wins a name, and the result is
// sorted by name.
func (x *index) files(dirs []string, want func(fs.DirEntry) bool) []string {
	if len(dirs) == 0 {
		return nil
	}
	var out []string
	seen := map[string]bool{}
	for _, d := range dirs {
		for _, e := range x.list(d) {
			if want(e) && !seen[e.Name()] {
				seen[e.Name()] = true
				out = append(out, filepath.Join(d, e.Name()))
			}
		}
	}
	slices.SortFunc(out, func(a, b string) int { return strings.Compare(filepath.Base(a), filepath.Base(b)) })
	return out
}

// linkKinds are the directories of links and the dependencies they make.
var linkKinds = []struct {
	suffix string
	kind   unit.DepKind
}{{".wants", unit.Wants}, {".requires", unit.Requires}, {".upholds", unit.Upholds}}

// linkDeps returns the dependencies that the directories of links give a
// unit. What the links point to does not matter, their names do; a link to
// /dev/null takes the name away from the directories that come later.
func (x *index) linkDeps(name string, aliases []string, list *diag.List) []unit.Dep {
	var out []unit.Dep
	for _, k := range linkKinds {
		dirs := x.subDirs(name, aliases, k.suffix)
		for _, p := range x.files(dirs, func(fs.DirEntry) bool { return true }) {
			dep, fault := x.linkDep(name, p)
			if fault != "" {
				list.Add(diag.Diagnostic{
					Pos: diag.Pos{File: p}, Severity: diag.Warning, Code: codeDropIn, Unit: name,
					Msg: "cannot add a dependency: " + fault + ", ignoring",
				})
			}
			if dep != "" && dep != name {
				out = append(out, unit.Dep{Kind: k.kind, Name: dep})
			}
		}
	}
	return out
}

// linkDep returns the unit that one entry of such a directory stands for: ""
// for a mask, and why where it stands for none.
func (x *index) linkDep(name, path string) (dep, fault string) {
	dep = filepath.Base(path)
	target, err := os.Readlink(path)
	if err != nil {
		return "", fmt.Sprintf("%q is no symbolic link", path)
	}
	if target == "/dev/null" {
		return "", ""
	}
	if !unit.ValidName(dep) {
		return "", fmt.Sprintf("%q is no valid unit name", dep)
	}
	if unit.IsTemplate(dep) {
		inst := unit.Split(name).Instance
		if inst == "" {
			return "", fmt.Sprintf("%q is a template, and %s has no instance to give it", dep, name)
		}
		dep = unit.InstanceOf(dep, inst)
	}
	return dep, ""
}
