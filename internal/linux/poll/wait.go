// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// warm is for how long after an event another one is expected soon.
const warm = 100 * time.Millisecond

// slice bounds one wait that the scheduler does not know of: after 10 ms its
// monitor takes the goroutine for one that computes, and signals its thread.
const slice = 5 * time.Millisecond

// Waiter waits for events of one epoll set. A goroutine that Go's scheduler
// knows to wait in a system call is cheap to keep and dear to wake: its
// processor is taken away after 10 ms, and what follows a wake is up to 50
// rounds of the scheduler's monitor, 20 µs apart, on the processor that the
// new service needs. So a Waiter that has just seen an event keeps the
// scheduler out of it, and lets it know only when the quiet lasts.
type Waiter struct{ until time.Time }

// Wait is epoll_wait(2), for at most timeout (negative: for ever). It ends
// early with unix.EINTR on a signal.
func (w *Waiter) Wait(fd int, events []unix.EpollEvent, timeout time.Duration) (int, error) {
	for timeout != 0 {
		left := time.Until(w.until)
		if left <= 0 {
			break
		}
		part := min(left, slice)
		if timeout > 0 {
			part = min(part, timeout)
		}
		n, err := wait(fd, events, part, true)
		if n > 0 {
			w.until = time.Now().Add(warm)
		}
		if n != 0 || err != nil {
			return n, err
		}
		if timeout > 0 {
			timeout -= part
		}
		runtime.Gosched()
	}
	n, err := wait(fd, events, timeout, timeout == 0)
	if n > 0 {
		w.until = time.Now().Add(warm)
	}
	return n, err
}

// wait calls epoll_pwait2(2), since Linux 5.11: its timeout is in
// nanoseconds, so that no timerfd is needed. Older kernels get milliseconds,
// rounded up. With raw the scheduler is not told.
func wait(fd int, events []unix.EpollEvent, timeout time.Duration, raw bool) (n int, err error) {
	var ts *unix.Timespec
	if timeout >= 0 {
		t := unix.NsecToTimespec(int64(timeout))
		ts = &t
	}
	call := unix.Syscall6
	if raw {
		call = unix.RawSyscall6
	}
	r, _, errno := call(unix.SYS_EPOLL_PWAIT2, uintptr(fd), uintptr(unsafe.Pointer(&events[0])),
		uintptr(len(events)), uintptr(unsafe.Pointer(ts)), 0, 0)
	if errno == unix.ENOSYS {
		ms := -1
		if timeout >= 0 {
			ms = int((timeout + time.Millisecond - 1) / time.Millisecond)
		}
		return unix.EpollWait(fd, events, ms)
	}
	if errno != 0 {
		return 0, errno
	}
	return int(r), nil
}
