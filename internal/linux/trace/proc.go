// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"strings"
)

// stat is what is used of proc_pid_stat(5).
type stat struct {
	state           byte
	parent, session int
	start           uint64 // clock ticks since boot
}

// readStat fails for a process that is gone.
func readStat(pid int) (s stat, ok bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return s, false
	}
	// The name, in parentheses, may hold anything.
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	const state, parent, session, start = 0, 1, 3, 19
	if len(f) <= start {
		return s, false
	}
	s.state = f[state][0]
	s.parent, _ = strconv.Atoi(string(f[parent])) // the kernel writes numbers
	s.session, _ = strconv.Atoi(string(f[session]))
	s.start, _ = strconv.ParseUint(string(f[start]), 10, 64)
	return s, true
}

// IsStopped tells whether a process is stopped by a signal now, for a manager
// that comes back and may have missed that it stopped.
func IsStopped(pid int) bool {
	s, ok := readStat(pid)
	return ok && s.state == 'T'
}

// Survivor is the process that is most likely the daemon among those that are
// left of a unit, where they could not be traced; 0 for none. Those in except,
// zombies, and what is gone do not count. The caller's parent is the guardian:
// a daemon that went into the background is its child. Of several it is one
// that leads a session, then the oldest, then the one with the lowest pid.
func Survivor(pids []int, except ...int) int {
	best, bestRank := 0, [4]uint64{}
	guardian := os.Getppid()
	for _, pid := range pids {
		if slices.Contains(except, pid) {
			continue
		}
		s, ok := readStat(pid)
		if !ok || s.state == 'Z' || s.state == 'X' {
			continue
		}
		rank := [4]uint64{flag(s.parent != guardian), flag(s.session != pid), s.start, uint64(pid)}
		if best == 0 || slices.Compare(rank[:], bestRank[:]) < 0 {
			best, bestRank = pid, rank
		}
	}
	return best
}

func flag(v bool) uint64 {
	if v {
		return 1
	}
	return 0
}

// family reads to which process a thread belongs, and its parent; zeros for
// one that is gone.
func family(tid int) (process, parent int) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(tid) + "/status")
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "Tgid:"); ok {
			process, _ = strconv.Atoi(strings.TrimSpace(v))
		}
		if v, ok := strings.CutPrefix(line, "PPid:"); ok {
			parent, _ = strconv.Atoi(strings.TrimSpace(v))
			break
		}
	}
	return process, parent
}
