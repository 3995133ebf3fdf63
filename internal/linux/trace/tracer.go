// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/signal"
	"runtime"

	"golang.org/x/sys/unix"
)

// Tracer follows processes. It belongs to one goroutine, which is locked to
// its thread while something is traced.
type Tracer struct {
	wake   int // eventfd
	bell   chan os.Signal
	silent chan struct{}    // closed when the bell is not heard any more
	tasks  map[int]*task    // every thread that is attached
	trees  map[uint64]*tree // those that have something to tell
	early  map[int]early
	events []Event
	locked bool // to the thread to which everything is attached
}

// task is one thread.
type task struct {
	tree *tree
	pid  int // its process
	// leaving: it is detached at its next stop.
	leaving bool
}

// early is a change of a thread whose creation was not told yet.
type early struct {
	ws  unix.WaitStatus
	age int // how often Drain has seen it
}

// New makes a tracer that traces nothing yet.
func New() (*Tracer, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("cannot make an eventfd for following forks: %w", err)
	}
	return &Tracer{wake: fd, tasks: map[int]*task{}, trees: map[uint64]*tree{}, early: map[int]early{}}, nil
}

// FD becomes readable when Drain has something to do.
func (t *Tracer) FD() int { return t.wake }

// Busy tells whether anything is traced.
func (t *Tracer) Busy() bool { return t.locked }

// Follow follows pid, which waits before its execve (spawn.Spec.Held), through
// n forks. Its events carry key. An error means that nothing is traced: the
// process is not to be traced at all (Yama, seccomp, another tracer).
func (t *Tracer) Follow(pid, n int, key uint64) error {
	t.listen()
	if !t.locked {
		runtime.LockOSThread()
		t.locked = true
	}
	if err := ptrace(unix.PTRACE_SEIZE, pid, options); err != nil {
		if len(t.tasks) == 0 {
			t.unlock()
		}
		return fmt.Errorf("cannot follow the forks of process %d: %w", pid, err)
	}
	if old := t.trees[key]; old != nil {
		t.release(old)
	}
	tr := newTree(pid, n, key, func(pids []int) int { return Survivor(pids) })
	t.trees[key] = tr
	t.tasks[pid] = &task{tree: tr, pid: pid}
	return nil
}

// unlock lets the goroutine change its thread: nothing is attached to it.
func (t *Tracer) unlock() {
	if t.locked {
		runtime.UnlockOSThread()
		t.locked = false
	}
}

// listen begins to hear of changes, at the first call: the kernel sends
// SIGCHLD for them.
func (t *Tracer) listen() {
	if t.bell != nil {
		return
	}
	t.bell, t.silent = make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(t.bell, unix.SIGCHLD)
	go func() {
		defer close(t.silent)
		one := binary.NativeEndian.AppendUint64(nil, 1)
		for range t.bell {
			_, _ = unix.Write(t.wake, one) // fails when it is full, and so readable
		}
	}()
}

// Drop ends the following of key, and returns what is known; ok is false when
// nothing was followed (any more).
func (t *Tracer) Drop(key uint64) (e Event, ok bool) {
	tr := t.trees[key]
	if tr == nil {
		return e, false
	}
	e = tr.event()
	t.release(tr)
	return e, true
}

// Close lets go of everything.
func (t *Tracer) Close() error {
	for _, tr := range t.trees {
		t.release(tr)
	}
	// A process that waits in vfork(2) cannot be detached yet. What is left
	// when the patience ends goes with the thread.
	for range closePatience {
		if t.Drain(); !t.locked {
			break
		}
		_ = unix.Nanosleep(&unix.Timespec{Nsec: 1e6}, nil)
	}
	if t.bell != nil {
		signal.Stop(t.bell)
		close(t.bell)
		<-t.silent
	}
	if err := unix.Close(t.wake); err != nil {
		return fmt.Errorf("cannot close an eventfd: %w", err)
	}
	return nil
}

// closePatience is how long Close waits for detaching, in milliseconds.
const closePatience = 50
