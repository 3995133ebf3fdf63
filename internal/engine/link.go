// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

// load takes new definitions in, links them, and lets go of those that are
// gone.
func (e *Engine) load(in Loaded) {
	ids := make([]int32, 0, len(in.Units))
	gone := in.Gone
	for _, u := range in.Units {
		if e.unbridged(u) {
			gone = append(slices.Clip(gone), u.Name)
			continue
		}
		ids = append(ids, e.define(u).id)
	}
	for _, id := range ids {
		if n := e.nodes[id]; n != nil { // no placeholder that became an alias
			e.relink(n)
			e.enlist(n)
		}
	}
	for _, id := range ids {
		n := e.nodes[id]
		if n == nil {
			continue // a placeholder that the one before it has let go of
		}
		e.linkDefaults(n)
		e.sweep(n)
		e.work.push(reaction{do: recheck, node: id})
		e.regroupAround(n)
		e.followFiles(n)
		if svc := e.wokenBy(n); svc != nil {
			e.work.push(reaction{do: tellTrigger, node: id, other: svc.id})
		}
	}
	for _, id := range ids {
		// What is not there and nobody names was only looked at. Anybody may
		// do that with any name.
		if n := e.nodes[id]; n != nil {
			e.dropIfUseless(n)
		}
	}
	e.needsThawed()
	for _, name := range gone {
		if n := e.node(name); n != nil && n.view.Load != unit.NotFound && !e.keptMember(n, gone) {
			n.view.Load = unit.NotFound
			n.flag |= flagCollect | flagGone
			e.roomsStale = e.roomsStale || e.rooms[name] != nil
			e.changed(n)
			e.work.push(reaction{do: recheck, node: n.id})
		}
	}
}

// adopt makes a unit that was compiled for this moment only known to the
// engine: an Accept=yes instance, or a transient unit. It is forgotten by itself
// when it is inactive (or failed, by CollectMode=) and has no job.
func (e *Engine) adopt(u *unit.Unit) *node {
	n := e.define(u)
	e.relink(n)
	e.linkDefaults(n)
	e.sweep(n)
	n.flag |= flagCollect
	e.work.push(reaction{do: recheck, node: n.id}) // if its start is refused, no job ends that would have it forgotten
	return n
}

// define makes or finds the node of u and gives it its definition.
func (e *Engine) define(u *unit.Unit) *node {
	n := e.node(u.Name)
	if n == nil || n.def.Name != u.Name {
		n = e.newNode(u)
	}
	for _, a := range n.def.Aliases {
		if id, ok := e.byName[a]; ok && id == n.id {
			delete(e.byName, a)
		}
	}
	if n.ev == nil || n.ev.Class == 0 {
		e.listen(n, true)
	}
	u = e.keepGroup(n, e.keepRunning(n, u))
	load, closes := u.Load, closedWhenGone(n)
	u = keepOpen(n, u)
	e.newExpressions(n, u)
	e.redefine(n, u)
	n.view.Load = load
	e.tellMoved(n)
	n.flag &^= flagGone
	if load == unit.NotFound && closes {
		n.flag |= flagCollect | flagGone
	} else if !u.Transient {
		n.flag &^= flagCollect
	} else {
		n.flag |= flagCollect
	}
	if u.Socket != nil && u.Socket.Leaving {
		n.flag |= flagCollect
	}
	if u.Perpetual && n.view.Active != Active {
		n.view.Active, n.view.Sub = Active, "active"
	}
	for _, a := range u.Aliases {
		e.alias(n, a)
	}
	e.changed(n)
	return n
}

// redefine gives n another definition.
func (e *Engine) redefine(n *node, u *unit.Unit) {
	e.roomsStale = e.roomsStale || e.roomsChange(n, u)
	n.def, n.view.Unit = u, u
}

func (e *Engine) newNode(u *unit.Unit) *node {
	n := &node{def: u, view: View{
		Unit: u, Load: u.Load, Sub: "dead", Result: "success", Freezer: "running",
	}}
	if k := len(e.free); k > 0 {
		n.id = e.free[k-1]
		e.free = e.free[:k-1]
		e.nodes[n.id] = n
	} else {
		n.id = int32(len(e.nodes))
		e.nodes = append(e.nodes, n)
	}
	e.byName[u.Name] = n.id
	return n
}

// alias makes name lead to n. A placeholder of that name, made because others
// depend on it, hands its links over.
func (e *Engine) alias(n *node, name string) {
	id, known := e.byName[name]
	if known && id == n.id {
		return
	}
	if known {
		old := e.nodes[id]
		if old.def.Name != name || old.view.Load != unit.NotFound {
			e.record(RecordWarning, n, "%s is a unit of its own and cannot be another name of this one, ignoring the alias", name)
			return
		}
		if old.job != nil {
			e.finish(old, JobCanceled, false)
		}
		for len(old.edges) > 0 {
			x := old.edges[len(old.edges)-1]
			e.unlink(old, int32(len(old.edges)-1))
			e.link(n, x.Rel, e.nodes[x.Peer], x.From)
		}
		e.drop(old)
	}
	e.byName[name] = n.id
}

