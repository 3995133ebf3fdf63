// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"slices"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// sleeper notes a service that falls asleep by itself and that nothing wakes
// but a person, or that no service needs whose sleep it could follow.
func (c *checker) sleeper(u *unit.Unit) {
	s := u.Service
	if !s.Sleeps() || s.Type == unit.TypeOneshot {
		return
	}
	if s.IdleWhenUnneeded {
		if !c.neededBy(u.Name, func(o *unit.Unit) bool { return o.Kind == unit.KindService }) {
			d := c.add(u, diag.Note, CodeSleeper, where(u, "X-IdleWhenUnneeded", ""), "no service needs it: it sleeps when the targets that want it are down, or else never")
			d.Fix = "add Requires=" + u.Name + " and After=" + u.Name + " to the services that use it"
		}
		return
	}
	if len(s.Sockets) > 0 || s.BusName != "" || u.Events != nil {
		return
	}
	anybody := func(*unit.Unit) bool { return true }
	if !c.neededBy(u.Name, anybody) {
		d := c.add(u, diag.Note, CodeSleeper, where(u, "X-IdleSec", ""), "nothing but a person wakes it: it has no socket and no bus name, and no unit starts it")
		d.Fix = "wake it with `rouse start " + u.Name + "`"
	}
}

// neededBy tells whether a unit that is known here, of those that count, pulls
// in or triggers the one with that name.
func (c *checker) neededBy(name string, counts func(*unit.Unit) bool) bool {
	pulls := []unit.DepKind{unit.Requires, unit.Requisite, unit.Wants, unit.BindsTo, unit.Upholds, unit.Triggers}
	all, _ := c.loader.Load(c.loader.Names()...) // what is wrong with them was said, or is not asked
	return slices.ContainsFunc(all, func(o *unit.Unit) bool {
		return o.Load == unit.Loaded && counts(o) && slices.ContainsFunc(o.Deps, func(d unit.Dep) bool {
			return d.Name == name && slices.Contains(pulls, d.Kind)
		})
	})
}
