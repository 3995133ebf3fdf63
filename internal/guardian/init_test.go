// SPDX-License-Identifier: Apache-2.0

package guardian

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// inNamespace makes the guardian PID 1 of a PID namespace of its own.
func inNamespace(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWPID,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
}

func needNamespaces(t *testing.T) {
	t.Helper()
	c := exec.Command("/bin/true")
	inNamespace(c)
	if err := c.Run(); err != nil {
		t.Skipf("no user and PID namespaces here: %v", err)
	}
}

func TestProcessOne(t *testing.T) {
	needNamespaces(t)
	g := guard(t, inNamespace)
	g.want("pid 2 sid .*|pid .*") // its number depends on the threads of PID 1
	g.want("go .* pid1 true .*")
	g.do("ready")
	g.do("spawn (exit 9) & exit 4")
	g.want(`exit \d+ seq \d+ code 1 status 4 .*`)
	g.want(`exit \d+ seq \d+ code 1 status 9 .*`)
	g.do("spawn trap '' TERM; sleep 1000")
	g.want("child .*")
	// What would end any other program: none of its signals is for PID 1.
	for _, sig := range []syscall.Signal{unix.SIGQUIT, unix.SIGABRT, unix.SIGPIPE, unix.SIGALRM, unix.SIGTRAP} {
		g.signal(sig)
	}
	g.signal(sigRTMin + 5)
	g.want("signal 39")
	g.do("store a one")
	g.do("segv")
	g.want("stored a one")
	g.do("ready")
	g.want("done ready")
	g.signal(sigRTMin + 3)
	g.want("terminate sig 37 force false")
	g.do("bye 3")
	g.ends(3)
}

// reboot(2) in a PID namespace ends it with a signal for its parent.
func TestProcessOneReboots(t *testing.T) {
	needNamespaces(t)
	g := guard(t, inNamespace)
	g.begin()
	g.do("reboot")
	for range g.lines {
	}
	_ = g.cmd.Wait() // the state says it all
	if ws, _ := g.cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signal() != unix.SIGHUP {
		t.Errorf("PID 1 ended with %v, want signal SIGHUP; stderr %q", g.cmd.ProcessState, g.stderr)
	}
}

// The upgrade of PID 1, which must not end for a moment.
func TestProcessOneUpgrades(t *testing.T) {
	needNamespaces(t)
	other := otherBuild(t)
	g := guard(t, inNamespace)
	g.begin()
	g.do("store a one")
	g.do("reexec %s self 0", other)
	g.want("go .* pid1 true .*")
	g.do("ready")
	g.do("spawn exit 6")
	g.want("exit .* status 6 .*")
	until(t, "PID 1 runs the new program", func() bool { return program(t, g.cmd.Process.Pid) == other })
	g.do("segv")
	g.want("stored a one")
	g.do("bye 0")
	g.ends(0)
}

// cgroupOfOurs makes a cgroup below the one of the test.
func cgroupOfOurs(t *testing.T) string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(mounts)) {
		f := strings.Fields(l)
		if f[2] != "cgroup2" {
			continue
		}
		own, err := os.ReadFile("/proc/self/cgroup")
		if err != nil {
			t.Fatal(err)
		}
		for l := range strings.Lines(string(own)) {
			rest, ok := strings.CutPrefix(strings.TrimSpace(l), "0::")
			if !ok {
				continue
			}
			dir := filepath.Join(f[1], rest, fmt.Sprintf("rouse-test-%d", os.Getpid()))
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Skipf("cannot make a cgroup: %v", err)
			}
			t.Cleanup(func() { removeCgroup(dir) })
			return dir
		}
	}
	t.Skip("no cgroup2 mount")
	return ""
}

// Everything in the base goes, processes of other parents too, but not the
// guardian, should it be in there itself.
func TestBaseIsEmptiedAndRemoved(t *testing.T) {
	base := cgroupOfOurs(t)
	inside, deep := filepath.Join(base, "guardian"), filepath.Join(base, "a", "b")
	for _, dir := range []string{inside, deep} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	foreign := exec.Command("sleep", "1000")
	if err := foreign.Start(); err != nil {
		t.Fatal(err)
	}
	g := guard(t, nil)
	g.begin()
	for dir, pid := range map[string]int{inside: g.cmd.Process.Pid, deep: foreign.Process.Pid} {
		if err := os.WriteFile(dir+"/cgroup.procs", fmt.Append(nil, pid), 0); err != nil {
			_ = foreign.Process.Kill()
			_ = foreign.Wait()
			t.Skipf("cannot move a process into a cgroup: %v", err)
		}
	}
	g.do("base %s", base)
	g.do("bye 4")
	g.ends(4)
	if err := foreign.Wait(); err == nil {
		t.Error("a process in the base was not killed")
	}
	if _, err := os.Stat(filepath.Join(base, "a")); !os.IsNotExist(err) {
		t.Errorf("the cgroup below the base is still there: %v", err)
	}
}
