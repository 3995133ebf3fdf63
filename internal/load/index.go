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

// entryKind is what a name in a directory of the search path stands for.
type entryKind uint8

const (
	entryFile    entryKind = iota // a regular file, or a link to one outside the path
	entryAlias                    // a link to another name on the path
	entryMasked                   // a link to /dev/null
	entryBuiltin                  // exists without a file
	entryBad                      // a link that no unit may have
)

// entry is what the first directory that knows a name says about it.
type entry struct {
	kind   entryKind
	path   string // on this host, as it stands in its directory
	real   string // of a link to a file elsewhere: that file
	target string // of an alias: the other name; of a built-in unit: its text
	source source
	err    *diag.Diagnostic
}

// dir is one directory of the search path.
type dir struct {
	inside string   // its path inside the root
	host   string   // its path on this host
	only   []string // the files given one by one; nil: all
	stamp  stamp
}

// index is what listing each directory of the search path once has told.
type index struct {
	root  Root
	dirs  []dir
	names map[string]*entry
	// subs are the directories "NAME.d", "NAME.wants" and so on, by name,
	// as paths on this host in the order of the search path.
	subs     map[string][]string
	suffixes map[string]bool // those that occur in subs
	// aliases leads from a name to the aliases that point at it directly.
	aliases map[string][]string
	// lists remembers the content of the subs that were looked at.
	lists  map[string][]fs.DirEntry
	real   map[string]bool // directories of the path, links resolved
	jobs   jobIndex
	super  superIndex
	agents agentIndex
	diags  diag.List
}

func newIndex(c Config) *index {
	x := &index{
		root: Root(c.Root), names: map[string]*entry{}, subs: map[string][]string{},
		aliases: map[string][]string{}, suffixes: map[string]bool{}, lists: map[string][]fs.DirEntry{}, real: map[string]bool{},
	}
	x.dirs = x.searchDirs(c)
	x.jobRoots(c)
	for _, d := range x.dirs {
		x.real[d.inside] = true
		if p, err := x.root.Resolve(d.inside); err == nil {
			x.real[p] = true
		}
	}
	for i := range x.dirs {
		x.jobs.share(x.dirs[i].host, x.scan(&x.dirs[i]))
	}
	x.addJobs()
	x.addAgents(c)
	x.addSupers(c)
	x.addBuiltins(c.Scope)
	for _, name := range sortedKeys(x.names) {
		if e := x.names[name]; e.kind == entryAlias {
			x.aliases[e.target] = append(x.aliases[e.target], name)
		}
	}
	return x
}

// searchDirs makes the list of directories; several files of one directory
// become one entry. Of two paths that lead to one directory (/lib and
// /usr/lib on a merged system) the first is kept.
func (x *index) searchDirs(c Config) []dir {
	var out []dir
	seen := map[string]bool{}
	add := func(inside, host string, only []string) {
		key := host
		if p, err := x.root.Resolve(inside); err == nil {
			key = p
		}
		if only == nil && seen[key] {
			return
		}
		seen[key] = seen[key] || only == nil
		out = append(out, dir{inside: inside, host: host, only: only})
	}
	if c.Paths == nil {
		for _, d := range NewLookup(c).Dirs {
			add(d, x.root.Host(d), nil)
		}
		if c.Inetd {
			x.super.addDir(x.root.Host("/etc"))
		}
		x.agentDirs(c)
		return out
	}
	for _, p := range c.Paths {
		p, err := filepath.Abs(p)
		if err == nil {
			var st fs.FileInfo
			if st, err = os.Stat(p); err == nil && st.IsDir() {
				add(x.root.Inside(p), p, nil)
				x.jobs.add(c, jobRoot{host: p, mixed: true})
				x.super.addDir(p)
				x.agents.addMixed(p)
				continue
			}
			if err != nil { // a link that leads nowhere is told when its unit is loaded
				_, lerr := os.Lstat(p)
				if lerr == nil {
					err = nil
				}
			}
		}
		if err != nil {
			x.diags.Add(diag.Diagnostic{
				Pos: diag.Pos{File: p}, Severity: diag.Error, Code: codePath,
				Msg: fmt.Sprintf("cannot load units from %q: %s", p, reason(err)),
			})
			continue
		}
		d, name := filepath.Split(p)
		d = filepath.Clean(d)
		if kind := c.InetdOptions.kindOf(p); kind != notSuper {
			x.super.add(kind, p)
			continue
		}
		if IsPropertyList(p) {
			x.agents.files = append(x.agents.files, p)
			continue
		}
		if strings.HasSuffix(name, confSuffix) && !c.NoJobs {
			x.addJobFile(c, p)
			continue
		}
		if !unit.ValidName(name) {
			x.diags.Add(diag.Diagnostic{
				Pos: diag.Pos{File: p}, Severity: diag.Error, Code: codePath,
				Msg: fmt.Sprintf("cannot load a unit from %q: %q is no valid unit name", p, name),
				Fix: "give it a name such as " + strings.TrimSuffix(name, filepath.Ext(name)) + ".service",
			})
			continue
		}
		if n := len(out) - 1; n >= 0 && out[n].host == d && out[n].only != nil {
			out[n].only = append(out[n].only, name)
			continue
		}
		add(x.root.Inside(d), d, []string{name})
	}
	return out
}

