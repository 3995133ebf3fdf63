// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"slices"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/linux/condition"
)

// note keeps the books: which orders wait for an answer, which timers run,
// which sockets are watched. Replay does this and nothing else, so that the
// books are right before the first effect is performed again.
func (m *Manager) note(f engine.Effect) {
	switch f := f.(type) {
	case engine.ArmTimer:
		m.timers.arm(f)
	case engine.DisarmTimer:
		m.timers.disarm(f.Unit, f.Timer)
	case engine.Spawn:
		m.pending[f.Token.Gen] = f
	case engine.OpenSocket:
		m.pending[f.Token.Gen] = f
		m.noteMember(f.Token.Unit, true)
	case engine.CheckConditions:
		m.pending[f.Token.Gen] = f
	case engine.CountConnections:
		m.pending[f.Token.Gen] = f
	case engine.Freeze:
		m.pending[f.Token.Gen] = f
	case engine.Thaw:
		m.pending[f.Token.Gen] = f
	case engine.Reclaim:
		m.pending[f.Token.Gen] = f
	case engine.MeasureMemory:
		m.pending[f.Token.Gen] = f
	case engine.WatchCgroup:
		// A later order of the unit replaces it.
		delete(m.pending, m.emptying[f.Token.Unit])
		m.emptying[f.Token.Unit] = f.Token.Gen
		m.pending[f.Token.Gen] = f
	case engine.ReadPIDFile:
		m.pending[f.Token.Gen] = f
	case engine.ArmSocket:
		m.socket(f.Unit).armed = true
	case engine.DisarmSocket:
		m.socket(f.Unit).armed = false
	case engine.CloseSocket:
		m.socket(f.Unit).armed = false
		m.noteMember(f.Unit, false)
	case engine.DropConnection:
		delete(m.awaited, f.Conn)
	case engine.HoldConnections:
		for _, s := range f.Sockets {
			m.socket(s).held = true
		}
	case engine.ReleaseConnections:
		for _, s := range f.Sockets {
			m.socket(s).held = false
		}
	case engine.WatchConnections:
		m.watched.want(slices.Concat(f.Sockets, f.Services), true)
	case engine.UnwatchConnections:
		m.watched.want(slices.Concat(f.Sockets, f.Services), false)
	case engine.UnitForgotten:
		m.timers.forget(f.Unit)
	case engine.JobQueued:
		m.saved.Jobs++
	case engine.JobRemoved:
		if f.Result != engine.JobDone {
			m.saved.FailedJobs++
		}
	default: // leaves nothing to remember
	}
}

// answered takes an order off the books.
func (m *Manager) answered(in engine.Input) {
	switch in := in.(type) {
	case engine.Spawned:
		// Only now, when it is written down, may the connection be let go.
		if f, ok := m.pending[in.Token.Gen].(engine.Spawn); ok && f.Conn != 0 && m.takesConn(f) {
			delete(m.awaited, f.Conn)
			m.served(f.Conn)
		}
		delete(m.pending, in.Token.Gen)
	case engine.SpawnFailed:
		delete(m.pending, in.Token.Gen)
	case engine.SocketOpened:
		delete(m.pending, in.Token.Gen)
	case engine.SocketFailed:
		delete(m.pending, in.Token.Gen)
	case engine.ConditionsChecked:
		delete(m.pending, in.Token.Gen)
	case engine.Connections:
		delete(m.pending, in.Token.Gen)
	case engine.Frozen:
		delete(m.pending, in.Token.Gen)
	case engine.Thawed:
		delete(m.pending, in.Token.Gen)
	case engine.FreezeFailed:
		delete(m.pending, in.Token.Gen)
	case engine.Reclaimed:
		delete(m.pending, in.Token.Gen)
	case engine.ReclaimFailed:
		delete(m.pending, in.Token.Gen)
	case engine.Measured:
		delete(m.pending, in.Token.Gen)
	case engine.CgroupEmptied:
		delete(m.pending, in.Token.Gen)
		delete(m.emptying, in.Token.Unit)
	case engine.PIDFileRead:
		delete(m.pending, in.Token.Gen)
	case engine.TimerFired:
		m.timers.disarmIf(in)
	case engine.Exited:
		m.acked = max(m.acked, in.Seq)
	case engine.Readable:
		if s := m.sockets[in.Unit]; s != nil { // not where it is a service
			s.armed = false
		}
	case engine.Asked:
		m.saved.NextAsk = max(m.saved.NextAsk, in.ID)
	case engine.Happened:
		m.saved.NextAsk = max(m.saved.NextAsk, in.ID)
		m.saved.Begun = m.saved.Begun || in.By == startupCause
	case engine.AskedJob:
		m.saved.NextAsk = max(m.saved.NextAsk, in.ID)
	case engine.Accepted:
		m.saved.NextConn = max(m.saved.NextConn, in.Conn)
		m.awaited[in.Conn] = true
	default: // answers nothing
	}
}

