// SPDX-License-Identifier: Apache-2.0

package trace

import "golang.org/x/sys/unix"

// Drain deals with everything that has happened to traced processes, and
// returns what there is to tell, in order; it is valid until the next call.
func (t *Tracer) Drain() []Event {
	var count [8]byte
	_, _ = unix.Read(t.wake, count[:]) // nothing there: it was read before
	t.events = t.events[:0]
	for t.locked {
		var ws unix.WaitStatus
		tid, err := waitAny(&ws)
		if err != nil { // ECHILD: nothing is attached to this thread
			for tid := range t.tasks {
				t.ended(tid)
			}
			t.unlock()
			break
		}
		if tid == 0 {
			t.settle()
			break
		}
		t.changed(tid, ws)
	}
	return t.events
}

// changed deals with one change of a thread.
func (t *Tracer) changed(tid int, ws unix.WaitStatus) {
	k := t.tasks[tid]
	switch {
	case k == nil:
		t.early[tid] = early{ws: ws}
	case ws.Stopped():
		t.stopped(tid, k, ws)
	default:
		t.ended(tid)
	}
}

// stopped lets a thread go on, in the way that its stop asks for
// (ptrace(2), "Stopped states").
func (t *Tracer) stopped(tid int, k *task, ws unix.WaitStatus) {
	sig, ev := ws.StopSignal(), event(ws)
	switch ev {
	case unix.PTRACE_EVENT_FORK, unix.PTRACE_EVENT_VFORK, unix.PTRACE_EVENT_CLONE:
		t.created(k, eventMessage(tid), ev == unix.PTRACE_EVENT_CLONE)
	case unix.PTRACE_EVENT_EXEC:
		t.executed(tid, k)
	}
	deliver := 0
	if ev == 0 {
		deliver = int(sig)
	}
	// An error is that of a process that was killed meanwhile: its exit comes.
	switch {
	case k.leaving:
		// A group stop goes on by itself: the kernel knows of it.
		_ = ptrace(unix.PTRACE_DETACH, tid, uintptr(deliver))
		delete(t.tasks, tid)
	case ev == unix.PTRACE_EVENT_STOP && isGroupStop(sig):
		_ = ptrace(unix.PTRACE_LISTEN, tid, 0)
	default:
		_ = ptrace(unix.PTRACE_CONT, tid, uintptr(deliver))
	}
}

// created notes a new thread or process of k, which is attached already.
func (t *Tracer) created(k *task, tid int, perhapsThread bool) {
	if tid == 0 || t.tasks[tid] != nil {
		return
	}
	pid := tid
	if perhapsThread {
		if process, _ := family(tid); process == k.pid {
			pid = process
		}
	}
	t.adopt(k, tid, pid)
}

// adopt adds a thread of the process pid, which k created or is part of.
func (t *Tracer) adopt(k *task, tid, pid int) {
	t.tasks[tid] = &task{tree: k.tree, pid: pid, leaving: k.leaving}
	if pid != k.pid && !k.leaving {
		t.tell(k.tree.forked(k.pid, pid))
	}
	if e, ok := t.early[tid]; ok {
		delete(t.early, tid)
		t.changed(tid, e.ws)
	}
}

// executed: k's process has a new program. Its other threads are gone, and
// the one that called execve has the number of the process now.
func (t *Tracer) executed(tid int, k *task) {
	for other, o := range t.tasks {
		if o.pid == k.pid && other != tid {
			delete(t.tasks, other)
		}
	}
	if !k.leaving {
		t.tell(k.tree.executed(k.pid))
	}
}

// ended: a thread is gone; that of its process's number is the last.
func (t *Tracer) ended(tid int) {
	k := t.tasks[tid]
	delete(t.tasks, tid)
	if k.pid == tid && !k.leaving {
		t.tell(k.tree.exited(tid))
	}
}

// tell adds an event. After the last one its tree is let go.
func (t *Tracer) tell(e Event, ok bool) {
	if !ok {
		return
	}
	t.events = append(t.events, e)
	if tr := t.trees[e.Key]; e.last() && tr != nil {
		t.release(tr)
	}
}

// release has all threads of a tree detached: a thread must stop for it.
func (t *Tracer) release(tr *tree) {
	if t.trees[tr.key] == tr {
		delete(t.trees, tr.key)
	}
	for tid, k := range t.tasks {
		if k.tree == tr && !k.leaving {
			k.leaving = true
			_ = ptrace(unix.PTRACE_INTERRUPT, tid, 0) // dead: its exit comes
		}
	}
}

// settle deals with new threads that nobody has told of: their creator was
// killed before it could, or is about to tell.
func (t *Tracer) settle() {
	for tid, e := range t.early {
		if !e.ws.Stopped() {
			if e.age++; e.age > 1 {
				delete(t.early, tid)
			} else {
				t.early[tid] = e
			}
			continue
		}
		process, parent := family(tid)
		if k := t.tasks[process]; k != nil && process != tid {
			t.adopt(k, tid, process)
		} else if k := t.tasks[parent]; k != nil {
			t.adopt(k, tid, tid)
		} else {
			delete(t.early, tid)
			_ = ptrace(unix.PTRACE_DETACH, tid, 0) // it goes on unseen
		}
	}
}
