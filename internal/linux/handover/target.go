// SPDX-License-Identifier: Apache-2.0

package handover

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// target is the process whose call is being answered. What is read of it
// counts only if waits() is true afterwards.
type target struct {
	notify int
	id     uint64
	tid    int
	pidfd  int // -1: not opened yet
}

func (t *target) close() {
	if t.pidfd >= 0 {
		unix.Close(t.pidfd)
	}
}

func (t *target) waits() bool { return stillWaits(t.notify, t.id) }

func (t *target) proc(name string) string {
	return "/proc/" + strconv.Itoa(t.tid) + "/" + name
}

// memory reads what is there of size bytes at addr of the process. Reading
// ends at the end of a mapping, so a short result is no error.
func (t *target) memory(addr uint64, size int) ([]byte, error) {
	buf := make([]byte, size)
	local := []unix.Iovec{{Base: &buf[0], Len: uint64(size)}}
	remote := pages(uintptr(addr), size)
	n, err := unix.ProcessVMReadv(t.tid, local, remote, 0)
	if err != nil {
		return nil, err
	}
	return buf[:n], nil
}

// pages cuts a range at page ends: a transfer is partial only between
// elements (process_vm_readv(2)).
func pages(addr uintptr, size int) []unix.RemoteIovec {
	page := uintptr(os.Getpagesize())
	var out []unix.RemoteIovec
	for left := uintptr(size); left > 0; {
		n := min(page-addr%page, left)
		out = append(out, unix.RemoteIovec{Base: addr, Len: int(n)})
		addr += n
		left -= n
	}
	return out
}

// text reads a string that ends with a NUL.
func (t *target) text(addr uint64) (string, error) {
	b, err := t.memory(addr, unix.PathMax)
	if err != nil {
		return "", err
	}
	i := bytes.IndexByte(b, 0)
	if i < 0 {
		return "", unix.ENAMETOOLONG
	}
	return string(b[:i]), nil
}

// inode is that of the socket behind a descriptor, 0 when there is none.
func (t *target) inode(fd int) uint64 {
	l, err := os.Readlink(t.proc("fd/" + strconv.Itoa(fd)))
	if err != nil {
		return 0
	}
	return socketInode(l)
}

// socketInode reads "socket:[4711]".
func socketInode(link string) uint64 {
	s, ok := strings.CutPrefix(link, "socket:[")
	if !ok {
		return 0
	}
	n, err := strconv.ParseUint(strings.TrimSuffix(s, "]"), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// descriptor is a copy of one of the process's, for the caller to close.
func (t *target) descriptor(fd int) (int, error) {
	if t.pidfd < 0 {
		pid, err := t.process()
		if err != nil {
			return -1, err
		}
		if t.pidfd, err = unix.PidfdOpen(pid, 0); err != nil {
			t.pidfd = -1
			return -1, fmt.Errorf("pidfd_open: %w", err)
		}
	}
	got, err := unix.PidfdGetfd(t.pidfd, fd, 0)
	if err != nil {
		return -1, fmt.Errorf("pidfd_getfd: %w", err)
	}
	return got, nil
}

// process is the pid of the process that the thread belongs to: a pidfd of a
// thread needs Linux 6.9.
func (t *target) process() (int, error) {
	v, err := t.status("Tgid:")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(v)
}

// processOrZero is process for comparisons, 0 where it is not known.
func (t *target) processOrZero() int {
	pid, err := t.process()
	if err != nil {
		return 0
	}
	return pid
}

// user is the user by whom files are accessed.
func (t *target) user() (int, error) {
	v, err := t.status("Uid:")
	if err != nil {
		return 0, err
	}
	f := strings.Fields(v)
	return strconv.Atoi(f[len(f)-1])
}

func (t *target) status(field string) (string, error) {
	b, err := os.ReadFile(t.proc("status"))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, field); ok && strings.TrimSpace(v) != "" {
			return strings.TrimSpace(v), nil
		}
	}
	return "", errors.New("no " + field + " in " + t.proc("status"))
}

// flags are the open flags of a descriptor, O_CLOEXEC among them (which is
// the descriptor's own and not shared).
func (t *target) flags(fd int) (int, error) {
	b, err := os.ReadFile(t.proc("fdinfo/" + strconv.Itoa(fd)))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "flags:"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(v), 8, 64)
			return int(n), err
		}
	}
	return 0, errors.New("no flags in fdinfo")
}

// install puts the socket src in the place of the process's descriptor dst.
// The kernel could answer the call in the same step (ADDFD_FLAG_SEND), but
// would return the number of the descriptor, and bind() must return 0: so a
// call may be asked again after it, when its socket is the held one already.
func (t *target) install(src, dst int, cloexec bool) error {
	a := addFD{id: t.id, flags: unix.SECCOMP_ADDFD_FLAG_SETFD, src: uint32(src), dst: uint32(dst)}
	if cloexec {
		a.dstFlags = unix.O_CLOEXEC
	}
	if err := ioctl(t.notify, unix.SECCOMP_IOCTL_NOTIF_ADDFD, unsafe.Pointer(&a)); err != nil {
		return err
	}
	return nil
}
