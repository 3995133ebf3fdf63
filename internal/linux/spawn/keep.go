// SPDX-License-Identifier: Apache-2.0

package spawn

import (
	"encoding/binary"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Keep starts a process that shares this one's table of descriptors and does
// nothing: what is open here stays open when this process is killed, until
// that one is, or for so long. So a descriptor that was just made and not yet
// given to anybody is not lost (pidfd_getfd(2) brings it back). It takes no memory
// of its own and one descriptor, hears no signal but SIGKILL, and ends with its
// parent.
//
// It cannot be had where there is no assembly for the architecture (ENOSYS).
func (s *Spawner) Keep(patience time.Duration) (pid int, err error) {
	if s.portable || s.legacy {
		return 0, newFailure(StepFork, 0, unix.ENOSYS, "")
	}
	self, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return 0, newFailure(StepFork, 0, errnoOf(err), "")
	}
	defer func() {
		if err != nil {
			unix.Close(self)
		}
	}()
	b := &s.builder
	b.reset()
	b.Call(unix.SYS_PRCTL, Int(unix.PR_SET_PDEATHSIG), Int(unix.SIGKILL))
	b.Call(unix.SYS_PRCTL, Int(unix.PR_SET_NAME), b.Str("rouse-keeper"))
	end := binary.NativeEndian.AppendUint32(nil, uint32(self)) // struct pollfd
	end = binary.NativeEndian.AppendUint16(end, unix.POLLIN)
	b.Call(unix.SYS_PPOLL, b.Bytes(append(end, 0, 0)), Int(1), Int(0), Int(0)) // all signals are blocked
	ts := unix.NsecToTimespec(patience.Nanoseconds())
	b.Call(unix.SYS_PPOLL, Int(0), Int(0), b.Words(Int(ts.Sec), Int(ts.Nsec)), Int(0))
	b.Call(unix.SYS_EXIT_GROUP, Int(0))
	blk, err := s.pool.get(b.p.size())
	if err != nil {
		return 0, err
	}
	b.p.place(blk.mem)
	blk.header().result = 0
	s.fillClone(blk, shared, 0)
	blk.header().clone.flags |= unix.CLONE_FILES
	pid, errno := s.clone(blk)
	if errno != 0 {
		atomic.StoreUint32(&blk.header().busy, 0)
		return 0, newFailure(StepFork, 0, errno, "")
	}
	return pid, nil
}
