// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/engine"
)

// perform does to the machine what the engine orders, and lets the answer come.
func (w *World) perform(f engine.Effect) {
	switch f := f.(type) {
	case engine.Spawn:
		w.spawn(f)
	case engine.Signal:
		w.signal(f)
	case engine.WatchCgroup:
		it := w.touch(f.Token.Unit)
		it.watch = f.Token // of what is in the cgroup, and of what is on the way there
		w.emptied(it)
	case engine.RemoveCgroup:
		if it := w.touch(f.Unit); len(it.procs) > 0 {
			w.violate("%s: its cgroup is to be removed, but process %d is in it", f.Unit, it.procs[0].pid)
		}
	case engine.ReadPIDFile:
		w.answer(engine.PIDFileRead{Token: f.Token})
	case engine.CheckConditions:
		in := engine.ConditionsChecked{Token: f.Token, Failed: -1}
		if w.rng.IntN(4) == 0 {
			in.Failed = 0
		}
		w.answer(in)
	case engine.Freeze:
		w.freeze(f.Token)
	case engine.Thaw:
		w.thaw(f.Token)
	case engine.Reclaim:
		w.reclaim(f.Token)
	case engine.MeasureMemory:
		w.measure(f)
	case engine.ArmTimer:
		w.armTimer(f)
	case engine.DisarmTimer:
		w.touch(f.Unit).timers[f.Timer] = 0
	case engine.Reply:
		if !w.asked[f.ID] {
			w.violate("reply to %d, which was not asked or has its reply", f.ID)
		}
		delete(w.asked, f.ID)
		delete(w.emitted, f.ID)
	case engine.JobQueued:
		w.res.Jobs++
		w.jobs[f.Job] = f.Unit
		it := w.touch(f.Unit)
		if it.jobStep != w.res.Steps {
			it.jobStep, it.firstJob = w.res.Steps, f.Job
		}
		it.job, it.lastJob, it.jobType = f.Job, f.Job, f.Type
	case engine.JobRemoved:
		if _, ok := w.jobs[f.Job]; !ok {
			w.violate("job %d of %s was removed but never queued", f.Job, f.Unit)
		}
		delete(w.jobs, f.Job)
		if it := w.touch(f.Unit); it.job == f.Job {
			it.job = 0
		}
	case engine.UnitChanged:
		w.touch(f.Unit)
	case engine.Record:
		w.reported(f.Msg)
		if f.Level == engine.RecordBug {
			w.violate("the engine reports a bug: %s: %s", f.Unit, f.Msg)
		}
		if strings.Contains(f.Msg, "is run out of order") {
			w.item(f.Unit).unordered = true
		}
	case engine.Finished:
		w.res.Finished = true
		if len(w.procs) > 0 {
			w.violate("finished, but %d processes are left", len(w.procs))
		}
	case engine.UnitForgotten:
		if it := w.item(f.Unit); len(it.procs) > 0 {
			w.violate("%s was forgotten with a process", f.Unit)
		}
	case engine.Emitted, engine.Completed, engine.ArmSource, engine.DropStored, engine.RemovePIDFile, engine.RunAction:
	case engine.OpenSocket, engine.CloseSocket, engine.ArmSocket, engine.DisarmSocket, engine.FlushSocket,
		engine.DropConnection, engine.CountConnections, engine.WatchConnections, engine.UnwatchConnections,
		engine.HoldConnections, engine.ReleaseConnections, engine.LeaveGroup, engine.JoinGroup:
		w.performSocket(f)
	}
}

func (w *World) armTimer(f engine.ArmTimer) {
	it := w.touch(f.Token.Unit)
	it.timers[f.Timer] = f.Token.Gen
	if f.At < w.now {
		f.At = w.now
	}
	in := engine.TimerFired{Token: f.Token, Timer: f.Timer}
	w.after(f.At-w.now, f.At-w.now+5*millisecond, func() engine.Input {
		armed := it.timers[f.Timer] == f.Token.Gen
		if armed {
			it.timers[f.Timer] = 0
		}
		if armed || w.fault() { // or the order to disarm came too late
			return in
		}
		return nil
	})
}

func (w *World) freeze(t engine.Token) {
	it := w.touch(t.Unit)
	w.after(0, 5*millisecond, func() engine.Input {
		if w.fault() {
			return engine.FreezeFailed{Token: t, Msg: "busy"}
		}
		it.frozen = true
		return engine.Frozen{Token: t}
	})
}

