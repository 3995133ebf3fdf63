// SPDX-License-Identifier: Apache-2.0

package handover

import (
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// inUse tells whether any process of the service has held socket i, other
// than by the number by which it was passed.
func (h *Handover) inUse(i int) bool {
	if h.c.Pids == nil {
		return true
	}
	s := &h.held[i]
	for _, pid := range h.c.Pids() {
		if hasSocket(pid, s.inode, s.PassedAs) {
			return true
		}
	}
	return false
}

func hasSocket(pid int, inode uint64, except int) bool {
	dir := "/proc/" + strconv.Itoa(pid) + "/fd"
	f, err := os.Open(dir)
	if err != nil {
		return false
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return false
	}
	for _, n := range names {
		if except != 0 && n == strconv.Itoa(except) {
			continue
		}
		if l, err := os.Readlink(dir + "/" + n); err == nil && socketInode(l) == inode {
			return true
		}
	}
	return false
}

// kickPatience bounds how long Kick waits for a process to stop; a thread in
// an uninterruptible sleep is not in a call that waits for us.
const kickPatience = 20 * time.Millisecond

// Kick makes processes repeat the calls that a dead manager had received and
// not answered: the kernel does so when they are stopped and continued, under
// a new id. Call it with the processes of every service that has an open
// notification descriptor, when the manager has come back.
func Kick(pids []int) {
	for _, pid := range pids {
		if unix.Kill(pid, unix.SIGSTOP) != nil {
			continue
		}
		// A SIGCONT that overtakes the stop would undo it.
		for end := time.Now().Add(kickPatience); !isStopped(pid) && time.Now().Before(end); {
			_ = unix.Nanosleep(&unix.Timespec{Nsec: 50_000}, nil)
		}
		_ = unix.Kill(pid, unix.SIGCONT)
	}
}

// isStopped reads the state of a process; one that is gone counts.
func isStopped(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return true
	}
	// The name, in parentheses, may hold anything.
	for i := len(b) - 3; i >= 0; i-- {
		if b[i] == ')' {
			return b[i+2] == 'T' || b[i+2] == 't' || b[i+2] == 'Z' || b[i+2] == 'X'
		}
	}
	return true
}
