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

// boot loads a random graph, starts it, lets life happen, and shuts down.
func (w *World) boot() {
	all := w.newUnit("all.target", unit.KindTarget)
	w.slices = []string{"", "a.slice", "a-b.slice", "a-b-c.slice", "d.slice"}
	var load engine.Loaded
	for i := range w.cfg.Units {
		for _, u := range w.makeUnits(i) {
			load.Units = append(load.Units, u)
			if w.cfg.Shape == Farm {
				if u.Kind == unit.KindSocket {
					all.Deps = append(all.Deps, unit.Dep{Kind: unit.Wants, Name: u.Name})
				}
			} else if w.rng.IntN(10) < 7 && u.Name != "template.service" {
				all.Deps = append(all.Deps, unit.Dep{Kind: unit.Wants, Name: u.Name})
			}
		}
	}
	load.Units = append(append(load.Units, w.makeSlices()...), all)
	w.after(0, 0, func() engine.Input { return load })
	if !w.hasJobs() || w.cfg.Shape == Mixed {
		w.after(millisecond, millisecond, func() engine.Input { return w.wish(engine.Start, "all.target", unit.ModeReplace) })
	}
	if w.hasJobs() {
		w.after(millisecond, millisecond, func() engine.Input { return w.emit("startup") })
	}
	span := engine.Time(w.cfg.Asks)*2*millisecond + 30*second
	for range w.cfg.Asks {
		w.after(second, span, w.something)
	}
	w.after(span+second, span+second, func() engine.Input {
		w.checkPatience()
		w.down = true
		return engine.AskedShutdown{}
	})
}

// makeUnits makes the i-th service, sometimes with a socket.
func (w *World) makeUnits(i int) []*unit.Unit {
	name := fmt.Sprintf("u%05d", i)
	if w.cfg.Shape == Chain || w.cfg.Shape == Fan {
		u := w.newUnit(name+".service", unit.KindService)
		w.fillService(u)
		u.Service.Commands = []unit.Command{{Phase: unit.PhaseStart, Path: "/x", Args: []string{"/x"}}}
		w.makeJob(u, i)
		w.names = append(w.names, u.Name)
		return []*unit.Unit{u}
	}
	if w.cfg.Shape != Farm && w.rng.IntN(20) == 0 {
		u := w.newUnit(name+".target", unit.KindTarget)
		w.addDeps(u)
		w.names = append(w.names, u.Name)
		return []*unit.Unit{u}
	}
	if w.cfg.Shape != Farm && w.rng.IntN(50) == 0 {
		return w.makeGroup(i)
	}
	u := w.newUnit(name+".service", unit.KindService)
	w.fillService(u)
	if w.cfg.Shape == Farm {
		u.Service.TimeoutStop = 2 * time.Second // some take no notice of SIGTERM
		u.Service.Type, u.Service.Commands = unit.TypeSimple, []unit.Command{{Phase: unit.PhaseStart, Path: "/x", Args: []string{"/x"}}}
	} else {
		w.addDeps(u)
		w.makeMember(u)
	}
	units := []*unit.Unit{u}
	if w.cfg.Shape == Mixed && w.rng.IntN(3) == 0 {
		w.makeJob(u, i)
		w.names = append(w.names, u.Name)
		return units
	}
	if w.cfg.Shape == Farm || w.rng.IntN(10) == 0 {
		s := w.newUnit(name+".socket", unit.KindSocket)
		s.Socket = w.socketOf(u.Name, unit.Infinity)
		if w.cfg.Shape == Farm || w.rng.IntN(2) == 0 {
			s.Socket.IdleSec = time.Second
			s.Socket.IdleAction = unit.IdleAction(w.rng.IntN(2))
		}
		if w.rng.IntN(2) == 0 {
			u.Service.Tiers = &unit.Tiers{
				Reclaim: w.span(unit.Infinity), Stop: w.span(unit.Infinity), MinUp: w.span(0),
			}
		}
		s.Deps = []unit.Dep{{Kind: unit.Triggers, Implicit: true, Name: u.Name}, {Kind: unit.Before, Implicit: true, Name: u.Name}}
		u.Service.Sockets = []string{s.Name}
		u.Deps = append(u.Deps, unit.Dep{Kind: unit.Wants, Implicit: true, Name: s.Name}, unit.Dep{Kind: unit.After, Implicit: true, Name: s.Name})
		w.socks = append(w.socks, w.item(s.Name))
		units = append(units, s)
		if w.cfg.Shape != Farm && w.rng.IntN(3) == 0 { // a bridge is outside of the slice, and gives no seat back
			units = append(units, w.makeBridge(u, s))
		}
	}
	w.names = append(w.names, u.Name)
	return units
}

