// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"slices"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// process is a pretend process.
type process struct {
	pid     int32
	of      *item
	main    bool
	child   bool // forked by the service, not spawned by us
	ready   bool // it has executed its program
	dying   bool
	pending uint8 // signal that waits for the thaw or the exec
}

const (
	sigKill = 9
	exited  = 1
	killed  = 2
)

// spawn lets a process come into being, or fail to.
func (w *World) spawn(f engine.Spawn) {
	it := w.touch(f.Token.Unit)
	w.res.Spawns++
	w.checkTurn(it)
	it.spawning++
	if f.Conn != 0 {
		if !w.conns[f.Conn] {
			w.violate("%s serves connection %d, which is not there", it.name, f.Conn)
		}
		if takes(it, f) {
			delete(w.conns, f.Conn)
		}
	}
	w.after(0, 10*millisecond, func() engine.Input {
		it.spawning--
		if w.fault() {
			w.emptied(it)
			return engine.SpawnFailed{Token: f.Token, Status: 200, Step: "clone", Msg: "cannot clone"}
		}
		w.pid++
		p := &process{pid: w.pid, of: it, main: f.Role == engine.RoleMain}
		w.procs[p.pid] = p
		it.procs = append(it.procs, p)
		w.after(0, 10*millisecond, func() engine.Input { return w.execute(p, f) })
		if w.fault() {
			w.answer(engine.Spawned{Token: f.Token, Pid: p.pid})
		}
		return engine.Spawned{Token: f.Token, Pid: p.pid}
	})
}

// takes tells whether the order hands its connection over; others borrow it.
func takes(it *item, f engine.Spawn) bool {
	if f.Role == engine.RoleMain || it.def == nil || it.def.Service == nil || int(f.Index) >= len(it.def.Service.Commands) {
		return true
	}
	return it.def.Service.Commands[f.Index].Phase == unit.PhaseStart
}

// execute is the moment of execve(2).
func (w *World) execute(p *process, f engine.Spawn) engine.Input {
	p.ready = true
	if w.fault() {
		w.end(p, exited, 203)
		return engine.SpawnFailed{Token: f.Token, Status: 203, Step: "exec", Msg: "no such file"}
	}
	if p.pending != 0 {
		w.hit(p, p.pending)
	} else {
		w.live(p, f)
	}
	return engine.Executed{Token: f.Token}
}

// live decides what the process does with its life.
func (w *World) live(p *process, f engine.Spawn) {
	for _, s := range f.Sockets {
		w.item(s).queued = 0
	}
	w.fork(p, f)
	typ := unit.TypeOneshot
	if p.of.def != nil && p.main {
		typ = p.of.def.Service.Type
	}
	switch {
	case !p.main || typ == unit.TypeOneshot || f.Conn != 0:
		w.after(0, 2*second, func() engine.Input { return w.leave(p) })
		return
	case typ == unit.TypeNotify && w.rng.IntN(50) != 0:
		w.after(0, second, func() engine.Input {
			if w.procs[p.pid] != p || p.of.frozen {
				return nil
			}
			return engine.Notified{Unit: p.of.name, Pid: p.pid, Ready: true, ExitStatus: -1, NotifyAccess: -1}
		})
	}
	if w.rng.IntN(8) == 0 { // a daemon that will crash, or be done
		w.after(second, 60*second, func() engine.Input { return w.leave(p) })
	}
	if w.rng.IntN(4) == 0 && !p.child {
		w.pid++
		c := &process{pid: w.pid, of: p.of, child: true, ready: true}
		w.procs[c.pid] = c
		p.of.procs = append(p.of.procs, c)
	}
}

// leave is the end that the process itself chooses.
func (w *World) leave(p *process) engine.Input {
	if w.procs[p.pid] != p || p.dying || p.of.frozen {
		return nil
	}
	status := uint8(0)
	if w.fault() || w.rng.IntN(10) == 0 {
		status = 1
	}
	return w.gone(p, exited, status)
}

// end lets the process end soon.
func (w *World) end(p *process, code, status uint8) {
	if p.dying && status != sigKill {
		return
	}
	p.dying = true
	w.after(0, 50*millisecond, func() engine.Input {
		if w.procs[p.pid] != p {
			return nil
		}
		return w.gone(p, code, status)
	})
}

// gone takes the process out of the machine and returns its exit.
func (w *World) gone(p *process, code, status uint8) engine.Input {
	it := p.of
	delete(w.procs, p.pid)
	it.procs = slices.DeleteFunc(it.procs, func(q *process) bool { return q == p })
	w.emptied(it)
	if p.child {
		return nil // reaped by its own parent, or by the guardian without a word
	}
	in := engine.Exited{Pid: p.pid, Code: code, Status: status}
	if w.fault() {
		w.answer(in)
	}
	return in
}

// emptied answers WatchCgroup once the unit has no process.
func (w *World) emptied(it *item) {
	if it.watch.Gen == 0 || len(it.procs) > 0 || it.spawning > 0 {
		return
	}
	in := engine.CgroupEmptied{Token: it.watch}
	it.watch = engine.Token{}
	w.answer(in)
}

// signal sends a signal to whom the order names.
func (w *World) signal(f engine.Signal) {
	it := w.touch(f.Unit)
	w.checkStopTurn(it)
	for _, p := range slices.Clone(it.procs) {
		if f.Group || p.pid == f.Main || p.pid == f.Control {
			w.hit(p, f.Sig)
		}
	}
}

// hit is what a signal does to one process: SIGKILL kills, all else nearly
// always does, unless the process is frozen or has not yet executed.
func (w *World) hit(p *process, sig uint8) {
	switch {
	case sig == sigKill:
		w.end(p, killed, sigKill)
	case p.of.frozen || !p.ready:
		p.pending = sig
	case w.rng.IntN(20) == 0: // it takes no notice
	case w.rng.IntN(2) == 0:
		w.end(p, exited, 0)
	default:
		w.end(p, killed, sig)
	}
}
