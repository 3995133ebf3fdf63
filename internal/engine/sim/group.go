// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"time"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// makeMember lets some services sleep with those that need them, and some be
// bound to one of lower number both ways.
func (w *World) makeMember(u *unit.Unit) {
	switch w.rng.IntN(8) {
	case 0, 1:
		u.Service.IdleWhenUnneeded = true
		if w.rng.IntN(3) == 0 {
			u.Service.IdleSec = time.Second
		}
	case 2:
		u.Service.IdleSec = time.Second
		u.Service.IdleAction = unit.IdleAction(w.rng.IntN(2))
		if w.rng.IntN(2) == 0 {
			u.Service.BusName = "org.example.Name"
		}
	case 4:
		u.Service.IdleSec = time.Second
		u.Service.IdleAction = unit.IdleAction(w.rng.IntN(2))
		for range 1 + w.rng.IntN(2) {
			u.Service.Commands = append(u.Service.Commands, unit.Command{Phase: unit.PhaseIdle, Path: "/x", Args: []string{"/x"}})
		}
	case 3:
		if len(w.names) == 0 {
			return
		}
		if o := w.item(w.names[w.rng.IntN(len(w.names))]).def; o.Kind == unit.KindService {
			u.Deps = append(u.Deps, unit.Dep{Kind: unit.BindsTo, Name: o.Name}, unit.Dep{Kind: unit.After, Name: o.Name})
			o.Deps = append(o.Deps, unit.Dep{Kind: unit.BindsTo, Name: u.Name})
		}
	}
}

// freezer is a person who freezes and thaws.
func (w *World) freezer(name string) engine.Input {
	it := w.item(name)
	w.ask++
	w.asked[w.ask] = true
	if it.held = w.rng.IntN(3) == 0; it.held {
		return engine.AskedFreeze{ID: w.ask, Unit: name}
	}
	return engine.AskedThaw{ID: w.ask, Unit: name}
}

// checkGroup makes sure that no service runs while one of its group that it
// needs is frozen, unless a person wants it so, or that one is being frozen
// because it was the last to be needed.
func (w *World) checkGroup(it *item, v *engine.View) {
	if it.frozen && v.Unit.Service != nil && v.Unit.Service.IdleWhenUnneeded {
		w.res.Grouped++
		for _, r := range []engine.Relation{engine.RequiredBy, engine.RequisiteOf, engine.WantedBy, engine.BoundBy, engine.UpheldBy} {
			for _, name := range w.e.Depends(it.name, r) {
				if o, _ := w.e.Unit(name); !w.item(name).frozen {
					w.checkNeeds(w.item(name), &o)
				}
			}
		}
	}
	w.checkNeeds(it, v)
}

func (w *World) checkNeeds(it *item, v *engine.View) {
	if it.frozen || len(it.procs) == 0 || v.Sub != "running" || v.Freezer == "frozen" || v.Freezer == "freezing" {
		return
	}
	for _, r := range []engine.Relation{engine.Requires, engine.Requisite, engine.Wants, engine.BindsTo, engine.Upholds} {
		for _, name := range w.e.Depends(it.name, r) {
			m := w.item(name)
			if m.def == nil || m.def.Service == nil || !m.def.Service.IdleWhenUnneeded || m.held {
				continue
			}
			if o, _ := w.e.Unit(name); m.frozen && (o.Freezer == "frozen" || o.Freezer == "freezing") {
				w.violate("%s runs, but %s, which it needs, is frozen", it.name, name)
			}
		}
	}
}
