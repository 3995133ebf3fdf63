// SPDX-License-Identifier: Apache-2.0

package guardian

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// otherBuild is the test binary as another file.
func otherBuild(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "other-build")
	if err := os.WriteFile(path, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func program(t *testing.T, pid int) string {
	t.Helper()
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUpgradeOfTheManager(t *testing.T) {
	other := otherBuild(t)
	g := guard(t, nil)
	own := program(t, g.cmd.Process.Pid)
	g.begin()
	g.do("store a one")
	g.do("reexec %s manager 0", other)
	m := g.want(`pid (\d+) sid \d+`)
	g.want("stored a one")
	g.want(`go restarts 1 fast 0 crashed false .* death "" notice ""`)
	g.do("ready")
	g.want("done ready")
	if got := program(t, number(m[1])); got != other {
		t.Errorf("the manager runs %s", got)
	}
	if got := program(t, g.cmd.Process.Pid); got != own {
		t.Errorf("the guardian runs %s", got)
	}
	// The file may vanish: the program is held open.
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	g.do("segv")
	if pid := g.begin(); program(t, pid) != other+" (deleted)" {
		t.Errorf("the next manager runs %s", program(t, pid))
	}
	g.do("bye 0")
	g.ends(0)
}

// The guardian's own re-execution keeps its pid, the manager, the store, the
// children and the exits that nobody has acknowledged.
func TestUpgradeOfTheGuardian(t *testing.T) {
	other := otherBuild(t)
	g := guard(t, nil)
	g.begin()
	g.do("store a one two")
	g.do("store b three")
	g.do("base /no/such base")
	g.do("spawn exit 1")
	g.want("exit .* seq 1 .*")
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	g.do("spawn read x < %s; exit 77", fifo)
	lives := g.want(`child (\d+)`)[1]
	g.do("reexec %s self 0", other)
	manager := g.want(`pid (\d+) sid \d+`)[1]
	g.want("go .*")
	g.do("manual")
	g.do("spawn exit 55")
	held := g.want("exit .* seq 2 .* status 55 .*")[0]
	g.signal(unix.SIGTERM)
	g.want("terminate .*")
	g.do("ready")
	g.want("done ready")
	// Only now can a signal not be lost.
	until(t, "the guardian runs the new program", func() bool { return program(t, g.cmd.Process.Pid) == other })
	g.signal(unix.SIGUSR2)
	g.want("signal 12")
	if err := os.WriteFile(fifo, []byte("\n"), 0); err != nil {
		t.Fatal(err)
	}
	g.want(fmt.Sprintf("exit %s seq 3 code 1 status 77 .*", lives))
	if !alive(number(manager)) {
		t.Error("the manager has not survived")
	}
	g.signal(unix.SIGUSR1)
	g.want("signal 10")
	g.do("segv")
	for _, want := range []string{"pid .*", "stored a one,two", "stored b three", held, "exit .* seq 3 .*"} {
		if m := g.want(".*"); !strings.HasPrefix(m[0], strings.TrimSuffix(strings.Split(want, ".*")[0], " ")) {
			t.Errorf("got %q, want %q", m[0], want)
		}
	}
	g.want(`go restarts 2 .* term true .* base "/no/such" .*`)
	g.do("bye 5")
	g.ends(5)
}

// A program whose manager does not become ready is given up at once.
func TestBadUpgrade(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no program"), 0o755); err != nil {
		t.Fatal(err)
	}
	g := guard(t, nil)
	own := program(t, g.cmd.Process.Pid)
	g.begin()
	for _, c := range []struct{ path, ms, notice string }{
		{"/bin/false", "0", "the new program's manager exited with status 1 before it was ready, went back to the program from before"},
		{"/bin/cat", "30", "the new program's manager was not ready within 30ms, went back to the program from before"},
		{text, "0", "the new program's manager could not be started: exec format error before it was ready, went back to the program from before"},
	} {
		g.do("reexec %s self %s", c.path, c.ms)
		m := g.want(`pid (\d+) sid \d+`)
		if got := program(t, number(m[1])); got != own {
			t.Errorf("after %s the manager runs %s", c.path, got)
		}
		g.want(fmt.Sprintf(`go .* crashed false .* notice %q`, c.notice))
		g.do("ready")
	}
	g.do("reexec - manager 0") // the same program again
	g.want(`go restarts 7 .* death "" notice ""`)
	g.do("bye 0")
	g.ends(0)
}

// TestUpgradeAtDeath: the new program's manager ends right after its Ready,
// while the guardian executes that program: its end is not forgotten.
func TestUpgradeAtDeath(t *testing.T) {
	for range 20 {
		g := guard(t, nil)
		g.begin()
		g.do("reexec %s self 0", "/proc/self/exe")
		g.want("go .*")
		g.do("ready bye 0")
		g.ends(0)
	}
}
