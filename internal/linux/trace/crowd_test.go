// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Fifty at once, each with another key: every one is followed to its daemon,
// every first process is heard of by its parent with its own status, once,
// and nothing is left traced.
func TestFiftyAtOnce(t *testing.T) {
	needDaemon(t)
	m := startManager(t)
	programs := []string{"hfsf", "fvf", "tff", "ff"}
	for i := range 50 {
		m.do("start %d 2 %s %s", i, daemon, programs[i%len(programs)])
	}
	first, last := map[int]int{}, map[int]int{}
	for len(first) < 50 || len(last) < 50 {
		l := m.next()
		if strings.Contains(l, "not permitted") {
			t.Skip("tracing is not permitted here: " + l)
		}
		var key, pid int
		var rest string
		if _, err := fmt.Sscanf(l, "%d started %d", &key, &pid); err == nil {
			first[key] = pid
			continue
		}
		if _, err := fmt.Sscanf(l, "%d pid %d", &key, &pid); err != nil {
			t.Fatalf("%q: %v", l, err)
		}
		if _, rest, _ = strings.Cut(l, " forks "); strings.HasSuffix(rest, " done") {
			if !strings.HasPrefix(rest, "2 ") || last[key] != 0 {
				t.Errorf("%q", l)
			}
			last[key] = pid
		}
	}
	m.idle()
	for key, pid := range first {
		if got := exit(t, pid); got != "exit 0" {
			t.Errorf("%d: %s", key, got)
		}
		if _, err := unix.Wait4(pid, nil, 0, nil); err != unix.ECHILD {
			t.Errorf("%d: its exit comes again: %v", key, err)
		}
	}
	for key, pid := range last {
		if s, ok := readStat(pid); !ok || s.parent != os.Getpid() || tracerOf(pid) != 0 {
			t.Errorf("%d: process %d is %+v", key, pid, s)
		}
		end(t, pid)
	}
	m.reapAll()
}

// A shell script with commands, and the daemon not by exec.
func TestShell(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "script")
	text := "#!/bin/sh -e\nx=$(echo 1)\ntest -d /\n/bin/true\n( ( read x <" + fifo + " ) & ) &\nwait\n"
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	m := startManager(t)
	pid := m.start(1, 2, script)
	last, got := m.last()
	if !strings.HasPrefix(got, "forks 2 ") || !strings.HasSuffix(got, " helpers 2 done") {
		t.Errorf("%q", got)
	}
	if got := exit(t, pid); got != "exit 0" {
		t.Error(got)
	}
	end(t, last)
	m.reapAll()
}

// Survivor prefers a child of the guardian, then who leads a session, then the
// oldest. The parent of the test stands for the guardian.
func TestSurvivor(t *testing.T) {
	self, parent := os.Getpid(), os.Getppid()
	m := startManager(t) // our child
	theirs := m.cmd.Process.Pid
	for _, c := range []struct {
		pids, except []int
		want         int
	}{
		{[]int{theirs, self}, nil, self},
		{[]int{theirs, self, 1 << 30}, []int{self}, theirs},
		{[]int{1 << 30}, nil, 0},
		{nil, nil, 0},
		{[]int{parent}, []int{parent}, 0},
	} {
		if got := Survivor(c.pids, c.except...); got != c.want {
			t.Errorf("of %v except %v: %d, want %d", c.pids, c.except, got, c.want)
		}
	}
	if IsStopped(self) || IsStopped(1<<30) {
		t.Error("nobody is stopped here")
	}
}
