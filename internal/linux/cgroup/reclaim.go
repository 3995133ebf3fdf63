// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// EnableMemory gives the cgroup the files of the memory controller, where there
// is one.
func (t *Tree) EnableMemory(path string) error {
	if !slices.Contains(t.facts.Controllers, "memory") {
		return nil
	}
	return t.enable(path, "memory")
}

// CanReclaim tells whether the cgroup has memory.reclaim (since Linux 5.19).
func (t *Tree) CanReclaim(path string) bool {
	return unix.Faccessat(t.dir, path+"/memory.reclaim", unix.W_OK, unix.AT_EACCESS) == nil
}

// Reclaim asks the kernel to page out so many bytes of the cgroup; more is false
// when there was less to be had.
func (t *Tree) Reclaim(path string, n uint64) (more bool, err error) {
	err = t.write(path, "memory.reclaim", strconv.FormatUint(n, 10))
	if errors.Is(err, unix.EAGAIN) || gone(err) {
		return false, nil
	}
	if err != nil && !errors.Is(err, unix.EINTR) { // a signal ends it before all is out
		return false, fmt.Errorf("cannot reclaim memory of cgroup %q: %w", path, err)
	}
	return true, nil
}