// placeholder stands for a unit that others name but that never came.
func (e *Engine) placeholder(name string) *node {
	return e.newNode(&unit.Unit{Name: name, Kind: kindOf(name), Load: unit.NotFound})
}

// kindOf tells the kind of a unit from its name.
func kindOf(name string) unit.Kind {
	suffix := name[strings.LastIndexByte(name, '.')+1:]
	switch suffix {
	case "service":
		return unit.KindService
	case "socket":
		return unit.KindSocket
	case "target":
		return unit.KindTarget
	case "slice":
		return unit.KindSlice
	case "timer":
		return unit.KindTimer
	case "path":
		return unit.KindPath
	case "mount":
		return unit.KindMount
	case "automount":
		return unit.KindAutomount
	case "swap":
		return unit.KindSwap
	case "scope":
		return unit.KindScope
	case "device":
		return unit.KindDevice
	}
	return unit.KindInvalid
}

// relink replaces the links that n's former definition asked for by those of
// its present one. What nobody asks for any more stays, marked, for sweep.
func (e *Engine) relink(n *node) {
	for i := range n.edges {
		x := &n.edges[i]
		x.From &^= fromHere | fromDefault
		e.nodes[x.Peer].edges[x.Back].From &^= fromPeer | fromDefault
	}
	for _, d := range n.def.Deps {
		m := e.node(d.Name)
		if m == nil {
			m = e.placeholder(d.Name)
		}
		e.link(n, Relation(d.Kind), m, fromHere)
	}
}

// linkDefaults gives targets their After= on what they pull in, unless either
// side has DefaultDependencies=no or they are ordered the other way round
// (systemd.target(5), Default Dependencies). n is a target, or pulled in by one.
func (e *Engine) linkDefaults(n *node) {
	for i := range len(n.edges) {
		x := n.edges[i]
		if x.From == 0 {
			continue
		}
		t, m := n, e.nodes[x.Peer]
		if pulledByGroup.has(x.Rel) {
			t, m = m, n
		} else if !targetPulls.has(x.Rel) {
			continue
		}
		if t.def.Kind != unit.KindTarget || t.def.Load != unit.Loaded || m.def.Load != unit.Loaded ||
			!t.def.DefaultDependencies || !m.def.DefaultDependencies || e.wanted(t, Before, m) {
			continue
		}
		e.link(t, After, m, fromDefault)
	}
}

// wanted tells whether the link exists and is still asked for.
func (e *Engine) wanted(n *node, r Relation, m *node) bool {
	i := e.findEdge(n, r, m)
	return i >= 0 && n.edges[i].From != 0
}

// sweep removes the links of n that nobody asks for any more, and the
// placeholders that only they kept.
func (e *Engine) sweep(n *node) {
	for i := int32(len(n.edges)) - 1; i >= 0; i-- {
		if n.edges[i].From != 0 {
			continue
		}
		m := e.nodes[n.edges[i].Peer]
		e.unlink(n, i)
		e.dropIfUseless(m)
	}
}

// dropIfUseless forgets a placeholder that no unit names any more.
func (e *Engine) dropIfUseless(n *node) {
	if len(n.edges) == 0 && n.def.Load == unit.NotFound && n.job == nil && n.view.Active == Inactive {
		e.drop(n)
	}
}

// forget unloads an inactive unit. If others still name it, a placeholder
// stays in its place.
func (e *Engine) forget(n *node) {
	e.kindForget(n)
	for i := range n.edges {
		x := &n.edges[i]
		x.From &^= fromHere | fromDefault
		e.nodes[x.Peer].edges[x.Back].From &^= fromPeer | fromDefault
	}
	e.sweep(n)
	if len(n.edges) == 0 {
		e.drop(n)
		return
	}
	for _, a := range n.def.Aliases {
		if id, ok := e.byName[a]; ok && id == n.id {
			delete(e.byName, a)
		}
	}
	e.deafen(n)
	e.emit(UnitForgotten{Unit: n.def.Name})
	u := &unit.Unit{Name: n.def.Name, Kind: n.def.Kind, Load: unit.NotFound}
	n.def = u
	n.view = View{Unit: u, Load: u.Load, Sub: "dead", Result: "success", Freezer: "running"}
	n.service, n.socket, n.auto, n.ev, n.why = nil, nil, nil, nil, nil
	n.flag &= flagChanged
}

// drop takes an unlinked node out of the engine.
func (e *Engine) drop(n *node) {
	e.deafen(n)
	delete(e.byName, n.def.Name)
	for _, a := range n.def.Aliases {
		if id, ok := e.byName[a]; ok && id == n.id {
			delete(e.byName, a)
		}
	}
	e.nodes[n.id] = nil
	e.free = append(e.free, n.id)
	e.emit(UnitForgotten{Unit: n.def.Name})
}
