// SPDX-License-Identifier: Apache-2.0

package guardian

import (
	"runtime"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/guardian/wire"
)

// The codes of waitid(2) that name an end.
const (
	cldExited = 1
	cldKilled = 2
	cldDumped = 3
	// cldStopped is a child that is stopped by a signal.
	cldStopped = 5
)

// siginfo is the beginning of siginfo_t as waitid(2) fills it in. The body
// is aligned like a pointer.
type siginfo struct {
	signo, errno, code int32
	body               struct {
		_      [0]uintptr
		pid    int32
		uid    uint32
		status int32
	}
	_ [128 - 32]byte
}

// reap waits for children for ever, on a thread of its own, so that an exit
// costs no signal and no detour. It looks first and reaps under the lock:
// what it is not allowed to reap now stays with the kernel.
func (g *guardian) reap() {
	runtime.LockOSThread()
	var info siginfo
	var usage unix.Rusage
	stopped := false // the last change was no end
	for {
		// The kernel tells the eldest child first. One that stops and goes
		// on without end must not keep the exits of others from us.
		errno := unix.Errno(0)
		info.body.pid = 0
		if stopped {
			errno = waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOWAIT|unix.WALL|unix.WNOHANG, nil)
		}
		if errno == 0 && info.body.pid == 0 {
			errno = waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WSTOPPED|unix.WNOWAIT|unix.WALL, nil)
		}
		switch errno {
		case 0:
		case unix.ECHILD:
			g.awaitFork()
			continue
		default:
			continue
		}
		pid := int(info.body.pid)
		if stopped = info.code == cldStopped; stopped {
			g.stopped(info.body.pid)
			continue
		}
		g.mu.Lock()
		info.body.pid = 0
		if waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOHANG|unix.WALL, &usage) == 0 && info.body.pid != 0 {
			g.reaped(wire.Exit{
				Pid: info.body.pid, Uid: info.body.uid,
				Code: uint8(info.code), Status: uint8(info.body.status),
				UserUS: micros(usage.Utime), SystemUS: micros(usage.Stime), MaxRSS: uint64(usage.Maxrss),
			})
		}
		g.mu.Unlock()
	}
}

// awaitFork sleeps while the guardian has no child. Without children there
// are no descendants, so that only a fork of its own can change it.
func (g *guardian) awaitFork() {
	g.mu.Lock()
	defer g.mu.Unlock()
	var info siginfo
	// Again under the lock: a fork may have come in between.
	if waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG|unix.WALL, nil) != unix.ECHILD {
		return
	}
	g.childless = true
	g.poke(g.gone)
	for g.childless {
		g.forked.Wait()
	}
}

// reaped deals with one exit.
func (g *guardian) reaped(e wire.Exit) {
	delete(g.traps.asked, e.Pid)
	switch int(e.Pid) {
	case g.manager:
		g.manager = 0
		// If somebody has inherited the manager's end, its death would
		// not close it. What it had sent can still be read.
		_ = unix.Shutdown(g.sock, unix.SHUT_RDWR)
		g.died <- e
	case g.shell:
		g.shell = 0
		g.poke(g.gone)
	default:
		g.exits.push(&e)
		g.poke(g.gone)
		g.flush()
	}
}

// poke leaves a note in c, one at most.
func (g *guardian) poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func waitid(kind, id int, info *siginfo, options int, usage *unix.Rusage) unix.Errno {
	_, _, errno := unix.Syscall6(unix.SYS_WAITID, uintptr(kind), uintptr(id), uintptr(unsafe.Pointer(info)),
		uintptr(options), uintptr(unsafe.Pointer(usage)), 0)
	return errno
}

func micros(t unix.Timeval) uint64 { return uint64(t.Sec)*1e6 + uint64(t.Usec) }

// words says how a manager ended.
func words(e wire.Exit) string {
	sig := strconv.Itoa(int(e.Status)) + " (" + unix.SignalName(unix.Signal(e.Status)) + ")"
	switch e.Code {
	case cldKilled:
		return "was killed by signal " + sig
	case cldDumped:
		return "was killed by signal " + sig + " and dumped core"
	}
	return "exited with status " + strconv.Itoa(int(e.Status))
}
