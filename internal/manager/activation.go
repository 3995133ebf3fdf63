// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"fmt"

	"github.com/rouse-init/rouse/internal/bus/systemd1"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// activations are the units that a bus holds messages for, by name.
type activations struct {
	asked map[string]activation // a start of them was asked for
	owed  map[string]activation // they run without their name, see activate
	// early are the failures before the first connection to a bus, which may
	// wait for the units since the manager before this one.
	early []failure
}

// activation is one of them under the name that the bus calls it, which may be
// an alias, and its own name on the bus.
type activation struct {
	link *busLink
	unit string
	name string
}

func newActivations() activations {
	return activations{asked: make(map[string]activation), owed: make(map[string]activation)}
}

// failure is what a bus is to tell its senders.
type failure struct {
	activation
	code, msg string
}

// maxEarly is how many failures are kept.
const maxEarly = 256

func (b *buses) fail(a activation, code, msg string) {
	switch {
	case a.link.met:
		a.link.bus.ActivationFailed(a.unit, code, msg)
	case b.m.start.Restarts > 0 && len(b.early) < maxEarly:
		b.early = append(b.early, failure{a, code, msg})
	}
}

// activate starts what the bus holds messages for. Jobs hear of it as an event
// first. A unit that runs without its name has lost it and ends, or takes it
// again after the bus was away: it is started when it is down.
func (b *buses) activate(l *busLink, unitName string) {
	m, a := b.m, activation{link: l, unit: unitName}
	v, err := m.Load(unitName)
	if err != nil || v.Load != unit.Loaded {
		msg := fmt.Sprintf("Unit %s not found.", unitName)
		if err == nil && v.Unit != nil && v.Unit.LoadErr != nil {
			msg = v.Unit.LoadErr.String()
		}
		b.fail(a, systemd1.ErrorName("NoSuchUnit"), msg)
		return
	}
	if s := v.Unit.Service; s != nil && s.BusName != "" && m.engine.Hears("dbus-activation") {
		bus := "system"
		if s.Job != nil && s.Job.SessionBus || s.Job == nil && m.cfg.user(m.uid) {
			bus = "session"
		}
		m.happened("dbus-activation", []string{"NAME=" + s.BusName, "BUS=" + bus}, "a message to "+s.BusName)
	}
	verb := engine.Start
	if s := v.Unit.Service; s != nil && s.Type == unit.TypeDBus && (v.Active == engine.Active || v.Active == engine.Reloading) {
		if !l.bus.Gone(s.BusName) {
			a.name = s.BusName
			b.owed[v.Unit.Name] = a
			return
		}
		verb = engine.Restart
	}
	b.start(a, v.Unit.Name, verb)
}

func (b *buses) start(a activation, name string, verb engine.Verb) {
	b.m.ask(verb, name, unit.ModeReplace, false, func(r engine.Reply) {
		if r.Err != nil {
			b.fail(a, systemd1.ErrorName(r.Err.Code), r.Err.Msg)
			return
		}
		b.asked[name] = a
	})
}

// unitChanged starts a unit again that the bus has waited for while it ended.
func (b *buses) unitChanged(name string) {
	b.moved = true
	a, ok := b.owed[name]
	if !ok {
		return
	}
	switch v, _ := b.m.engine.Unit(name); v.Active {
	case engine.Inactive, engine.Failed, engine.Deactivating:
		delete(b.owed, name)
		b.start(a, name, engine.Start)
	case engine.Active, engine.Reloading, engine.Activating:
	}
}

// jobRemoved tells the bus of a start that came to nothing. A bus that waits
// for no such unit ignores it; so what a manager before this one was asked for
// need not be known.
func (b *buses) jobRemoved(f engine.JobRemoved) {
	if f.Type != engine.Start && f.Type != engine.Restart {
		return
	}
	a, asked := b.asked[f.Unit]
	v, ok := b.m.engine.Unit(f.Unit)
	if !ok || v.Job != 0 && v.Job != f.Job {
		return // another job goes on with it
	}
	delete(b.asked, f.Unit)
	named := v.Unit != nil && v.Unit.Service != nil && v.Unit.Service.Type == unit.TypeDBus
	if !asked && !named {
		return
	}
	var msg string
	switch {
	case f.Result != engine.JobDone:
		msg = fmt.Sprintf("the start of %s ended as %q", f.Unit, f.Result)
		if v.Failure != "" {
			msg += ": " + v.Failure
		}
	case v.Active == engine.Inactive || v.Active == engine.Failed:
		msg = f.Unit + " was not started: a condition does not hold"
	default:
		return
	}
	if asked {
		b.fail(a, systemd1.ErrorName("JobFailed"), msg)
		return
	}
	for _, l := range b.list {
		if l.owner {
			for _, name := range append([]string{f.Unit}, v.Unit.Aliases...) {
				b.fail(activation{link: l, unit: name}, systemd1.ErrorName("JobFailed"), msg)
			}
		}
	}
}

// meet is called when a bus is there.
func (b *buses) meet(l *busLink) {
	if l.met {
		return
	}
	l.met = true
	old := b.early
	b.early = nil
	for _, f := range old {
		b.fail(f.activation, f.code, f.msg)
	}
}
