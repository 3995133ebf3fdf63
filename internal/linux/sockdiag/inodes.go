// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"errors"
	"os"
	"strconv"
	"strings"
)

// Inodes are those of the sockets that the processes have open. What may not be
// looked at is left out.
func Inodes(pids []int) map[uint32]bool {
	out := make(map[uint32]bool)
	for _, pid := range pids {
		_ = sockets(pid, func(inode uint32) bool {
			out[inode] = true
			return true
		})
	}
	return out
}

// sockets calls fn with the inode of each socket of a process until it says no.
func sockets(pid int, fn func(inode uint32) bool) error {
	dir := "/proc/" + strconv.Itoa(pid) + "/fd"
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, n := range names {
		l, err := os.Readlink(dir + "/" + n)
		if errors.Is(err, os.ErrPermission) {
			return err
		}
		text, ok := strings.CutPrefix(l, "socket:[")
		if err != nil || !ok {
			continue
		}
		inode, err := strconv.ParseUint(strings.TrimSuffix(text, "]"), 10, 32)
		if err == nil && !fn(uint32(inode)) {
			return nil
		}
	}
	return nil
}
