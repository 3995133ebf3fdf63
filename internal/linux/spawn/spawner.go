// SPDX-License-Identifier: Apache-2.0

package spawn

import (
	"errors"
	"fmt"
	"math"
	"syscall"

	"golang.org/x/sys/unix"
)

// Options of a Spawner.
type Options struct {
	// Sibling makes the new processes children of the caller's own parent
	// (CLONE_PARENT), which then gets their exit status. The init of a PID
	// namespace may not use it (clone(2)).
	Sibling bool
}

// New makes a spawner.
func New(o Options) (*Spawner, error) {
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, newFailure(StepStdin, 0, errnoOf(err), "/dev/null")
	}
	s := &Spawner{null: null, sibling: o.Sibling, portable: !haveAssembly}
	for r := range s.hard {
		var l unix.Rlimit
		s.hard[r] = math.MaxUint64
		if unix.Prlimit(0, r, nil, &l) == nil {
			s.hard[r] = l.Max
		}
	}
	s.ignoredHere = ignoredSignals()
	return s, nil
}

// Spawner starts processes. It belongs to one goroutine.
type Spawner struct {
	builder  Builder
	pool     pool
	null     int // /dev/null, for standard streams
	sibling  bool
	portable bool
	variant  variant
	legacy   bool // clone(2) instead of clone3(2)
	// hard are the hard limits of this process, which a child inherits, and
	// ignoredHere the signals that it ignored when the spawner was made.
	hard        [len(limitNames)]uint64
	ignoredHere uint64
	sources     []Arg // scratch of descriptors
	// gate is the pipe whose end a held process waits for: reading end first.
	gate [2]int
}

// Start starts a process. It returns as soon as the process exists: whether
// its program came to execve is told by result, a descriptor that becomes
// readable then, which the caller takes: see Result. A failure of clone3
// itself is a *Failure.
func (s *Spawner) Start(spec *Spec) (pid, result int, err error) {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return 0, 0, newFailure(StepFork, 0, errnoOf(err), "")
	}
	if spec.Held != nil {
		pid, err = s.startHeld(spec, pipe[1])
	} else {
		pid, err = s.tryStart(spec, pipe[1])
	}
	_ = unix.Close(pipe[1])
	if err != nil {
		_ = unix.Close(pipe[0])
		return 0, 0, err
	}
	return pid, pipe[0], nil
}

// tryStart starts it, by clone(2) where there is no clone3(2).
func (s *Spawner) tryStart(spec *Spec, result int) (pid int, err error) {
	pid, err = s.compileAndRun(spec, result)
	if err != nil && !s.legacy && noClone3(err) {
		s.legacy = true
		pid, err = s.compileAndRun(spec, result)
	}
	return pid, err
}

// startHeld starts it and calls Held while it waits for the gate. The gate
// opens when the last writing end is closed, so also at our death.
func (s *Spawner) startHeld(spec *Spec, result int) (pid int, err error) {
	if err := unix.Pipe2(s.gate[:], unix.O_CLOEXEC); err != nil {
		return 0, newFailure(StepHold, 0, errnoOf(err), "")
	}
	defer func() {
		_ = unix.Close(s.gate[0])
		_ = unix.Close(s.gate[1])
	}()
	quiet := *spec
	quiet.Hurry = false // it would wait for a process that waits for us
	if pid, err = s.tryStart(&quiet, result); err == nil {
		spec.Held(pid)
	}
	return pid, err
}

func (s *Spawner) compileAndRun(spec *Spec, result int) (pid int, err error) {
	if err := s.compile(spec, result); err != nil {
		return 0, err
	}
	return s.run(&s.builder.p, spec.Cgroup, result, spec.Hurry)
}

// noClone3 recognises a kernel without clone3 or a flag of it (before Linux
// 5.7), and the seccomp profiles of containers that refuse it because they
// cannot look into its arguments.
func noClone3(err error) bool {
	for _, e := range []syscall.Errno{unix.ENOSYS, unix.EINVAL, unix.E2BIG, unix.EPERM} {
		if errors.Is(err, e) {
			return haveAssembly
		}
	}
	return false
}

// Result reads the answer of a process from the descriptor that Start gave.
// done is false as long as there is none. fail is nil when execve succeeded;
// a process that was killed before execve looks the same, and its exit status
// tells. The caller closes fd once done.
//
// A process with a failure exits with fail.Status(). The two facts arrive by
// different ways: who sees the exit first should ask Result before judging.
func Result(fd int) (done bool, fail *Failure) {
	var buf [recordSize + maxRecordPath]byte
	n, err := unix.Read(fd, buf[:])
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return false, nil
	case err != nil:
		return true, newFailure(StepOther, 0, errnoOf(err), "")
	case n == 0:
		return true, nil
	}
	return true, decodeRecord(buf[:n])
}

// Close gives the memory back, except that of processes that still run their
// program, and closes what the spawner holds.
func (s *Spawner) Close() error {
	s.pool.trim(0)
	if err := unix.Close(s.null); err != nil {
		return fmt.Errorf("cannot close /dev/null: %w", err)
	}
	return nil
}

// Trim gives memory back that is not in use. A start of many services at once
// has some hundred processes on the way, with about 12 KiB each; the manager
// calls Trim when it has nothing else to do.
func (s *Spawner) Trim() { s.pool.trim(minFree) }

// errnoOf is the errno of a failed system call.
func errnoOf(err error) (errno syscall.Errno) {
	errors.As(err, &errno)
	return errno
}
