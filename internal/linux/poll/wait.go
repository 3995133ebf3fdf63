// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// wait calls epoll_pwait2(2), since Linux 5.11: its timeout is in
// nanoseconds, so that no timerfd is needed. Older kernels get milliseconds,
// rounded up.
func wait(fd int, events []unix.EpollEvent, timeout time.Duration) (int, error) {
	var ts *unix.Timespec
	if timeout >= 0 {
		t := unix.NsecToTimespec(int64(timeout))
		ts = &t
	}
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(fd), uintptr(unsafe.Pointer(&events[0])),
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
	return int(n), nil
}
