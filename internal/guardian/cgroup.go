// SPDX-License-Identifier: Apache-2.0

package guardian

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// killCgroup kills every process below dir, but never the guardian: a dir
// that has the guardian somewhere below it is not killed as a whole.
func killCgroup(dir string) {
	if !hasSelf(dir) {
		if err := os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0); err == nil {
			return
		}
		// Before Linux 5.14 there is no cgroup.kill.
	}
	self := os.Getpid()
	for _, pid := range procs(dir) {
		if pid > 0 && pid != self {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
	for _, sub := range below(dir) {
		killCgroup(sub)
	}
}

func hasSelf(dir string) bool {
	return slices.Contains(procs(dir), os.Getpid()) || slices.ContainsFunc(below(dir), hasSelf)
}

// procs are the processes right in dir; 0 stands for one of another PID
// namespace, cgroups(7).
func procs(dir string) []int {
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return nil
	}
	var pids []int
	for line := range strings.FieldsSeq(string(b)) {
		pid, _ := strconv.Atoi(line) // the kernel writes numbers only
		pids = append(pids, pid)
	}
	return pids
}

func below(dir string) []string {
	entries, _ := os.ReadDir(dir) // a part of them is better than nothing
	var dirs []string
	for _, e := range entries {
		if e.IsDir() {
			dirs = append(dirs, filepath.Join(dir, e.Name()))
		}
	}
	return dirs
}

// removeCgroup removes dir and all below it, as far as they are empty.
func removeCgroup(dir string) {
	for _, sub := range below(dir) {
		removeCgroup(sub)
	}
	// The processes were killed, but those that are not our children may
	// still be on their way out.
	for range 100 {
		if err := unix.Rmdir(dir); !errors.Is(err, unix.EBUSY) || len(below(dir)) > 0 || hasSelf(dir) {
			return
		}
		_ = unix.Nanosleep(&unix.Timespec{Nsec: 1e6}, nil)
	}
}
