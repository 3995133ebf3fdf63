// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// newTree is a base of the test's own, removed at its end.
func newTree(t *testing.T) *Tree {
	t.Helper()
	tree, facts, err := Open(Options{Sub: fmt.Sprintf("rouse-test-%d", os.Getpid())})
	if err != nil {
		t.Fatal(err)
	}
	if tree == nil {
		if strings.Contains(os.Getenv("ROUSE_TEST_REQUIRE"), "cgroup2") {
			t.Fatalf("no cgroups, which ROUSE_TEST_REQUIRE promises: %s", facts.Why)
		}
		t.Skipf("needs cgroups: %s", facts.Why)
	}
	t.Cleanup(func() {
		_ = tree.Kill("")
		await(t, "an empty base", func() bool { st, err := tree.State(""); return err != nil || !st.Populated })
		subs, _ := tree.Children("")
		for _, sub := range subs {
			if err := tree.Remove(sub); err != nil {
				t.Error(err)
			}
		}
		if err := tree.Close(true); err != nil {
			t.Error(err)
		}
	})
	return tree
}

// await looks again until it holds, for at most 5 s.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("no %s after 5 s", what)
		}
		_, _ = unix.Poll(nil, 1)
	}
}

// run starts a shell in the cgroup and returns when it has printed "up".
func run(t *testing.T, tree *Tree, path, script string) *exec.Cmd {
	t.Helper()
	fd, err := tree.OpenFD(path)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	return shell(t, script, &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: fd, Setsid: true})
}