// perform carries out one effect. Orders that can be answered at once queue
// their answer.
func (m *Manager) perform(f engine.Effect) {
	switch f := f.(type) {
	case engine.Spawn:
		m.launch(f)
	case engine.Signal:
		m.signal(f)
	case engine.WatchCgroup:
		m.watchCgroup(f)
	case engine.RemoveCgroup:
		m.cleanUp(f)
	case engine.DropStored:
		m.dropStored(f.Unit)
	case engine.ReadPIDFile:
		m.pidfiles.read(f)
	case engine.RemovePIDFile:
		m.pidfiles.remove(f.Path)
	case engine.CheckConditions:
		failed := -1
		if u := m.engine.Def(f.Token.Unit); u != nil {
			failed = condition.First(u.Conditions)
		}
		m.feed(engine.ConditionsChecked{Token: f.Token, Failed: int32(failed)})
	case engine.OpenSocket:
		m.openSocket(f)
	case engine.CloseSocket:
		m.closeSocket(f.Unit)
	case engine.ArmSocket:
		m.arm(f.Unit)
	case engine.DisarmSocket:
		m.disarm(f.Unit)
	case engine.FlushSocket:
		m.flush(f.Unit)
	case engine.DropConnection:
		m.dropConnection(f)
	case engine.ArmTimer, engine.DisarmTimer:
		// note has done it: the loop's timeout follows from the books.
	default:
		m.performRest(f)
	}
}

func (m *Manager) performRest(f engine.Effect) {
	switch f := f.(type) {
	case engine.CountConnections:
		m.count(f)
	case engine.WatchConnections:
		m.watchConnections(slices.Concat(f.Sockets, f.Services))
	case engine.UnwatchConnections:
		m.unwatchConnections(slices.Concat(f.Sockets, f.Services))
	case engine.HoldConnections:
		m.hold(f.Sockets, true)
	case engine.ReleaseConnections:
		m.hold(f.Sockets, false)
	case engine.LeaveGroup:
		m.leaveGroup(f.Unit)
	case engine.JoinGroup:
		m.joinGroup(f.Unit)
	case engine.Freeze:
		m.freeze(f.Token, true)
	case engine.Thaw:
		m.endReclaim(f.Token.Unit)
		m.freeze(f.Token, false)
	case engine.Reclaim:
		m.reclaim(f.Token)
	case engine.MeasureMemory:
		m.measure(f, engine.Measured{Token: f.Token, Units: f.Units})
	case engine.Reply:
		if fn := m.replies[f.ID]; fn != nil {
			delete(m.replies, f.ID)
			fn(f)
		}
	case engine.JobQueued:
		m.bus.JobQueued(f)
	case engine.JobRemoved:
		m.bus.JobRemoved(f)
		m.startup.jobRemoved(m, f)
		m.buses.jobRemoved(f)
	case engine.UnitChanged:
		m.bus.UnitChanged(f.Unit)
		m.upstart.UnitChanged(f.Unit)
		m.buses.unitChanged(f.Unit)
		m.logJob(f.Unit)
		m.holdAccepts(f.Unit)
	case engine.UnitForgotten:
		m.forgotten(f.Unit)
	case engine.Record:
		m.record(f)
	case engine.RunAction:
		m.runAction(f)
	case engine.Emitted:
		m.emitted(f)
	case engine.Completed:
		m.completed(f)
	case engine.ArmSource:
		m.armSource(f.Source)
	case engine.Finished:
		m.finished()
	case engine.Spawn, engine.Signal, engine.WatchCgroup, engine.RemoveCgroup, engine.DropStored, engine.ReadPIDFile, engine.RemovePIDFile,
		engine.CheckConditions, engine.OpenSocket, engine.CloseSocket, engine.ArmSocket, engine.DisarmSocket, engine.FlushSocket,
		engine.DropConnection, engine.ArmTimer, engine.DisarmTimer: // perform has done it
	}
}
