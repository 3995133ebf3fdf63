// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// A daemon that left the session and its parent is found by its environment,
// stopped, continued and killed, with all that it started; others are not.
func TestMembers(t *testing.T) {
	token := "INVOCATION_ID=" + t.Name() + "-1"
	other := shell(t, "echo up; exec sleep 1000", &syscall.SysProcAttr{Setsid: true}, "INVOCATION_ID=other")
	cmd := shell(t, "setsid env -i sleep 1000 & setsid sh -c 'sleep 1000 & sleep 1000 & exit' </dev/null >/dev/null 2>&1 & echo up; exec sleep 1000",
		&syscall.SysProcAttr{Setsid: true}, token)
	q := Query{Token: token, Pids: []int{cmd.Process.Pid}}
	var pids []int
	await(t, "four members", func() bool { pids, _ = Members(q); return len(pids) == 4 })
	if !slices.Contains(pids, cmd.Process.Pid) || slices.Contains(pids, other.Process.Pid) || slices.Contains(pids, os.Getpid()) {
		t.Errorf("members %v", pids)
	}
	// Only descendants of the given root are looked at.
	if got, err := Members(Query{Root: other.Process.Pid, Token: token}); err != nil || len(got) != 0 {
		t.Errorf("below another root: %v, %v", got, err)
	}
	// Two processes are neither in the session nor children: by token alone.
	if got, err := Members(Query{Token: token}); err != nil || len(got) != 4 {
		t.Errorf("by token: %v, %v", got, err)
	}

	if n, err := FreezeMembers(q); n != 4 || err != nil {
		t.Errorf("froze %d: %v", n, err)
	}
	if list, err := members(q); err != nil || slices.ContainsFunc(list, func(p process) bool { return p.state != 'T' }) {
		t.Errorf("after freezing: %+v, %v", list, err)
	}
	if n, err := ThawMembers(q); n != 4 || err != nil {
		t.Errorf("thawed %d: %v", n, err)
	}
	await(t, "all running", func() bool {
		list, _ := members(q)
		return !slices.ContainsFunc(list, func(p process) bool { return p.state == 'T' })
	})
	if n, err := SignalMembers(q, 0, cmd.Process.Pid); n != 3 || err != nil {
		t.Errorf("signalled %d: %v", n, err)
	}
	if n, err := KillMembers(q); n != 4 || err != nil {
		t.Errorf("killed %d: %v", n, err)
	}
	_ = cmd.Wait()
	await(t, "end of all", func() bool { pids, err := Members(q); return err == nil && len(pids) == 0 })
	if pids, _ := Members(Query{Pids: []int{other.Process.Pid}}); len(pids) != 1 {
		t.Error("another unit's process was killed")
	}
}

// The parent of a vfork(2) stops when its child has come to execve(2). Where that
// takes too long, none of them is left stopped.
func TestMembersThatDoNotStop(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	// The child opens the FIFO, and waits for one that reads, before it executes.
	text := "import os; os.posix_spawn('/bin/true', ['true'], {}, file_actions=[(os.POSIX_SPAWN_OPEN, 0, '" + fifo + "', os.O_WRONLY, 0)])"
	cmd := shell(t, "echo up; exec "+python+" -c \""+text+"\"", &syscall.SysProcAttr{Setsid: true})
	q := Query{Pids: []int{cmd.Process.Pid}}
	state := func(of byte) bool {
		list, err := members(q)
		return err == nil && slices.ContainsFunc(list, func(p process) bool { return p.state == of })
	}
	// One that waits for its disk is in the same state, but is alone.
	await(t, "parent that waits for its child", func() bool {
		list, _ := members(q)
		return len(list) == 2 && state('D') && state('S')
	})
	if n, err := FreezeMembers(q); !errors.Is(err, syscall.EAGAIN) {
		t.Errorf("froze %d: %v", n, err)
	}
	await(t, "child that goes on", func() bool { return !state('T') })
	if n, err := KillMembers(q); n != 2 || err != nil {
		t.Errorf("killed %d: %v", n, err)
	}
	_ = cmd.Wait()
}
