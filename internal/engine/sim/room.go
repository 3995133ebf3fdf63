// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// makeSlices makes the slices, some with a ceiling.
func (w *World) makeSlices() []*unit.Unit {
	w.rooms, w.admitted = map[string]int{}, map[string]engine.Time{}
	var all []*unit.Unit
	for _, name := range w.slices {
		if name == "" {
			name = "-.slice"
		}
		u := w.newUnit(name, unit.KindSlice)
		w.setCeiling(u)
		all = append(all, u)
	}
	return all
}

func (w *World) setCeiling(u *unit.Unit) {
	u.Ceiling = nil
	delete(w.rooms, u.Name)
	if w.rng.IntN(2) == 0 {
		n := 1 + w.rng.IntN(6)
		if u.Name == "-.slice" {
			n += w.cfg.Units / 4
		}
		u.Ceiling = &unit.Ceiling{Running: uint32(n)}
		w.rooms[u.Name] = n
	}
	if w.rng.IntN(4) == 0 {
		if u.Ceiling == nil {
			u.Ceiling = &unit.Ceiling{}
		}
		u.Ceiling.Memory = 100 + w.rng.Uint64N(300)
		w.scarce = true // who waits for memory may wait for ever
	}
}

// moveCeiling is a daemon-reload that changes the ceiling of one slice.
func (w *World) moveCeiling() engine.Input {
	name := w.slices[w.rng.IntN(len(w.slices))]
	if name == "" {
		name = "-.slice"
	}
	again := *w.item(name).def
	w.setCeiling(&again)
	w.item(name).def = &again
	return engine.Loaded{Units: []*unit.Unit{&again}}
}

// below tells whether a service is in the slice or in one below it.
func below(v *engine.View, slice string) bool {
	s := v.Slice
	if s == "" {
		s = v.Unit.Slice
	}
	if s == "" {
		s = "-.slice"
	}
	for ; s != ""; s = unit.SliceParent(s) {
		if s == slice {
			return true
		}
	}
	return false
}

// behind is the service behind a bridge, or the item itself.
func (w *World) behind(it *item) *item {
	if unit.BridgedBy(it.name) == "" {
		return it
	}
	for _, name := range w.e.Depends(it.name, engine.BindsTo) {
		return w.item(name)
	}
	return it
}

// broughtBy tells whether a bridge is why the service behind it is awake, and not
// a job or another one that needs it, too.
func (w *World) broughtBy(bridge *item) bool {
	o := w.behind(bridge)
	if o.jobStep == w.res.Steps && (bridge.jobStep != w.res.Steps || o.lastJob < bridge.lastJob) {
		return false
	}
	v, _ := w.e.Unit(o.name)
	if o != bridge && v.Job != 0 && v.JobType == engine.Start && v.JobType != o.jobType {
		return false // its job has become a start
	}
	return o == bridge || strings.Contains(v.Cause, bridge.name)
}

// runs tells whether the service counts as awake.
func (w *World) runs(v *engine.View) bool {
	switch {
	case unit.BridgedBy(v.Unit.Name) != "":
		return false // it has the seat of the service behind it
	case v.Job != 0 && (v.JobType == engine.Start || v.JobType == engine.Restart):
		return v.Unit.Kind == unit.KindService
	case v.Unit.Kind != unit.KindService || w.item(v.Unit.Name).asleep || v.Sub == "exited":
		return false
	}
	return !dead(v.Active)
}

// followSleep keeps what the machine sees of sleep: from the moment at which it
// is frozen for good until it is thawed in order to run.
func (it *item) followSleep(v *engine.View) {
	slept := v.Sleeps != it.sleeps
	it.sleeps = v.Sleeps
	switch {
	case dead(v.Active), v.Active == engine.Activating:
		it.asleep = false
	case v.Freezer == "frozen" && (v.Tier != engine.TierAwake || v.Cause == "frozen on request"):
		it.asleep = true
	case slept && v.Active == engine.Deactivating: // all in one step
		it.asleep = true
	case v.Freezer != "frozen" && (v.Active == engine.Active || v.Active == engine.Reloading):
		it.asleep = false
	}
}

