// SPDX-License-Identifier: Apache-2.0

package trace

import "testing"

// Daemons of all kinds: what is followed, where it ends, and that exits reach
// the parent as they are.
func TestDaemons(t *testing.T) {
	needDaemon(t)
	m := startManager(t)
	for i, c := range []struct {
		program string
		forks   int
		last    string
		first   string // how the first process ends; "" it is killed
	}{
		{"f", 1, "forks 1 seen 1 helpers 0 done", "exit 0"},
		{"fsf", 2, "forks 2 seen 2 helpers 0 done", "exit 0"},
		{"FsF", 2, "forks 2 seen 2 helpers 0 done", "exit 0"},
		{"fff", 3, "forks 3 seen 3 helpers 0 done", "exit 0"},
		{"hvhf", 1, "forks 1 seen 4 helpers 3 done", "exit 0"},        // a script with commands
		{"hefv1e", 2, "forks 1 seen 3 helpers 2 done exec", "exit 0"}, // another program by itself
		{"uw1r", 1, "forks 1 seen 1 helpers 0 done", "exit 0"},        // its parent waits until it is ready
		{"ws1f1r", 2, "forks 2 seen 2 helpers 0 done", "exit 0"},
		{"chffS", 2, "forks 2 seen 4 helpers 1 done", ""}, // a script that runs the daemon and lives on
		{"tftf", 2, "forks 2 seen 2 helpers 0 done", "exit 0"},
		{"tef", 1, "forks 1 seen 1 helpers 0 done", "exit 0"},
		{"x", 1, "forks 0 seen 0 helpers 0 gone", "exit 7"},
		{"a", 2, "forks 0 seen 0 helpers 0 gone", "aborted"},
		{"f1x", 2, "forks 0 seen 1 helpers 0 gone", "exit 0"},
		{"kx", 1, "forks 1 seen 1 helpers 0 done", "exit 7"},
	} {
		pid := m.start(i, c.forks, daemon, c.program)
		last, got := m.last()
		if got != c.last {
			t.Errorf("%s: %q, want %q", c.program, got, c.last)
		}
		m.idle()
		if c.first == "" {
			end(t, pid)
		} else if got := exit(t, pid); got != c.first {
			t.Errorf("%s: the first process: %s, want %s", c.program, got, c.first)
		}
		if last == 0 {
			continue
		}
		if by := tracerOf(last); by != 0 || last == pid {
			t.Errorf("%s: process %d is traced by %d", c.program, last, by)
		}
		end(t, last)
	}
	m.reapAll()
}
