// SPDX-License-Identifier: Apache-2.0

package spawn

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The runtime's own care for a fork: signals blocked, the stack guard
// poisoned so that the child cannot grow its stack. The names are kept for
// packages like this one (runtime/proc.go).
//
//go:linkname runtimeBeforeFork syscall.runtime_BeforeFork
func runtimeBeforeFork()

//go:linkname runtimeAfterFork syscall.runtime_AfterFork
func runtimeAfterFork()

// clonePortable is clone for architectures without an assembly loop: the
// child has a copy of the memory and of this stack, and interprets the same
// instructions in Go that neither allocates nor grows the stack.
//
//go:noinline
//go:norace
func clonePortable(b *block) (int, syscall.Errno) {
	h := b.header()
	h.clone.flags &^= unix.CLONE_VM | unix.CLONE_VFORK | unix.CLONE_CHILD_CLEARTID
	h.clone.stack, h.clone.stackSize = 0, 0
	first := (*insn)(unsafe.Pointer(&b.mem[headerSize]))
	// No pipe or file of another goroutine's may be open without
	// close-on-exec during a fork (package syscall).
	syscall.ForkLock.Lock()
	runtimeBeforeFork()
	pid, _, errno := syscall.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&h.clone)), unsafe.Sizeof(h.clone), 0)
	if errno == 0 && pid == 0 {
		interpret(first, h)
	}
	runtimeAfterFork()
	syscall.ForkLock.Unlock()
	return int(pid), errno
}

// interpret is the loop of run_ARCH.s in Go. It does not return.
//
//go:nosplit
//go:norace
//go:nocheckptr
func interpret(in *insn, h *header) {
	for ; ; in = (*insn)(unsafe.Add(unsafe.Pointer(in), insnSize)) {
		var errno uint64
		switch in.nr {
		case opDecimal:
			writeDecimal(in.args[0], (*byte)(word(&in.args[1])))
		case opExpect:
			if in.args[0] != in.args[1] {
				errno = in.args[2]
			}
		case opMove:
			*(*uint64)(word(&in.args[1])) = in.args[0]
		default:
			r, _, e := syscall.RawSyscall6(uintptr(in.nr), uintptr(in.args[0]), uintptr(in.args[1]), uintptr(in.args[2]),
				uintptr(in.args[3]), uintptr(in.args[4]), uintptr(in.args[5]))
			errno = uint64(e)
			if e == 0 && in.out != 0 {
				*(*uint64)(word(&in.out)) = uint64(r)
			}
		}
		if errno == 0 || in.ignore>>min(errno, 63)&1 != 0 {
			continue
		}
		*(*uint32)(unsafe.Add(word(&in.rec), 4)) = uint32(errno)
		_, _, _ = syscall.RawSyscall(unix.SYS_WRITE, uintptr(h.result), uintptr(in.rec), uintptr(in.recLen))
		for {
			_, _, _ = syscall.RawSyscall(unix.SYS_EXIT_GROUP, uintptr(in.status), 0, 0)
		}
	}
}

// word reads an address of the block that an instruction holds.
//
//go:nosplit
//go:norace
//go:nocheckptr
func word(p *uint64) unsafe.Pointer {
	a := uintptr(*p)
	return *(*unsafe.Pointer)(unsafe.Pointer(&a))
}

//go:nosplit
//go:norace
//go:nocheckptr
func writeDecimal(v uint64, to *byte) {
	n := 1
	for w := v; w >= 10; w /= 10 {
		n++
	}
	*(*byte)(unsafe.Add(unsafe.Pointer(to), n)) = 0
	for ; n > 0; n-- {
		*(*byte)(unsafe.Add(unsafe.Pointer(to), n-1)) = byte('0' + v%10)
		v /= 10
	}
}
