// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package spawn

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// haveAssembly: the child runs the loop of run_ARCH.s.
const haveAssembly = true

// cloneRun blocks all signals, makes the system call nr with a1 to a5
// (clone3 or clone), and restores the signal mask. The child, on the stack
// that the call gave it, runs the instructions at list and does not return.
//
//go:noescape
func cloneRun(nr, a1, a2, a3, a4, a5, list, head uintptr) (pid, errno uintptr)

func (s *Spawner) clone(b *block) (int, syscall.Errno) {
	if s.portable {
		return clonePortable(b)
	}
	h := b.header()
	list := uintptr(unsafe.Pointer(&b.mem[headerSize]))
	if s.legacy {
		a := legacyArgs(&h.clone)
		pid, errno := cloneRun(unix.SYS_CLONE, a[0], a[1], a[2], a[3], a[4], list, uintptr(unsafe.Pointer(h)))
		return int(pid), syscall.Errno(errno)
	}
	pid, errno := cloneRun(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&h.clone)), unsafe.Sizeof(h.clone), 0, 0, 0,
		list, uintptr(unsafe.Pointer(h)))
	return int(pid), syscall.Errno(errno)
}

// legacyArgs are the arguments of clone(2) for those of clone3. It has no
// CLONE_CLEAR_SIGHAND and no CLONE_INTO_CGROUP: the program does their work.
func legacyArgs(c *cloneArgs) [5]uintptr {
	flags := c.flags&^(unix.CLONE_CLEAR_SIGHAND|unix.CLONE_INTO_CGROUP) | c.exitSignal
	a := [5]uintptr{uintptr(flags), uintptr(c.stack + c.stackSize)}
	a[clearTIDArg] = uintptr(c.childTID)
	return a
}