// span is a time of up to three seconds, or none.
func (w *World) span(none time.Duration) time.Duration {
	if w.rng.IntN(3) == 0 {
		return none
	}
	return time.Duration(w.rng.Int64N(int64(3 * time.Second)))
}

// makeBridge puts a bridge before the service of a socket (X-Handover=bridge:).
func (w *World) makeBridge(u, s *unit.Unit) *unit.Unit {
	b := w.newUnit(unit.BridgeOf(s.Name), unit.KindService)
	b.Service = &unit.Service{
		Type: unit.TypeNotify, NotifyAccess: unit.NotifyMain, GuessMainPID: true, RestartSec: 100 * time.Millisecond,
		Restart: unit.RestartOnAbort, RestartForce: &unit.ExitSet{Codes: []uint8{1, 2}, Signals: []uint8{sigKill}}, RestartMode: unit.RestartDirect,
		RestartMaxDelay: unit.Infinity, TimeoutStart: 90 * time.Second, TimeoutStop: 90 * time.Second,
		RuntimeMax: unit.Infinity, Kill: defaultKill, Exec: &unit.Exec{}, Sockets: []string{s.Name},
		Commands: []unit.Command{{Phase: unit.PhaseStart, Path: "/x", Args: []string{"/x"}}},
	}
	if w.cfg.Shape == Farm {
		b.Service.TimeoutStop = u.Service.TimeoutStop
	}
	for _, k := range []unit.DepKind{unit.BindsTo, unit.After, unit.BoundBy} {
		b.Deps = append(b.Deps, unit.Dep{Kind: k, Name: u.Name})
	}
	for _, k := range []unit.DepKind{unit.Wants, unit.After} {
		b.Deps = append(b.Deps, unit.Dep{Kind: k, Implicit: true, Name: s.Name})
	}
	s.Socket.Handover, s.Socket.Service = unit.HandoverBridge, b.Name
	for i := range s.Deps {
		s.Deps[i].Name = b.Name
	}
	return b
}

var defaultKill = unit.Kill{Signal: 15, FinalSignal: sigKill, WatchdogSignal: 6, SendSIGKILL: true}

func (w *World) newUnit(name string, k unit.Kind) *unit.Unit {
	u := &unit.Unit{
		Name: name, Kind: k, DefaultDependencies: true, OnSuccessJobMode: unit.ModeFail, FailureActionExit: -1,
		SuccessActionExit: -1, StartLimitInterval: 10 * time.Second, StartLimitBurst: 5,
	}
	w.item(name).def = u
	return u
}

func (w *World) fillService(u *unit.Unit) {
	types := []unit.ServiceType{unit.TypeSimple, unit.TypeExec, unit.TypeOneshot, unit.TypeNotify}
	policies := []unit.RestartPolicy{unit.RestartNo, unit.RestartNo, unit.RestartOnFailure, unit.RestartAlways}
	s := &unit.Service{
		Type: types[w.rng.IntN(len(types))], GuessMainPID: true, RestartSec: 100 * time.Millisecond,
		RestartMaxDelay: unit.Infinity, TimeoutStart: 90 * time.Second, TimeoutStop: 90 * time.Second,
		RuntimeMax: unit.Infinity, Kill: defaultKill, Exec: &unit.Exec{},
	}
	if w.rng.IntN(4) == 0 {
		s.Kill.Mode = unit.KillMixed
	}
	if w.rng.IntN(8) == 0 {
		s.Throttle = 3 * time.Second
	}
	if s.Type == unit.TypeNotify {
		s.NotifyAccess = unit.NotifyMain
	}
	if s.Type == unit.TypeOneshot {
		s.RemainAfterExit = w.rng.IntN(2) == 0
	} else {
		s.Restart = policies[w.rng.IntN(len(policies))]
		s.RestartMode = unit.RestartMode(w.rng.IntN(2))
	}
	for p, chance := range [unit.PhaseStopPost + 1]int{1, 4, 20, 2, 0, 3, 3} {
		if w.rng.IntN(20) < chance {
			s.Commands = append(s.Commands, unit.Command{Phase: unit.Phase(p), Path: "/x", Args: []string{"/x"}})
		}
	}
	if w.rng.IntN(10) == 0 {
		u.Conditions = []unit.Condition{{Type: "PathExists", Arg: "/x", Assert: w.rng.IntN(2) == 0}}
	}
	u.Service = s
	u.Slice = w.slices[w.rng.IntN(len(w.slices))]
}

