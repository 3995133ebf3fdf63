// SPDX-License-Identifier: Apache-2.0

package spawn

import (
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// variant is how the child is made.
type variant uint8

const (
	shared variant = iota // CLONE_VM: the memory is shared, the parent goes on
	vfork                 // CLONE_VM and CLONE_VFORK: measured, not used
	forked                // a copy of the memory
)

// run places the program and starts it.
func (s *Spawner) run(p *Program, cgroup, result int, hurry bool) (pid int, err error) {
	b, err := s.pool.get(p.size())
	if err != nil {
		return 0, err
	}
	p.place(b.mem)
	v := s.variant
	if p.ownMemory {
		v = forked
	}
	h := b.header()
	h.result = uint64(result)
	s.fillClone(b, v, cgroup)
	pid, errno := s.clone(b)
	if errno != 0 || v == forked || s.portable {
		// There is no child, or it has a copy.
		atomic.StoreUint32(&h.busy, 0)
	}
	if errno != 0 {
		return 0, cloneFailure(errno, cgroup)
	}
	if hurry {
		b.await()
	}
	return pid, nil
}

// fillClone prepares the arguments of clone3 and marks the block as used.
func (s *Spawner) fillClone(b *block, v variant, cgroup int) {
	h := b.header()
	base := uint64(uintptr(unsafe.Pointer(h)))
	h.clone = cloneArgs{
		flags:      unix.CLONE_CLEAR_SIGHAND | unix.CLONE_CHILD_CLEARTID,
		childTID:   base + uint64(unsafe.Offsetof(h.busy)),
		exitSignal: uint64(unix.SIGCHLD),
		stack:      base + uint64(len(b.mem)-stackSize),
		stackSize:  stackSize,
	}
	switch v {
	case shared:
		h.clone.flags |= unix.CLONE_VM
	case vfork:
		h.clone.flags |= unix.CLONE_VM | unix.CLONE_VFORK
	case forked:
		h.clone.flags &^= unix.CLONE_CHILD_CLEARTID
	}
	if s.sibling {
		h.clone.flags |= unix.CLONE_PARENT
		h.clone.exitSignal = 0 // with CLONE_PARENT it is the caller's own
	}
	if cgroup > 0 {
		h.clone.flags |= unix.CLONE_INTO_CGROUP
		h.clone.cgroup = uint64(cgroup)
	}
	atomic.StoreUint32(&h.busy, 1)
}

// cloneFailure names the part of clone3 that failed: the cgroup, where one
// was asked for and the error is one that only a cgroup gives.
func cloneFailure(errno syscall.Errno, cgroup int) *Failure {
	if cgroup > 0 {
		switch errno {
		case unix.EACCES, unix.EBADF, unix.EBUSY, unix.ENODEV, unix.EOPNOTSUPP:
			return newFailure(StepCgroup, 0, errno, "")
		default: // clone3 itself
		}
	}
	return newFailure(StepFork, 0, errno, "")
}
