// SPDX-License-Identifier: Apache-2.0

package guardian

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// maxTraps bounds the memory for traps of processes that are no children of
// ours, so that no exit takes them away.
const maxTraps = 1 << 16

// traps are the children whose next stop the present manager wants to hear
// of. The next manager asks again for what it waits for still.
type traps struct {
	asked map[int32]bool
	stops []stop // to be told
}

type stop struct {
	pid int32
	sig uint8
}

func (t *traps) add(pid int32) {
	if t.asked == nil {
		t.asked = map[int32]bool{}
	}
	if len(t.asked) < maxTraps && pid > 0 {
		t.asked[pid] = true
	}
}

// trap is the manager's Trap. The child may have stopped before it came, and
// been seen: so it is looked at now, under the lock that a stop is seen under.
func (g *guardian) trap(pid int32) {
	g.traps.add(pid)
	if isStopped(pid) {
		g.sprung(pid, uint8(unix.SIGSTOP))
	}
}

// stopped takes a child's stop from the kernel, which tells of it until then.
func (g *guardian) stopped(pid int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var info siginfo
	if waitid(unix.P_PID, int(pid), &info, unix.WSTOPPED|unix.WNOHANG|unix.WALL, nil) == 0 && info.code == cldStopped {
		g.sprung(pid, uint8(info.body.status))
	}
}

// sprung tells of a stop that was asked for, once.
func (g *guardian) sprung(pid int32, sig uint8) {
	if g.traps.asked[pid] {
		delete(g.traps.asked, pid)
		g.traps.stops = append(g.traps.stops, stop{pid, sig})
		g.flush()
	}
}

// lookAtTraps finds the stops that were not told when the guardian executed a
// new program.
func (g *guardian) lookAtTraps() {
	for pid := range g.traps.asked {
		if isStopped(pid) {
			g.sprung(pid, uint8(unix.SIGSTOP))
		}
	}
}

// isStopped reads the state of proc_pid_stat(5).
func isStopped(pid int32) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(int(pid)) + "/stat")
	return err == nil && bytes.HasPrefix(b[bytes.LastIndexByte(b, ')')+1:], []byte(" T "))
}
