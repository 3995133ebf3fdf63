// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"github.com/rouse-init/rouse/internal/unit"
)

// Step applies one fact at time now and returns what must be done, in order.
// The slice is reused by the next Step. After a Step that panicked the state
// is that of no moment, so that the engine refuses to go on: a new one must be
// restored.
func (e *Engine) Step(now Time, in Input) []Effect {
	e.mustBeWhole()
	e.stepping = true
	e.now = now
	clear(e.out)
	e.out = e.out[:0]
	hadJobs := len(e.jobs.byID) > 0
	e.take(in)
	e.settle()
	if hadJobs && len(e.jobs.byID) == 0 {
		e.jobsDrained()
		e.settle()
	}
	for _, id := range e.touched {
		if n := e.nodes[id]; n != nil && n.flag&flagChanged != 0 {
			n.flag &^= flagChanged
			e.emit(UnitChanged{Unit: n.def.Name})
		}
	}
	e.touched = e.touched[:0]
	if e.down && !e.finished && len(e.jobs.byID) == 0 && e.quiet() {
		e.finished = true
		e.emit(Finished{})
	}
	e.stepping = false
	return e.out
}

// mustBeWhole panics where an earlier Step did and was recovered.
func (e *Engine) mustBeWhole() {
	if e.stepping {
		panic("engine: an earlier Step did not end")
	}
}

// take hands an input to whom it concerns.
func (e *Engine) take(in Input) {
	switch in := in.(type) {
	case Loaded:
		e.load(in)
	case Asked:
		e.ask(in)
	case AskedReset:
		e.reset(in)
	case AskedCancel:
		e.cancel(in)
	case AskedShutdown:
		e.shutdown()
	case ConditionsChecked:
		e.conditionsChecked(in)
	case TimerFired:
		e.timer(in)
	case AskedFreeze:
		e.askFreezer(in.ID, in.Unit, in)
	case AskedThaw:
		e.askFreezer(in.ID, in.Unit, in)
	case Exited:
		if id, ok := e.pids[in.Pid]; ok {
			e.kindInput(e.nodes[id], in)
		} else {
			e.late++
		}
	case Spawned:
		e.toKind(in.Token.Unit, in)
	case Executed:
		e.toKind(in.Token.Unit, in)
	case SpawnFailed:
		e.toKind(in.Token.Unit, in)
	case CgroupEmptied:
		e.toKind(in.Token.Unit, in)
	case PIDFileRead:
		e.toKind(in.Token.Unit, in)
	case SocketOpened:
		e.toKind(in.Token.Unit, in)
	case SocketFailed:
		e.toKind(in.Token.Unit, in)
	case Connections:
		e.connections(&in) // of several units
	case Frozen:
		e.toKind(in.Token.Unit, in)
	case Thawed:
		e.toKind(in.Token.Unit, in)
	case FreezeFailed:
		e.toKind(in.Token.Unit, in)
	case Reclaimed:
		e.toKind(in.Token.Unit, in)
	case ReclaimFailed:
		e.toKind(in.Token.Unit, in)
	case Measured:
		e.measured(&in)
	case OOMKilled:
		e.toKind(in.Unit, in)
	case Notified:
		e.toKind(in.Unit, in)
	case Readable:
		e.toKind(in.Unit, in)
	case ListenCalled:
		e.toKind(in.Unit, in)
	case Accepted:
		e.toKind(in.Socket, in)
	case ConnectionClosed:
		e.toKind(in.Socket, in)
	default:
		e.takeEvent(in)
	}
}

// toKind hands an input to the service or socket that it names. What names a
// unit that is forgotten came too late.
func (e *Engine) toKind(name string, in Input) {
	n := e.node(name)
	if n == nil {
		e.late++
		if a, ok := in.(Accepted); ok {
			e.emit(DropConnection{Conn: a.Conn})
		}
		return
	}
	e.kindInput(n, in)
}

func (e *Engine) timer(in TimerFired) {
	if in.Timer == TimerHeld {
		e.heldTimer(in)
		return
	}
	if in.Timer == TimerRoom {
		e.roomTime(in)
		return
	}
	if in.Timer == TimerMemory {
		e.memoryTime(in)
		return
	}
	n := e.node(in.Token.Unit)
	switch {
	case n == nil:
		e.late++
	case in.Timer == TimerJob || in.Timer == TimerJobRun:
		e.jobTimer(n, in)
	case in.Timer == TimerAuto:
		e.autoTimer(n, in)
	default:
		e.kindInput(n, in)
	}
}

func (e *Engine) askFreezer(id uint64, name string, in Input) {
	n := e.node(name)
	if n == nil {
		e.emit(Reply{ID: id, Err: refuse("NoSuchUnit", "Unit %s not loaded.", name)})
		return
	}
	if n.def.Kind != unit.KindService {
		e.emit(Reply{ID: id, Err: refuse("NotSupported", "Unit '%s' does not support freezing.", name)})
		return
	}
	e.kindInput(n, in)
}
