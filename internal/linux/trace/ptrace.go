// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// options are set when attaching; children that are attached by them inherit
// them.
const options = unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEEXEC

// ptrace makes one request. None of those used here waits: the call keeps the
// processor, so RawSyscall.
func ptrace(request, tid int, data uintptr) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, uintptr(request), uintptr(tid), 0, data, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// eventMessage is the message of an event stop: the new thread or process of a
// fork, the former thread of an exec. 0: the process was killed meanwhile.
func eventMessage(tid int) int {
	var msg uint64
	_, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_GETEVENTMSG, uintptr(tid), 0,
		uintptr(unsafe.Pointer(&msg)), 0, 0)
	if errno != 0 {
		return 0
	}
	return int(msg)
}

// waitAny takes one change of a tracee of this thread; 0: there is none now.
func waitAny(ws *unix.WaitStatus) (tid int, err error) {
	var status int32
	r, _, errno := unix.RawSyscall6(unix.SYS_WAIT4, ^uintptr(0), uintptr(unsafe.Pointer(&status)),
		unix.WNOHANG|unix.WALL|unix.WNOTHREAD, 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	*ws = unix.WaitStatus(status)
	return int(r), nil
}

// event is which PTRACE_EVENT a stop is, 0 for one of a signal.
func event(ws unix.WaitStatus) int { return int(ws) >> 16 }

// isGroupStop: an event stop is that of job control.
func isGroupStop(sig unix.Signal) bool {
	switch sig {
	case unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU:
		return true
	default:
		return false
	}
}