func shell(t *testing.T, script string, attr *syscall.SysProcAttr, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.SysProcAttr, cmd.Env = attr, append([]string{"PATH=/usr/bin:/bin"}, env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	buf := make([]byte, 3)
	if _, err := out.Read(buf); err != nil || string(buf) != "up\n" {
		t.Fatalf("got %q, %v", buf, err)
	}
	return cmd
}

// A service that leaves its session, its parent and its descriptors behind is
// found and ended.
func TestDaemonIsFound(t *testing.T) {
	tree := newTree(t)
	const path = "app.slice/web.service"
	if created, err := tree.Make(path); err != nil || !created {
		t.Fatal(created, err)
	}
	if created, err := tree.Make(path); err != nil || created {
		t.Fatal("again:", created, err)
	}
	cmd := run(t, tree, path, "setsid sh -c 'sleep 1000 & exec sleep 1000' </dev/null >/dev/null 2>&1 & echo up; exec sleep 1000")
	await(t, "three processes", func() bool { pids, _ := tree.Procs(path); return len(pids) == 3 })
	if got, ok := tree.Of(cmd.Process.Pid); !ok || got != path {
		t.Errorf("Of: %q, %v", got, ok)
	}
	if st, err := tree.State(path); err != nil || !st.Populated || st.Frozen {
		t.Errorf("state %+v, %v", st, err)
	}
	if err := tree.Remove(path); !errors.Is(err, unix.EBUSY) {
		t.Errorf("removing a populated cgroup: %v", err)
	}
	if n, err := tree.Signal(path, int(unix.SIGTERM), cmd.Process.Pid); n != 2 || err != nil {
		t.Errorf("signal to %d: %v", n, err)
	}
	await(t, "end of the daemon", func() bool { pids, _ := tree.Procs(path); return slices.Equal(pids, []int{cmd.Process.Pid}) })
	if err := tree.Kill("app.slice"); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if st, err := tree.State("app.slice"); err != nil || st.Populated {
		t.Errorf("state %+v, %v", st, err)
	}
	if err := tree.Remove("app.slice"); err != nil || tree.Exists("app.slice") {
		t.Errorf("remove with a child: %v", err)
	}
	if err := tree.Remove("app.slice"); err != nil {
		t.Errorf("remove again: %v", err)
	}
	// Its parent is gone too; Make must not believe its memory.
	if _, err := tree.Make(path); err != nil {
		t.Error(err)
	}
}

func TestKillBySignal(t *testing.T) {
	tree := newTree(t)
	tree.facts.Kill = false // a kernel before 5.14
	if _, err := tree.Make("a/b"); err != nil {
		t.Fatal(err)
	}
	cmd := run(t, tree, "a/b", "sleep 1000 & sleep 1000 & echo up; wait")
	if err := tree.Kill("a"); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	await(t, "empty cgroup", func() bool { st, _ := tree.State("a"); return !st.Populated })
}

// dispatch waits for the watcher's descriptor and lets it work, until ok.
func dispatch(t *testing.T, w *Watcher, what string, ok func() bool) {
	t.Helper()
	for !ok() {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(w.FD()), Events: unix.POLLIN}}, 5000)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			t.Fatalf("no %s after 5 s: %v", what, err)
		}
		if err := w.Dispatch(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFreezeAndWatch(t *testing.T) {
	tree := newTree(t)
	if !tree.Facts().Freezer {
		t.Skip("needs cgroup.freeze (Linux 5.2)")
	}
	const path = "web.service"
	if _, err := tree.Make(path); err != nil {
		t.Fatal(err)
	}
	w, err := NewWatcher(tree)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	var seen []State
	if ev, err := w.Watch(path, func(e Event) { seen = append(seen, e.State) }); err != nil || ev.Populated {
		t.Fatal(ev, err)
	}
	cmd := run(t, tree, path, "echo up; while :; do :; done")
	dispatch(t, w, "populated", func() bool { return len(seen) == 1 })

	if done, err := tree.Freeze(path, time.Second); !done || err != nil {
		t.Fatal(done, err)
	}
	used, err := tree.CPUUsage(path)
	if err != nil || used == 0 {
		t.Errorf("processor time %v, %v", used, err)
	}
	dispatch(t, w, "frozen", func() bool { return seen[len(seen)-1].Frozen })
	_, _ = unix.Poll(nil, 20)
	if again, _ := tree.CPUUsage(path); again != used {
		t.Errorf("a frozen cgroup used %v", again-used)
	}
	if done, err := tree.Thaw(path, time.Second); !done || err != nil {
		t.Fatal(done, err)
	}
	dispatch(t, w, "thawed", func() bool { return !seen[len(seen)-1].Frozen })

	// SIGKILL works in the frozen state, and the end is told.
	if done, err := tree.Freeze(path, time.Second); !done || err != nil {
		t.Fatal(done, err)
	}
	if err := tree.Kill(path); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	dispatch(t, w, "empty", func() bool { return !seen[len(seen)-1].Populated })
	n := len(seen)
	w.Unwatch(path)
	w.Unwatch(path)
	if err := tree.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := w.Dispatch(); err != nil || len(seen) != n || len(w.byWd) != 0 {
		t.Errorf("after Unwatch: %v, %v, %d left", err, seen[n:], len(w.byWd))
	}
}

// A cgroup that is removed while watched is told as empty, once, and the
// watcher forgets it when asked.
func TestRemovedWhileWatched(t *testing.T) {
	tree := newTree(t)
	w, err := NewWatcher(tree)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := tree.Make("x"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Watch("x", func(e Event) { t.Errorf("nothing changed, but %v", e) }); err != nil {
		t.Fatal(err)
	}
	if err := tree.Remove("x"); err != nil {
		t.Fatal(err)
	}
	if err := w.Dispatch(); err != nil {
		t.Fatal(err)
	}
	w.Unwatch("x")
	if len(w.byWd) != 0 || len(w.byPath) != 0 {
		t.Errorf("left: %v %v", w.byWd, w.byPath)
	}
	if _, err := w.Watch("x", nil); !errors.Is(err, unix.ENOENT) {
		t.Errorf("watching what is not there: %v", err)
	}
}

// Controllers are enabled from the base down; the files are plain ones here.
func TestEnable(t *testing.T) {
	base := t.TempDir()
	for _, dir := range []string{".", "app.slice", "app.slice/a.service"} {
		if err := os.MkdirAll(filepath.Join(base, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{"cgroup.subtree_control", "memory.max", "cgroup.max.depth"} {
			if err := os.WriteFile(filepath.Join(base, dir, file), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	fd, err := unix.Open(base, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	tree := &Tree{dir: fd, facts: Facts{Base: base, Controllers: []string{"memory"}}, parents: map[string]struct{}{}, enabled: map[string]string{}, killed: map[string]struct{}{}}
	defer unix.Close(fd)
	if err := tree.SetAttribute("app.slice/a.service", "memory.max", "1M"); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"cgroup.subtree_control": "+memory", "app.slice/cgroup.subtree_control": "+memory",
		"app.slice/a.service/cgroup.subtree_control": "", "app.slice/a.service/memory.max": "1M",
	} {
		if got, err := os.ReadFile(filepath.Join(base, file)); err != nil || string(got) != want {
			t.Errorf("%s: %q, want %q (%v)", file, got, want, err)
		}
	}
	if err := tree.SetAttribute("app.slice", "io.max", "x"); !errors.Is(err, unix.ENOTSUP) {
		t.Errorf("a controller that is not there: %v", err)
	}
}

func TestBaseThatIsNone(t *testing.T) {
	dir := t.TempDir()
	tree, facts, err := Open(Options{Base: filepath.Join(dir, "x")})
	if tree != nil || err == nil || facts.Usable || facts.Why == "" {
		t.Errorf("%v %+v %v", tree, facts, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "x")); err == nil {
		t.Error("the directory was left behind")
	}
}
