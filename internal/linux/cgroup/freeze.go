// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Freeze asks for it and waits for the completion, at most for wait; done is
// false when it is not complete yet: a Watcher tells then. An empty cgroup is
// frozen at once. A frozen process gets SIGKILL, but no other signal.
func (t *Tree) Freeze(path string, wait time.Duration) (done bool, err error) {
	return t.setFrozen(path, true, wait)
}

// Thaw is the opposite.
func (t *Tree) Thaw(path string, wait time.Duration) (done bool, err error) {
	return t.setFrozen(path, false, wait)
}

func (t *Tree) setFrozen(path string, want bool, wait time.Duration) (bool, error) {
	value, verb := "0", "thaw"
	if want {
		value, verb = "1", "freeze"
	}
	if err := t.write(path, "cgroup.freeze", value); err != nil {
		return false, fmt.Errorf("cannot %s cgroup %q: %w", verb, path, err)
	}
	fd, err := unix.Openat(t.dir, filepath.Join(path, "cgroup.events"), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false, fmt.Errorf("cannot %s cgroup %q: %w", verb, path, err)
	}
	defer unix.Close(fd)
	deadline := time.Now().Add(wait)
	for {
		var buf [128]byte
		// Reading also takes the notification: the next change wakes poll.
		n, err := unix.Pread(fd, buf[:], 0)
		if err != nil {
			return false, fmt.Errorf("cannot %s cgroup %q: %w", verb, path, err)
		}
		if (keyed(buf[:n], "frozen") == 1) == want {
			return true, nil
		}
		left := time.Until(deadline)
		if left <= 0 {
			return false, nil
		}
		ts := unix.NsecToTimespec(int64(left))
		if _, err := unix.Ppoll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLPRI}}, &ts, nil); err != nil && err != unix.EINTR {
			return false, fmt.Errorf("cannot wait for cgroup %q: %w", path, err)
		}
	}
}