// scan lists one directory and returns the listing. A name that an earlier
// directory has is skipped.
func (x *index) scan(d *dir) []fs.DirEntry {
	d.stamp = stampOf(d.host)
	list, err := os.ReadDir(d.host)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errNotDir) {
		x.diags.Add(diag.Diagnostic{
			Pos: diag.Pos{File: d.host}, Severity: diag.Warning, Code: codePath,
			Msg: fmt.Sprintf("cannot list %q: %s, going on without its units", d.host, reason(err)),
		})
	}
	for _, de := range list {
		name := de.Name()
		if isSub(name) {
			if (de.IsDir() || de.Type()&fs.ModeSymlink != 0) && d.wantsSub(name) {
				x.subs[name] = append(x.subs[name], filepath.Join(d.host, name))
				x.suffixes[filepath.Ext(name)] = true
			}
			continue
		}
		if d.only != nil && !slices.Contains(d.only, name) {
			continue
		}
		if x.names[name] != nil || !unit.ValidName(name) {
			continue
		}
		switch {
		case de.Type().IsRegular():
			x.names[name] = &entry{kind: entryFile, path: filepath.Join(d.host, name), source: systemdSource{}}
		case de.Type()&fs.ModeSymlink != 0:
			x.names[name] = x.link(d, name)
		}
	}
	return list
}

// isSub tells the directories that belong to a unit.
func isSub(name string) bool {
	return strings.HasSuffix(name, ".d") || strings.HasSuffix(name, ".wants") ||
		strings.HasSuffix(name, ".requires") || strings.HasSuffix(name, ".upholds")
}

// wantsSub tells whether a directory of the path counts: with files given one
// by one, only theirs.
func (d *dir) wantsSub(name string) bool {
	if d.only == nil {
		return true
	}
	owner := name[:strings.LastIndexByte(name, '.')]
	return slices.Contains(d.only, owner) || slices.Contains(d.only, unit.TemplateOf(owner))
}

// canonical follows aliases, at most maxHops of them, as systemd does.
func (x *index) canonical(name string) string {
	const maxHops = 8
	for range maxHops {
		e := x.names[name]
		if e == nil {
			if t := unit.TemplateOf(name); t != "" && t != name {
				if e = x.names[t]; e != nil && e.kind == entryAlias {
					name = unit.InstanceOf(e.target, unit.Split(name).Instance)
					continue
				}
			}
			return name
		}
		if e.kind != entryAlias {
			return name
		}
		target := e.target
		if unit.IsTemplate(target) && unit.IsInstance(name) {
			target = unit.InstanceOf(target, unit.Split(name).Instance)
		}
		name = target
	}
	return name
}

// file is where the text of the entry is to be read.
func (e *entry) file() string {
	if e.real != "" {
		return e.real
	}
	return e.path
}

// find returns the entry that defines the unit with the canonical name, its
// template's, its job's or its socket's where it has none of its own.
func (x *index) find(name string) *entry {
	if e := x.names[name]; e != nil {
		return e
	}
	if t := unit.TemplateOf(name); t != "" && t != name {
		if e := x.names[t]; e != nil {
			return e
		}
	}
	if e := x.class(name); e != nil {
		return e
	}
	return x.bridge(name)
}

// aliasesOf returns all other names of the unit with the canonical name,
// sorted.
func (x *index) aliasesOf(name string) []string {
	inst := unit.Split(name).Instance
	if inst == "" && x.aliases[name] == nil {
		return nil
	}
	queue := []string{name}
	if inst != "" {
		queue = append(queue, unit.TemplateOf(name))
	}
	var out []string
	for i := 0; i < len(queue); i++ {
		for _, a := range x.aliases[queue[i]] {
			if slices.Contains(queue, a) {
				continue
			}
			queue = append(queue, a)
			if inst != "" && unit.IsTemplate(a) {
				a = unit.InstanceOf(a, inst)
				queue = append(queue, a)
			}
			if a != name && x.canonical(a) == name {
				out = append(out, a)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