// addDeps links u to units of lower number, so that nearly all order is free of
// rings, and sometimes to one of higher number.
func (w *World) addDeps(u *unit.Unit) {
	if len(w.names) == 0 {
		return
	}
	pulls := []unit.DepKind{
		unit.Wants, unit.Wants, unit.Wants, unit.Requires, unit.Requires, unit.BindsTo, unit.PartOf, unit.Requisite,
		unit.Upholds, unit.OnFailure, unit.OnSuccess, unit.PropagatesStopTo, unit.Conflicts,
	}
	for range w.rng.IntN(4) {
		kind, other := pulls[w.rng.IntN(len(pulls))], w.names[w.rng.IntN(len(w.names))]
		if kind == unit.Conflicts && w.rng.IntN(10) != 0 {
			continue
		}
		u.Deps = append(u.Deps, unit.Dep{Kind: kind, Name: other})
		if w.rng.IntN(2) == 0 {
			u.Deps = append(u.Deps, unit.Dep{Kind: unit.After, Name: other})
		}
	}
	if w.rng.IntN(3) == 0 {
		u.Deps = append(u.Deps, unit.Dep{Kind: unit.After, Name: w.names[w.rng.IntN(len(w.names))]})
	}
	if w.rng.IntN(200) == 0 { // may close a ring
		other := fmt.Sprintf("u%05d.service", w.rng.IntN(w.cfg.Units))
		u.Deps = append(u.Deps, unit.Dep{Kind: unit.After, Name: other}, unit.Dep{Kind: unit.Wants, Name: other})
	}
	u.StopWhenUnneeded = w.rng.IntN(50) == 0
}

// something is one event from outside.
func (w *World) something() engine.Input {
	name := w.names[w.rng.IntN(len(w.names))]
	if w.down {
		return nil
	}
	if w.cfg.Shape == Farm && w.rng.IntN(20) != 0 {
		return w.knock()
	}
	if w.hasJobs() && w.rng.IntN(3) == 0 {
		if w.rng.IntN(2) == 0 {
			return w.emit("e" + strconv.Itoa(w.rng.IntN(8)))
		}
		return w.goal(name)
	}
	switch w.rng.IntN(20) {
	case 0, 1, 2, 3:
		return w.wish(engine.Start, name, unit.ModeReplace)
	case 4, 5, 6:
		return w.wish(engine.Stop, name, unit.ModeReplace)
	case 7, 8:
		return w.wish(engine.Restart, name, unit.ModeReplace)
	case 9:
		return w.wish(engine.TryRestart, name, unit.ModeFail)
	case 10:
		return w.wish(engine.ReloadOrRestart, name, unit.ModeReplace)
	case 11:
		if m := unit.JobMode(w.rng.IntN(9)); m != unit.ModeIgnoreDependencies { // which ignores order
			return w.wish(engine.Start, name, m)
		}
		return w.wish(engine.VerifyActive, name, unit.ModeReplace)
	case 12:
		return engine.AskedReset{Unit: name}
	case 13:
		for id := range w.e.Jobs() {
			return engine.AskedCancel{Job: id.Job}
		}
		return nil
	case 17:
		if w.rng.IntN(4) == 0 {
			return w.moveCeiling()
		}
		return w.knock()
	case 14:
		if u := w.item(name).def; u.Kind == unit.KindService {
			again := *u
			again.Deps, again.Slice = nil, w.slices[w.rng.IntN(len(w.slices))]
			w.addDeps(&again)
			for _, d := range u.Deps {
				if d.Implicit {
					again.Deps = append(again.Deps, d)
				}
			}
			w.scarce = w.scarce || slices.ContainsFunc(again.Deps, func(d unit.Dep) bool { return d.Kind == unit.Upholds }) // which start it again at once
			w.item(name).def, w.item(name).loaded = &again, w.res.Steps
			return engine.Loaded{Units: []*unit.Unit{&again}}
		}
		return nil
	case 15:
		return w.freezer(name)
	case 16:
		return w.someResize()
	}
	return w.knock()
}

func (w *World) wish(v engine.Verb, name string, m unit.JobMode) engine.Input {
	w.ask++
	w.asked[w.ask] = true
	return engine.Asked{ID: w.ask, Verb: v, Unit: name, Mode: m, Manual: true}
}

// knock lets a client connect to a random socket.
func (w *World) knock() engine.Input {
	if len(w.socks) == 0 {
		return nil
	}
	it := w.socks[w.rng.IntN(len(w.socks))]
	if it.open && !it.leaving {
		it.queued++
		w.readable(it)
	}
	return nil
}

// readable tells the engine, if it still wants to know by then, that a client
// waits. Clients of a service that does not start give up some time.
func (w *World) readable(it *item) {
	if it.queued > 0 && w.rng.IntN(4) == 0 {
		it.queued = 0
	}
	if !it.armed || it.queued == 0 {
		return
	}
	w.after(0, millisecond, func() engine.Input {
		if !it.armed || it.queued == 0 {
			return nil
		}
		it.armed = false
		return engine.Readable{Unit: it.name}
	})
}
