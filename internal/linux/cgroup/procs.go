// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// maxRounds bounds the loops that look again for new processes: something
// that forks faster than it is signalled is left to the caller, with EAGAIN.
const maxRounds = 64

// Procs are the processes in the cgroup and in all below it, sorted. Those of
// another PID namespace are left out.
func (t *Tree) Procs(path string) ([]int, error) {
	var pids []int
	work := []string{path}
	for len(work) > 0 {
		p := work[len(work)-1]
		work = work[:len(work)-1]
		text, err := t.read(p, "cgroup.procs")
		if errors.Is(err, unix.EOPNOTSUPP) {
			text, err = t.read(p, "cgroup.threads") // a threaded cgroup
		}
		if gone(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read the processes of cgroup %q: %w", p, err)
		}
		for line := range bytes.Lines(text) {
			pid, err := strconv.Atoi(string(bytes.TrimSpace(line)))
			if err == nil && pid > 0 {
				pids = append(pids, pid)
			}
		}
		subs, err := t.children(p)
		if err != nil {
			return nil, err
		}
		work = append(work, subs...)
	}
	slices.Sort(pids)
	return slices.Compact(pids), nil
}

// Of is the cgroup of a process, relative to the base; ok is false for one
// that is not below it.
func (t *Tree) Of(pid int) (path string, ok bool) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return "", false
	}
	path, ok = unifiedOf(string(text))
	if !ok {
		return "", false
	}
	m, err := readMounts()
	if err != nil {
		return "", false
	}
	dir := m.dirOf(path)
	if dir == t.facts.Base {
		return "", true
	}
	return strings.CutPrefix(dir, t.facts.Base+"/")
}

// Attach moves a process into the cgroup.
func (t *Tree) Attach(path string, pid int) error {
	if err := t.write(path, "cgroup.procs", strconv.Itoa(pid)); err != nil {
		return fmt.Errorf("cannot move process %d to cgroup %q: %w", pid, path, err)
	}
	return nil
}

// Signal sends sig to every process below the cgroup, once to each, except
// those in except; it looks again until it finds no new one. n is how many
// got it.
func (t *Tree) Signal(path string, sig int, except ...int) (n int, err error) {
	return signalAll(func() ([]int, error) { return t.Procs(path) }, sig, except)
}

// signalAll signals what list gives, each once, until nothing new appears.
func signalAll(list func() ([]int, error), sig int, except []int) (n int, err error) {
	seen := make(map[int]bool)
	for _, pid := range except {
		seen[pid] = true
	}
	for range maxRounds {
		pids, err := list()
		if err != nil {
			return n, err
		}
		fresh := false
		for _, pid := range pids {
			if seen[pid] {
				continue
			}
			seen[pid] = true
			fresh = true
			switch err := unix.Kill(pid, unix.Signal(sig)); err {
			case nil:
				n++
			case unix.ESRCH: // gone, or a zombie's last moment
			default:
				return n, fmt.Errorf("cannot send signal %d to process %d: %w", sig, pid, err)
			}
		}
		if !fresh {
			return n, nil
		}
	}
	return n, fmt.Errorf("processes appear faster than they can be signalled: %w", unix.EAGAIN)
}

// Kill sends SIGKILL to all, also to what is being forked meanwhile. They are
// not gone when it returns: a Watcher or State tells.
func (t *Tree) Kill(path string) error {
	if t.facts.Kill {
		err := t.write(path, "cgroup.kill", "1")
		if gone(err) {
			return nil
		}
		if err == nil {
			t.killed[path] = struct{}{}
			return nil
		}
		if !errors.Is(err, unix.EOPNOTSUPP) { // threaded
			return fmt.Errorf("cannot kill cgroup %q: %w", path, err)
		}
	}
	_, err := t.Signal(path, int(unix.SIGKILL))
	return err
}

// Killed tells whether cgroup.kill was written to a cgroup since it was made: on
// Linux 6.18 what is cloned into such a one afterwards (CLONE_INTO_CGROUP) was
// killed at once, each time.
func (t *Tree) Killed(path string) bool {
	_, ok := t.killed[path]
	return ok
}

// base name of the cgroup that the manager itself moves to when its own one
// must have no processes.
const initScope = "init.scope"

// leaveBase moves this process, if it is in the cgroup, to a child of it:
// controllers can be enabled only where no process is (cgroup-v2.rst, "No
// Internal Process Constraint").
func (t *Tree) leaveBase(path string) error {
	own, ok := t.Of(os.Getpid())
	if !ok || own != path {
		return unix.EBUSY
	}
	scope := filepath.Join(path, initScope)
	if _, err := t.Make(scope); err != nil {
		return err
	}
	pids, err := t.direct(path)
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if err := t.Attach(scope, pid); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}

// direct are the processes of the cgroup itself.
func (t *Tree) direct(path string) ([]int, error) {
	text, err := t.read(path, "cgroup.procs")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, word := range strings.Fields(string(text)) {
		if pid, err := strconv.Atoi(word); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