func (w *World) thaw(t engine.Token) {
	it := w.touch(t.Unit)
	if w.rng.IntN(50) == 0 {
		w.answer(engine.FreezeFailed{Token: t, Msg: "busy", Still: true})
		return
	}
	it.frozen = false
	for _, p := range it.procs {
		if p.pending != 0 {
			w.hit(p, p.pending)
		}
	}
	w.answer(engine.Thawed{Token: t})
}

func (w *World) measure(f engine.MeasureMemory) {
	in := engine.Measured{Token: f.Token, Units: f.Units}
	for range f.Units {
		in.Memory = append(in.Memory, w.rng.Uint64N(100))
	}
	w.answer(in)
}

func (w *World) reclaim(t engine.Token) {
	if it := w.touch(t.Unit); !it.frozen {
		w.violate("%s is paged out but not frozen", it.name)
	}
	if w.fault() {
		w.answer(engine.ReclaimFailed{Token: t, Msg: "not permitted"})
		return
	}
	w.answer(engine.Reclaimed{Token: t, Memory: 1 << 20})
}

// performSocket is perform for what concerns sockets.
func (w *World) performSocket(f engine.Effect) {
	switch f := f.(type) {
	case engine.OpenSocket:
		it := w.touch(f.Token.Unit)
		w.after(0, 5*millisecond, func() engine.Input {
			if w.fault() {
				return engine.SocketFailed{Token: f.Token, Msg: "address in use"}
			}
			it.open = true
			return engine.SocketOpened{Token: f.Token}
		})
	case engine.CloseSocket:
		it := w.touch(f.Unit)
		w.performGroup(f)
		it.open, it.armed, it.queued = false, false, 0
	case engine.ArmSocket:
		it := w.touch(f.Unit)
		if !it.open {
			w.violate("%s is armed but not open", f.Unit)
		}
		it.armed = true
		w.readable(it)
	case engine.DisarmSocket:
		w.touch(f.Unit).armed = false
	case engine.FlushSocket:
		w.touch(f.Unit).queued = 0
	case engine.DropConnection:
		if !w.conns[f.Conn] {
			w.violate("connection %d is dropped but not there", f.Conn)
		}
		delete(w.conns, f.Conn)
	case engine.CountConnections:
		in := engine.Connections{Token: f.Token}
		for _, name := range f.Sockets {
			it := w.item(name)
			it.counting = f.Token.Gen
			w.accept(it)
			c := engine.Count{Socket: name, Queued: uint32(it.queued), CPU: -1}
			if it.queued > 0 || w.rng.IntN(3) == 0 {
				c.Open = uint32(it.queued) + 1
			}
			c.Silence = engine.Time(w.rng.Int64N(int64(2 * second)))
			in.Counts = append(in.Counts, c)
		}
		for _, name := range f.Services {
			in.Counts = append(in.Counts, engine.Count{Service: name, Queued: uint32(w.rng.IntN(10) / 9)})
		}
		w.answer(in)
	case engine.WatchConnections:
		for _, name := range slices.Concat(f.Sockets, f.Services) {
			w.watch(w.item(name))
		}
	case engine.UnwatchConnections:
		for _, name := range slices.Concat(f.Sockets, f.Services) {
			w.item(name).watched = false
		}
	case engine.LeaveGroup, engine.JoinGroup:
		w.performGroup(f)
	default: // nothing that the pretend machine would show
	}
}

// accept lets the service behind a socket take who waits, if it runs.
func (w *World) accept(it *item) {
	if it.def == nil || it.def.Socket == nil || w.rng.IntN(2) == 0 {
		return
	}
	svc := w.item(it.def.Socket.Service)
	for _, p := range svc.procs {
		if p.main && p.ready && !svc.frozen {
			it.queued = 0
		}
	}
}

// watch lets a byte arrive on one of the connections of a frozen service, or
// none.
func (w *World) watch(it *item) {
	it.watched = true
	if w.rng.IntN(2) == 0 {
		return
	}
	w.after(0, 5*second, func() engine.Input {
		if !it.watched {
			return nil
		}
		it.watched = false
		return engine.Readable{Unit: it.name}
	})
}
