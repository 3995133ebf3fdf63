// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// awaitState waits until a process is in one of the states of proc(5).
func awaitState(t testing.TB, pid int, states string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; {
		s, ok := readStat(pid)
		if ok && strings.ContainsRune(states, rune(s.state)) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("process %d is in state %q, want one of %s", pid, s.state, states)
		}
		_ = unix.Nanosleep(&unix.Timespec{Nsec: 1e6}, nil)
	}
}

// A process stops and goes on by signals as if nobody traced it: its parent is
// told, and it stays stopped when it is let go.
func TestStopsPassThrough(t *testing.T) {
	needDaemon(t)
	m := startManager(t)
	pid := m.start(1, 2, daemon, "uhSfh")
	awaitStop := func() {
		t.Helper()
		var ws unix.WaitStatus
		if _, err := unix.Wait4(pid, &ws, unix.WUNTRACED, nil); err != nil || !ws.Stopped() || ws.StopSignal() != unix.SIGSTOP {
			t.Fatalf("%v, status %#x", err, ws)
		}
	}
	awaitStop()
	awaitState(t, pid, "t")
	m.do("drop 1")
	if l := m.next(); l != fmt.Sprintf("dropped true 1 pid %d forks 0 seen 1 helpers 1", pid) {
		t.Error(l)
	}
	m.idle()
	awaitState(t, pid, "T")
	if !IsStopped(pid) || tracerOf(pid) != 0 {
		t.Error("it is not stopped, or traced still")
	}
	if err := unix.Kill(pid, unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if got := exit(t, pid); got != "exit 0" {
		t.Error(got)
	}

	pid = m.start(2, 1, daemon, "Sf")
	awaitStop()
	if err := unix.Kill(pid, unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if _, got := m.last(); got != "forks 1 seen 1 helpers 0 done" {
		t.Error(got)
	}
	if got := exit(t, pid); got != "exit 0" {
		t.Error(got)
	}
	m.do("drop 2")
	if l := m.next(); !strings.HasPrefix(l, "dropped false") {
		t.Error(l)
	}
	killAll(t)
	m.reapAll()
}

// killAll kills what is left of the daemons.
func killAll(t testing.TB) {
	t.Helper()
	for _, pid := range daemons(t) {
		_ = unix.Kill(pid, unix.SIGKILL) // it may be gone
	}
}

// daemons are the processes that run the test's daemon.
func daemons(t testing.TB) (pids []int) {
	t.Helper()
	names, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		var pid int
		if _, err := fmt.Sscan(n.Name(), &pid); err != nil {
			continue
		}
		if exe, err := os.Readlink("/proc/" + n.Name() + "/exe"); err == nil && exe == daemon {
			pids = append(pids, pid)
		}
	}
	return pids
}

// A tracer that is killed leaves all processes running, wherever they are:
// before execve, in the middle of forks, stopped, in a vfork, waiting.
func TestKilledTracer(t *testing.T) {
	needDaemon(t)
	for range 5 {
		m := startManager(t)
		programs := []string{"hvhvhvhvfhvhvff", "fff", "S", "w5r", "t", "hhhhhhhhhhhhhhhhhhhhhhf", "vvvvvvvvvvvvvvvvvv", "k"}
		for i := range 40 {
			m.do("start %d 4 %s %s", i, daemon, programs[i%len(programs)])
		}
		pids := map[int]bool{}
		for range 40 {
			var key, pid int
			l := m.next()
			for strings.Contains(l, " pid ") {
				l = m.next()
			}
			if strings.Contains(l, "not permitted") {
				t.Skip("tracing is not permitted here: " + l)
			}
			if _, err := fmt.Sscanf(l, "%d started %d", &key, &pid); err != nil {
				t.Fatalf("%q: %v", l, err)
			}
			pids[pid] = true
		}
		if err := m.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = m.cmd.Wait() // killed
		// Each program comes to its end, which is a pause or its stop.
		for end := time.Now().Add(10 * time.Second); ; {
			alive := daemons(t)
			if len(alive) >= 40 && !slices.ContainsFunc(alive, func(pid int) bool {
				s, ok := readStat(pid)
				return !ok || !strings.ContainsRune("ST", rune(s.state)) || tracerOf(pid) > 0
			}) {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%d daemons are left", len(alive))
			}
			_ = unix.Nanosleep(&unix.Timespec{Nsec: 1e6}, nil)
		}
		for len(daemons(t)) > 0 {
			killAll(t)
			for {
				if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != nil || pid <= 0 {
					break
				}
			}
		}
	}
}

// What cannot be followed goes on.
func TestRefused(t *testing.T) {
	needDaemon(t)
	m := startManager(t)
	m.do("refuse 1 %s S", daemon)
	var pid int
	l := m.next()
	if !strings.Contains(l, "1 refused cannot follow the forks of process") {
		t.Errorf("%q", l)
	}
	if _, err := fmt.Sscanf(m.next(), "1 started %d", &pid); err != nil {
		t.Fatal(err)
	}
	awaitState(t, pid, "T")
	end(t, pid)
	m.idle()
}
