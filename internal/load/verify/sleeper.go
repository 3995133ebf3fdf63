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
	c.idleKeys(u)
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

// idleKeys notes keys of a service that say how it sleeps where it never does, or
// never like that.
func (c *checker) idleKeys(u *unit.Unit) {
	s := u.Service
	var deep, other []string
	if t := s.Tiers; t != nil {
		if t.Reclaim != unit.Infinity {
			deep = append(deep, "X-IdleReclaimSec")
		}
		if t.Stop != unit.Infinity {
			deep = append(deep, "X-IdleStopSec")
		}
		if t.MinUp != 0 {
			other = append(other, "X-IdleMinUpSec")
		}
	}
	if len(unit.Of(s.Commands, unit.PhaseIdle)) > 0 {
		other = append(other, "X-IdleCommand")
	}
	if s.IdleAction == unit.IdleFreeze {
		other = append(other, "X-IdleAction")
	}
	if len(deep)+len(other) == 0 {
		return
	}
	sleeps, freezes := s.Sleeps(), s.IdleAction == unit.IdleFreeze || s.IdleWhenUnneeded
	all, _ := c.loader.Load(append(c.loader.Names(), unit.WithKind(u.Name, unit.KindSocket))...) // as in neededBy
	for _, o := range all {
		k := o.Socket
		if o.Load != unit.Loaded || k == nil || k.Accept || !alike(k.Service, u.Name) && (k.Bridge == nil || !alike(k.Bridge.Service, u.Name)) {
			continue
		}
		if k.IdleSec > 0 && k.IdleSec != unit.Infinity {
			sleeps, freezes = true, freezes || k.IdleAction == unit.IdleFreeze
		}
	}
	if slices.ContainsFunc(u.Deps, func(d unit.Dep) bool { return d.Kind == unit.BindsTo && unit.KindOf(d.Name) == unit.KindService }) {
		return // it may sleep with that
	}
	switch {
	case !sleeps:
		for _, key := range append(other, deep...) {
			c.add(u, diag.Note, CodeSleeper, where(u, key, ""), "%s= has no effect: it never sleeps", key).Fix = "add X-IdleSec= to [Service], or to the [Socket] that wakes it"
		}
	case !freezes:
		for _, key := range deep {
			c.add(u, diag.Note, CodeSleeper, where(u, key, ""), "%s= has no effect: it is stopped when it is idle, and never frozen", key).Fix = "set X-IdleAction=freeze"
		}
	}
}

// alike tells whether two names are of one unit, or of one template: what is true
// of one instance need not be said of another.
func alike(a, b string) bool {
	template := unit.TemplateOf(a)
	return a == b || template != "" && template == unit.TemplateOf(b)
}
