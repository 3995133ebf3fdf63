// SPDX-License-Identifier: Apache-2.0

package engine

// kindInput takes every input that names a unit and does not belong to its
// jobs. For Exited the caller finds the node in e.pids.
func (e *Engine) kindInput(n *node, in Input) {
	switch {
	case e.sharedInput(n, in):
	case n.service != nil:
		e.serviceInput(n, in)
	case n.socket != nil:
		e.socketInput(n, in)
	default:
		e.late++ // it was never started, or is forgotten
	}
}

// sharedInput takes what may come to a unit that was never started.
func (e *Engine) sharedInput(n *node, in Input) bool {
	if x, ok := in.(AskedFreeze); ok {
		e.askedFreeze(n, x)
		return true
	}
	if x, ok := in.(AskedThaw); ok {
		e.askedThaw(n, x)
		return true
	}
	if x, ok := in.(Accepted); ok {
		e.accepted(n, &x)
		return true
	}
	return false
}

// serviceInput dispatches what only services are told.
func (e *Engine) serviceInput(n *node, in Input) {
	switch in := in.(type) {
	case Spawned:
		e.spawned(n, in)
	case Executed:
		e.executed(n, in)
	case SpawnFailed:
		e.spawnFailed(n, in)
	case Exited:
		e.exited(n, in)
	case CgroupEmptied:
		e.cgroupEmptied(n, in)
	case OOMKilled:
		e.oomKilled(n)
	case Notified:
		e.notified(n, &in)
	case PIDFileRead:
		e.pidFileRead(n, in)
	case Frozen:
		e.frozen(n, in)
	case Thawed:
		e.thawed(n, in.Token.Gen)
	case FreezeFailed:
		e.freezeFailed(n, in)
	case Reclaimed:
		e.reclaimed(n, in)
	case ReclaimFailed:
		e.reclaimFailed(n, in)
	case ListenCalled:
		e.listened(n)
	case Readable:
		e.spokenTo(n)
	case TimerFired:
		switch in.Timer {
		case TimerIdle:
			e.lookTime(n, in)
		case TimerTier:
			e.tierTime(n, in)
		default:
			e.serviceTimer(n, in)
		}
	case Loaded, Asked, AskedReset, AskedCancel, AskedFreeze, AskedThaw, AskedShutdown, ConditionsChecked,
		SocketOpened, SocketFailed, Accepted, Connections, ConnectionClosed, Measured,
		Happened, AskedJob, AskedJobEnv, AskedWatch, BusChanged, Followed, NameChanged, Stopped:
		e.late++ // not for a service
	}
}

// socketInput dispatches what only socket units are told.
func (e *Engine) socketInput(n *node, in Input) {
	switch in := in.(type) {
	case Spawned:
		e.socketSpawned(n, in)
	case Executed:
	case SpawnFailed:
		e.socketSpawnFailed(n, in)
	case Exited:
		delete(e.pids, in.Pid)
		if in.Pid == n.socket.Control.Pid {
			e.socketExited(n, in, false)
		} else {
			e.late++
		}
	case SocketOpened:
		e.socketOpened(n, in.Token.Gen)
	case SocketFailed:
		e.socketFailed(n, in)
	case Readable:
		e.readable(n)
	case ConnectionClosed:
		e.connectionClosed(n)
	case TimerFired:
		e.socketTimer(n, in)
	case Loaded, Asked, AskedReset, AskedCancel, AskedFreeze, AskedThaw, AskedShutdown, ConditionsChecked,
		CgroupEmptied, OOMKilled, Notified, PIDFileRead, Accepted, Connections, Frozen, Thawed, FreezeFailed, Reclaimed, ReclaimFailed, Measured, ListenCalled,
		Happened, AskedJob, AskedJobEnv, AskedWatch, BusChanged, Followed, NameChanged, Stopped:
		e.late++ // not for a socket
	}
}