// checkRooms makes sure that a knock let nobody in beyond a ceiling. What starts
// in the same step because a woken service needs it does not count. Of one with
// several jobs in one step nobody can tell whether the knock came first.
func (w *World) checkRooms() {
	var woken, changed []*item
	brought := map[*item]bool{}
	for _, it := range w.dirty {
		v, ok := w.e.Unit(it.name)
		if !ok || v.Unit.Kind != unit.KindService {
			continue
		}
		changed = append(changed, it)
		switch knocked := strings.HasSuffix(v.Cause, " was knocked on") || v.Cause == "a message on the bus"; {
		case v.Wakes != it.wakes && knocked && !w.behind(it).ran && w.broughtBy(it):
			woken = append(woken, w.behind(it))
		case !it.ran, v.Wakes != it.wakes && !knocked: // by who needs it
			brought[it] = true
		}
	}
	for _, it := range changed {
		v, _ := w.e.Unit(it.name)
		it.wakes, it.ran = v.Wakes, w.runs(&v)
	}
	defer func() {
		for _, it := range changed {
			if v, _ := w.e.Unit(it.name); v.Job != 0 {
				it.jobType = v.JobType
			}
		}
	}()
	for _, it := range woken {
		delete(brought, it) // by its bridge
	}
	for _, it := range woken {
		w.noteAdmitted(it)
	}
	woken = slices.DeleteFunc(woken, func(it *item) bool { return it.jobStep == w.res.Steps && it.firstJob != it.lastJob })
	if len(woken) == 0 || len(w.rooms) == 0 {
		return
	}
	first := woken[0].lastJob
	for _, it := range woken {
		first = min(first, it.lastJob)
	}
	awake := map[string]int{}
	for v := range w.e.Units() {
		it := w.item(v.Unit.Name)
		later := it.lastJob > first || v.JobType != it.jobType // that job became a start
		again := it.jobStep == w.res.Steps && later && !slices.Contains(woken, it)
		for slice := range w.rooms {
			if w.runs(&v) && below(&v, slice) && !brought[it] && !again {
				awake[slice]++
			}
		}
	}
	for _, it := range woken {
		v, _ := w.e.Unit(it.name)
		for slice, most := range w.rooms {
			if below(&v, slice) && awake[slice] > most {
				w.violate("a knock woke %s, but %d of %s are awake, %d may be", it.name, awake[slice], slice, most)
			}
		}
	}
}

// followWait notes since when a service waits for room.
func (w *World) followWait(it *item, v *engine.View) {
	switch {
	case v.Waits == "":
		it.waits = 0
	case it.waits == 0:
		it.waits = w.now
		w.res.Waited++
	}
}

// longWait is how long nobody in a farm waits, where everybody may sleep (but for
// faults, and for what a person froze): the ones that keep the others waiting are
// found idle by every third look. Who is not the first to wait may wait three times
// as long, as each of those before it may be slow to stop.
const longWait = 20 * second

// noteAdmitted keeps when a room has let somebody in.
func (w *World) noteAdmitted(it *item) {
	v, _ := w.e.Unit(it.name)
	for slice := range w.rooms {
		if below(&v, slice) {
			w.admitted[slice] = w.now
		}
	}
}

// patience is how long a service has waited of late: since the last one was let in
// to any of its rooms, or a third of the whole time.
func (w *World) patience(it *item) engine.Time {
	since := it.waits
	if o, ok := w.e.Unit(w.behind(it).name); ok {
		for slice := range w.rooms {
			if below(&o, slice) {
				since = max(since, w.admitted[slice])
			}
		}
	}
	return max(w.now-since, (w.now-it.waits)/3)
}

// checkPatience makes sure that everybody was let in before everything stops.
func (w *World) checkPatience() {
	for v := range w.e.Units() {
		if it := w.item(v.Unit.Name); w.cfg.Shape == Farm && w.cfg.Faults == 0 && !w.scarce && it.waits != 0 && w.patience(it) > longWait {
			w.violate("%s has waited for %s for %d s", it.name, v.Waits, (w.now-it.waits)/second)
		}
	}
}

// checkWaiting makes sure that nobody waits for room where there is some.
func (w *World) checkWaiting() {
	slicesOf := func(v *engine.View) bool {
		if o, ok := w.e.Unit(w.behind(w.item(v.Unit.Name)).name); ok {
			v = &o
		}
		for slice, most := range w.rooms {
			if s, ok := w.e.Unit(slice); ok && below(v, slice) && int(s.Awake) >= most {
				return true
			}
		}
		return false
	}
	var idle []string
	for v := range w.e.Units() {
		if v.Waits != "" && v.Job == 0 && !strings.HasSuffix(v.Waits, "in memory)") && !slicesOf(&v) {
			idle = append(idle, v.Unit.Name)
		}
	}
	slices.Sort(idle)
	for _, name := range idle {
		v, _ := w.e.Unit(name)
		w.violate("%s waits for %s, but there is room", name, v.Waits)
	}
}
