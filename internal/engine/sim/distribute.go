// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// maxMembers is the most that Distribute= says in the pretend machine.
const maxMembers = 4

// group is a socket with Distribute= and its members.
type group struct {
	name string
	size int
}

func (g *group) member(i int) string { return g.name + "@" + strconv.Itoa(i) + ".socket" }

// makeGroup makes a group, its members and their services.
func (w *World) makeGroup(i int) []*unit.Unit {
	g := &group{name: fmt.Sprintf("g%05d", i)}
	w.groups = append(w.groups, g)
	w.names = append(w.names, g.name+".socket")
	idle := unit.Infinity
	if w.rng.IntN(2) == 0 {
		idle = time.Second
	}
	var units []*unit.Unit
	for k := range maxMembers {
		u := w.newUnit(fmt.Sprintf("%s@%d.service", g.name, k), unit.KindService)
		w.fillService(u)
		units = append(units, u)
		w.socks = append(w.socks, w.item(g.member(k)))
		w.item(g.member(k)).idle = idle
	}
	return append(units, w.resize(g)...)
}

// resize gives a group another number of members: what a loader makes of it,
// which tells of members that are too many as long as the engine has them.
func (w *World) resize(g *group) []*unit.Unit {
	g.size = 1 + w.rng.IntN(maxMembers)
	of := w.newUnit(g.name+".socket", unit.KindSocket)
	of.Socket = w.socketOf(of.Name, unit.Infinity)
	of.Socket.Distribute = uint32(g.size)
	units := []*unit.Unit{of}
	dep := func(u *unit.Unit, name string, kinds ...unit.DepKind) {
		for _, k := range kinds {
			u.Deps = append(u.Deps, unit.Dep{Kind: k, Implicit: true, Name: name})
		}
	}
	for k := range maxMembers {
		name := g.member(k)
		leaving := k >= g.size
		if v, known := w.e.Unit(name); leaving && (!known || v.Load != unit.Loaded) {
			continue
		}
		u := w.newUnit(name, unit.KindSocket)
		u.Socket = w.socketOf(name, w.item(name).idle)
		u.Socket.Service = fmt.Sprintf("%s@%d.service", g.name, k)
		u.Socket.MemberOf, u.Socket.Leaving = of.Name, leaving
		dep(u, u.Socket.Service, unit.Before, unit.Triggers)
		dep(u, of.Name, unit.PartOf)
		if k > 0 {
			dep(u, g.member(k-1), unit.After)
		}
		if !leaving {
			dep(of, name, unit.Requires, unit.After)
		}
		units = append(units, u)
	}
	return units
}

func (w *World) socketOf(service string, idle time.Duration) *unit.Socket {
	return &unit.Socket{
		Service: service, IdleSec: idle, TriggerInterval: 2 * time.Second, TriggerBurst: 20,
		PollInterval: 2 * time.Second, PollBurst: 15, MaxConnections: 64, Timeout: 90 * time.Second, Kill: defaultKill,
	}
}

// someResize is a reload with another Distribute=.
func (w *World) someResize() engine.Input {
	if len(w.groups) == 0 {
		return nil
	}
	return engine.Loaded{Units: w.resize(w.groups[w.rng.IntN(len(w.groups))])}
}

// performGroup is performSocket for what concerns groups.
func (w *World) performGroup(f engine.Effect) {
	switch f := f.(type) {
	case engine.LeaveGroup:
		it := w.touch(f.Unit)
		if !it.open || it.leaving {
			w.violate("%s is told to leave, but is open %v and leaving %v", f.Unit, it.open, it.leaving)
		}
		it.leaving = true
	case engine.JoinGroup:
		it := w.touch(f.Unit)
		if !it.leaving {
			w.violate("%s is told to come back, but has not left", f.Unit)
		}
		it.leaving = false
	case engine.CloseSocket:
		it := w.touch(f.Unit)
		in, _ := w.input.(engine.Connections)
		looked := slices.ContainsFunc(in.Counts, func(c engine.Count) bool { return c.Socket == f.Unit })
		if looked && it.leaving && it.queued > 0 {
			w.violate("%s is closed because it was looked at, and %d wait in it", f.Unit, it.queued)
		}
		it.leaving = false
	default: // of one socket alone
	}
}

// checkLeaving makes sure that a socket that leaves is closed some time.
func (w *World) checkLeaving(it *item, v *engine.View) {
	if in, ok := w.input.(engine.Connections); ok && in.Token.Gen == it.counting {
		it.counting = 0
	}
	if it.leaving && v.Sub == "listening" && v.Job == 0 && it.counting == 0 && it.timers[engine.TimerLeave] == 0 {
		if svc, ok := w.e.Unit(v.Unit.Socket.Service); ok && svc.Job == 0 && dead(svc.Active) {
			w.violate("%s leaves, and nobody looks after it", it.name)
		}
	}
}
