// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls of the data path. None of them blocks, so they go past the
// scheduler; and none allocates.

func sysRead(fd int32, b []byte) (int, unix.Errno) {
	return result(unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b))))
}

func sysWrite(fd int32, b []byte) (int, unix.Errno) {
	return result(unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b))))
}

// sysSend does not raise SIGPIPE.
func sysSend(fd int32, b []byte) (int, unix.Errno) { return sysSendFlags(fd, b, 0) }

func sysSendFlags(fd int32, b []byte, flags int) (int, unix.Errno) {
	return result(unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		uintptr(unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL|flags), 0, 0))
}

func sysPeek(fd int32, b []byte) (int, unix.Errno) {
	return result(unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		unix.MSG_DONTWAIT|unix.MSG_PEEK, 0, 0))
}

func sysSplice(from, to int32, n int) (int, unix.Errno) {
	return result(unix.RawSyscall6(unix.SYS_SPLICE, uintptr(from), 0, uintptr(to), 0, uintptr(n), unix.SPLICE_F_NONBLOCK|unix.SPLICE_F_MOVE))
}

// sysAccept puts the peer's address into sa where it is not nil.
func sysAccept(fd int32, sa *sockaddr) (int32, unix.Errno) {
	var to, size uintptr
	if sa != nil {
		sa.size = uint32(unsafe.Sizeof(sa.raw))
		to, size = uintptr(unsafe.Pointer(&sa.raw)), uintptr(unsafe.Pointer(&sa.size))
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), to, size, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	return int32(n), errno
}

func sysSocket(family, typ int) (int32, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_SOCKET, uintptr(family), uintptr(typ|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC), 0)
	return int32(n), errno
}

func sysConnect(fd int32, sa *sockaddr) unix.Errno {
	_, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&sa.raw)), uintptr(sa.size))
	return errno
}

func sysBind(fd int32, sa *sockaddr) unix.Errno {
	_, _, errno := unix.RawSyscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&sa.raw)), uintptr(sa.size))
	return errno
}

func sysSetInt(fd int32, level, option, value int) unix.Errno {
	v := int32(value)
	_, _, errno := unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option), uintptr(unsafe.Pointer(&v)), 4, 0)
	return errno
}

// sysError takes the pending error of a socket.
func sysError(fd int32) unix.Errno {
	var v int32
	size := uint32(4)
	_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_ERROR,
		uintptr(unsafe.Pointer(&v)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return errno
	}
	return unix.Errno(v)
}

func sysShutdown(fd int32) {
	_, _, _ = unix.RawSyscall(unix.SYS_SHUTDOWN, uintptr(fd), unix.SHUT_WR, 0)
}

// sysDeafen has a listener refuse who comes from now on, and reset who waits.
func sysDeafen(fd int32) {
	_, _, _ = unix.RawSyscall(unix.SYS_SHUTDOWN, uintptr(fd), unix.SHUT_RDWR, 0)
}

func sysClose(fd int32) {
	if fd >= 0 {
		_, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
	}
}

// sysReset closes a TCP connection with a reset. On a unix socket the peer
// sees a reset only if there is something of it that was not read.
func sysReset(fd int32) {
	linger := unix.Linger{Onoff: 1}
	_, _, _ = unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_LINGER,
		uintptr(unsafe.Pointer(&linger)), unsafe.Sizeof(linger), 0)
	sysClose(fd)
}

func sysWatch(ep, op int, fd int32, events uint32, t tag) unix.Errno {
	ev := unix.EpollEvent{Events: events, Fd: t.what, Pad: t.serial}
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(ep), uintptr(op), uintptr(fd), uintptr(unsafe.Pointer(&ev)), 0, 0)
	return errno
}

// sysWait is the one call that may block. With a timeout of 0 it does not, and
// goes past the scheduler like the others. The timeout is in milliseconds, -1
// for ever.
func sysWait(ep int, events []unix.EpollEvent, timeout int) (int, unix.Errno) {
	list, n := uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events))
	if timeout == 0 {
		return result(unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(ep), list, n, 0, 0, 0))
	}
	return result(unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(ep), list, n, uintptr(timeout), 0, 0))
}

func result(n, _ uintptr, errno unix.Errno) (int, unix.Errno) {
	if errno != 0 {
		return -1, errno
	}
	return int(n), 0
}
