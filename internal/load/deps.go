// SPDX-License-Identifier: Apache-2.0

package load

import (
	"path"
	"slices"

	"github.com/rouse-init/rouse/internal/unit"
)

// addDeps adds explicit dependencies before the implicit ones, without
// repeating any.
func addDeps(u *unit.Unit, deps []unit.Dep) {
	if len(deps) == 0 {
		return
	}
	at := slices.IndexFunc(u.Deps, func(d unit.Dep) bool { return d.Implicit })
	if at < 0 {
		at = len(u.Deps)
	}
	var fresh []unit.Dep
	for _, d := range deps {
		if !hasDep(u, d.Kind, d.Name) {
			fresh = append(fresh, d)
		}
	}
	u.Deps = slices.Insert(u.Deps, at, fresh...)
}

func hasDep(u *unit.Unit, k unit.DepKind, name string) bool {
	return slices.ContainsFunc(u.Deps, func(d unit.Dep) bool { return d.Kind == k && d.Name == name })
}

// addMounts makes RequiresMountsFor= and WantsMountsFor= dependencies on the
// mount units on the path that the paths lie on.
func (c *compiler) addMounts(u *unit.Unit) {
	for _, p := range u.RequiresMountsFor {
		c.addMount(u, p, unit.Requires)
	}
	for _, p := range u.WantsMountsFor {
		c.addMount(u, p, unit.Wants)
	}
}

func (c *compiler) addMount(u *unit.Unit, p string, k unit.DepKind) {
	for ; ; p = path.Dir(p) {
		if esc, err := unit.EscapePath(p); err == nil {
			name := esc + ".mount"
			if e := c.x.names[name]; e != nil && name != u.Name {
				if !hasDep(u, k, name) {
					u.Deps = append(u.Deps, unit.Dep{Kind: k, Implicit: true, Name: name})
				}
				if !hasDep(u, unit.After, name) {
					u.Deps = append(u.Deps, unit.Dep{Kind: unit.After, Implicit: true, Name: name})
				}
			}
		}
		if p == "/" || p == "." {
			return
		}
	}
}

// canonize replaces aliases in what a unit refers to by the units' own
// names, so that nobody after the loader has to know aliases.
// What it takes for granted about the message bus comes first.
func (x *index) canonize(u *unit.Unit) {
	x.placeBus(u)
	changed := false
	for i := range u.Deps {
		if n := x.canonical(u.Deps[i].Name); n != u.Deps[i].Name {
			u.Deps[i].Name = n
			changed = true
		}
	}
	if changed {
		seen := map[unit.Dep]bool{}
		u.Deps = slices.DeleteFunc(u.Deps, func(d unit.Dep) bool {
			d.Implicit = false
			twice := seen[d]
			seen[d] = true
			return twice || d.Name == u.Name
		})
	}
	if u.Socket != nil && u.Socket.Service != "" {
		u.Socket.Service = x.canonical(u.Socket.Service)
		if br := u.Socket.Bridge; br != nil {
			br.Service = x.canonical(br.Service)
		}
	}
	if u.Service != nil {
		for i, s := range u.Service.Sockets {
			u.Service.Sockets[i] = x.canonical(s)
		}
	}
}

// orderTargets gives targets their default order: after what they pull in
// (systemd.target(5)), unless either side has no default dependencies or the
// order is the other way round already.
func orderTargets(units map[string]*unit.Unit, fresh []*unit.Unit) {
	for _, t := range fresh {
		if t.Kind != unit.KindTarget || t.Load != unit.Loaded || !t.DefaultDependencies {
			continue
		}
		ordered := map[string]bool{}
		for _, d := range t.Deps {
			if d.Kind == unit.Before || d.Kind == unit.After {
				ordered[d.Name] = true
			}
		}
		for _, d := range t.Deps {
			o := units[d.Name]
			if !pullsIn(d.Kind) || ordered[d.Name] || o == nil || !o.DefaultDependencies || hasDep(o, unit.After, t.Name) {
				continue
			}
			ordered[d.Name] = true
			t.Deps = append(t.Deps, unit.Dep{Kind: unit.After, Implicit: true, Name: d.Name})
		}
	}
}

func pullsIn(k unit.DepKind) bool {
	switch k {
	case unit.Requires, unit.Requisite, unit.Wants, unit.BindsTo, unit.Upholds:
		return true
	default:
		return false
	}
}
