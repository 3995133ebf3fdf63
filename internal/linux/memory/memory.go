// SPDX-License-Identifier: Apache-2.0

// Package memory tells what processes have in memory, and pages it out. It does
// not block: paging out goes bit by bit.
package memory

import (
	"bytes"
	"os"
	"strconv"
)

var pageSize = uint64(os.Getpagesize())

// Resident is the sum of the resident sets of the processes, in bytes. What
// several of them share counts for each.
func Resident(pids []int) uint64 {
	var sum uint64
	for _, pid := range pids {
		// statm: size, resident, shared, ... in pages (proc_pid_statm(5)).
		text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
		if f := bytes.Fields(text); err == nil && len(f) > 1 {
			n, _ := strconv.ParseUint(string(f[1]), 10, 64) // the kernel's own
			sum += n * pageSize
		}
	}
	return sum
}

// Proportional is what the processes would give back by ending, in bytes: their
// own pages, and of what they share with others a fair part (Pss of
// proc_pid_smaps_rollup(5), since Linux 4.14). It walks their page tables: about
// 15 ms a GiB. Where that may not be read it is what Resident says.
func Proportional(pids []int) uint64 {
	var sum uint64
	for _, pid := range pids {
		n, ok := pss(pid)
		if !ok {
			n = Resident([]int{pid})
		}
		sum += n
	}
	return sum
}

func pss(pid int) (uint64, bool) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/smaps_rollup")
	if err != nil {
		return 0, false
	}
	for line := range bytes.Lines(text) {
		if v, ok := bytes.CutPrefix(line, []byte("Pss:")); ok {
			if f := bytes.Fields(v); len(f) > 0 {
				n, err := strconv.ParseUint(string(f[0]), 10, 64)
				return n << 10, err == nil
			}
		}
	}
	return 0, false
}
