// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// Shape is how the events of jobs hang together.
type Shape uint8

// The shapes.
const (
	NoJobs Shape = iota
	// Mixed makes a third of all services jobs with random expressions over
	// each other's events and some from outside.
	Mixed
	// Chain has each job start on started of the one before, and stop on
	// stopping of it.
	Chain
	// Fan has all jobs start on the event of one.
	Fan
	// Farm has no jobs: services behind sockets, in slices with ceilings, that
	// nobody starts but those who knock.
	Farm
)

func (w *World) hasJobs() bool { return w.cfg.Shape != NoJobs && w.cfg.Shape != Farm }

// makeJob gives service i its expressions.
func (w *World) makeJob(u *unit.Unit, i int) {
	s := u.Service
	s.Job = &unit.Job{Name: strings.TrimSuffix(u.Name, ".service"), ExpectTimeout: 10 * time.Second}
	s.RestartMode, s.Restart = unit.RestartDirect, unit.RestartNo
	s.Type, s.TimeoutStart, s.TimeoutStop = unit.TypeSimple, unit.Infinity, 5*time.Second
	s.Readiness, s.NotifyAccess, s.RemainAfterExit = unit.ReadyByType, unit.NotifyNone, false
	u.Events = &unit.Events{}
	switch w.cfg.Shape {
	case Chain, Fan:
		first := "startup"
		if i > 0 {
			first = "started"
		}
		u.Events.StartOn = unit.Expr{term(first)}
		if i > 0 {
			of := 0
			if w.cfg.Shape == Chain {
				of = i - 1
			}
			name := fmt.Sprintf("u%05d", of)
			u.Events.StartOn[0].Match = []unit.Match{{Value: name}}
			u.Events.StopOn = unit.Expr{term("stopping", unit.Match{Value: name})}
		}
	case Mixed:
		w.randomJob(u)
	case NoJobs, Farm:
	}
}

func (w *World) randomJob(u *unit.Unit) {
	j := u.Service.Job
	u.Events.StartOn, u.Events.StopOn = w.expr(3), w.expr(2)
	j.Task = w.rng.IntN(4) == 0
	j.Expect = unit.Expect(w.rng.IntN(4) * w.rng.IntN(2))
	if w.rng.IntN(3) == 0 {
		j.Respawn, j.RespawnCount, j.RespawnInterval = true, 10, 5*time.Second
	}
	if w.rng.IntN(6) == 0 {
		j.Instance = "$N"
	}
	if w.rng.IntN(4) == 0 {
		u.Service.Commands = append(u.Service.Commands, unit.Command{Phase: unit.PhasePreStop, Path: "/x", Args: []string{"/x"}})
	}
}

func term(name string, m ...unit.Match) unit.Term {
	return unit.Term{Op: unit.OpEvent, Event: name, Match: m}
}

// expr is a random expression of up to n operands.
func (w *World) expr(n int) unit.Expr {
	var x unit.Expr
	for i := range 1 + w.rng.IntN(n) {
		if w.rng.IntN(2) == 0 || len(w.names) == 0 {
			x = append(x, term("e"+strconv.Itoa(w.rng.IntN(8))))
		} else {
			four := []string{"starting", "started", "stopping", "stopped"}
			name := strings.TrimSuffix(w.names[w.rng.IntN(len(w.names))], ".service")
			x = append(x, term(four[w.rng.IntN(4)], unit.Match{Value: name}))
		}
		if i > 0 {
			x = append(x, unit.Term{Op: unit.Op(1 + w.rng.IntN(2))})
		}
	}
	return x
}

// emit is an event from outside; its number tells it from all others.
func (w *World) emit(name string) engine.Input {
	w.ask++
	w.asked[w.ask] = true
	w.emitted[w.ask] = true
	return engine.Happened{ID: w.ask, Name: name, Env: []string{"N=" + strconv.FormatUint(w.ask, 10)}, Wait: true, By: "the simulator"}
}

// goal is a wish of initctl.
func (w *World) goal(name string) engine.Input {
	verbs := []engine.Verb{engine.Start, engine.Stop, engine.Restart, engine.Reload}
	w.ask++
	w.asked[w.ask] = true
	return engine.AskedJob{
		ID: w.ask, Verb: verbs[w.rng.IntN(len(verbs))], Job: name, Env: []string{"N=" + strconv.Itoa(w.rng.IntN(3))}, Wait: w.rng.IntN(2) == 0,
	}
}

// reported remembers the events that the engine said are waited for.
func (w *World) reported(msg string) {
	if !strings.HasPrefix(msg, "event ") {
		return
	}
	w.res.Told++
	if _, rest, ok := strings.Cut(msg, " N="); ok {
		number, _, _ := strings.Cut(rest, " ")
		if id, err := strconv.ParseUint(number, 10, 64); err == nil {
			delete(w.emitted, id)
		}
	}
}

// fork lets a process that is followed fork as often as it should, or not.
func (w *World) fork(p *process, f engine.Spawn) {
	for n := range int(f.Follow) {
		if w.rng.IntN(8) == 0 {
			return // it forks less often than it promised
		}
		w.after(engine.Time(n)*20*millisecond, engine.Time(n+1)*20*millisecond, func() engine.Input {
			if w.procs[p.pid] != p || p.dying || p.of.frozen {
				return nil
			}
			w.pid++
			delete(w.procs, p.pid)
			p.pid = w.pid
			w.procs[p.pid] = p
			return engine.Followed{Token: f.Token, Pid: p.pid, Forks: uint8(n + 1), Exact: true}
		})
	}
}
