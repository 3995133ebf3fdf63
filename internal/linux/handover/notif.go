// SPDX-License-Identifier: Apache-2.0

package handover

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// notif is struct seccomp_notif: a call that a process waits in.
type notif struct {
	id    uint64
	tid   uint32 // of the thread, in our PID namespace; 0: it is not in it
	flags uint32
	nr    int32
	arch  uint32
	ip    uint64
	args  [6]uint64
	_     [176]byte // room for a kernel whose structure has grown
}

// response is struct seccomp_notif_resp.
type response struct {
	id    uint64
	val   int64
	err   int32 // negative errno
	flags uint32
}

// addFD is struct seccomp_notif_addfd.
type addFD struct {
	id                        uint64
	flags, src, dst, dstFlags uint32
}

func ioctl(fd int, req uint, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(req), uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}

// wakeOnThisCPU makes the daemon and the manager take turns on one CPU, which
// halves the latency of a call. Older kernels have it not.
func wakeOnThisCPU(fd int) {
	_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SECCOMP_IOCTL_NOTIF_SET_FLAGS, unix.SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP)
}

// stillWaits tells whether the process still waits in the call; only then is
// what was read of it true of it (a pid can be another's by now).
func stillWaits(fd int, id uint64) bool {
	return ioctl(fd, unix.SECCOMP_IOCTL_NOTIF_ID_VALID, unsafe.Pointer(&id)) == nil
}
