// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Query says which processes belong to a unit where there are no cgroups.
type Query struct {
	// Root limits the search to descendants of this process (the guardian);
	// 0 searches all.
	Root int
	// Token is an entry of the environment that only this unit's processes
	// have: "INVOCATION_ID=...". A process that replaced its environment, or
	// whose environment may not be read, is not found by it.
	Token string
	// Pids are known processes of the unit; their descendants and the
	// members of sessions that they lead belong to it too.
	Pids []int
}

// process is what /proc/PID/stat says.
type process struct {
	pid, parent, session int
	state                byte
}

// dead: it has ended and waits for its parent, or is just going.
func (p *process) dead() bool { return p.state == 'Z' || p.state == 'X' }

// Members are the live processes that belong to the unit, sorted. The
// process that asks is never one of them.
func Members(q Query) ([]int, error) {
	members, err := members(q)
	if err != nil {
		return nil, err
	}
	pids := make([]int, len(members))
	for i, p := range members {
		pids[i] = p.pid
	}
	return pids, nil
}

func members(q Query) ([]process, error) {
	all, err := candidates(q.Root)
	if err != nil {
		return nil, err
	}
	byParent := make(map[int][]int, len(all)) // indices
	for i := range all {
		byParent[all[i].parent] = append(byParent[all[i].parent], i)
	}
	if q.Root != 0 {
		all, byParent = below(all, byParent, q.Root)
	}
	in := claim(all, byParent, q)
	self := os.Getpid()
	var out []process
	for i := range all {
		if in[i] && !all[i].dead() && all[i].pid != self && all[i].pid != q.Root {
			out = append(out, all[i])
		}
	}
	slices.SortFunc(out, func(a, b process) int { return a.pid - b.pid })
	return out, nil
}

// below keeps the descendants of root.
func below(all []process, byParent map[int][]int, root int) ([]process, map[int][]int) {
	var kept []process
	work := []int{root}
	for len(work) > 0 {
		pid := work[len(work)-1]
		work = work[:len(work)-1]
		for _, i := range byParent[pid] {
			kept = append(kept, all[i])
			work = append(work, all[i].pid)
		}
	}
	again := make(map[int][]int, len(kept))
	for i := range kept {
		again[kept[i].parent] = append(again[kept[i].parent], i)
	}
	return kept, again
}

// claim marks the processes that belong to the unit: the known ones, those
// with the token, and from there all children and members of sessions that a
// process of the unit leads, until nothing is added.
func claim(all []process, byParent map[int][]int, q Query) []bool {
	in := make([]bool, len(all))
	bySession := make(map[int][]int)
	for i := range all {
		bySession[all[i].session] = append(bySession[all[i].session], i)
	}
	var work []int
	add := func(list []int) {
		for _, i := range list {
			if !in[i] {
				in[i] = true
				work = append(work, i)
			}
		}
	}
	for i := range all {
		if slices.Contains(q.Pids, all[i].pid) || q.Token != "" && hasToken(all[i].pid, q.Token) {
			add([]int{i})
		}
	}
	// A known process that is gone may have left its session behind.
	for _, pid := range q.Pids {
		add(bySession[pid])
	}
	for len(work) > 0 {
		p := &all[work[len(work)-1]]
		work = work[:len(work)-1]
		add(byParent[p.pid])
		if p.session == p.pid {
			add(bySession[p.pid])
		}
	}
	return in
}

// hasToken looks for an entry of the environment that the process was
// executed with.
func hasToken(pid int, token string) bool {
	env, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return false
	}
	for entry := range bytes.SplitSeq(env, []byte{0}) {
		if string(entry) == token {
			return true
		}
	}
	return false
}

// candidates are the processes to choose from: the descendants of root, where
// the kernel lists children (CONFIG_PROC_CHILDREN), else all that there are.
func candidates(root int) ([]process, error) {
	if root != 0 {
		if all, ok := descendants(root); ok {
			return all, nil
		}
	}
	return scan()
}

// descendants walks down from root until a pass finds nobody new: the children
// of a process that ends meanwhile come to root.
func descendants(root int) ([]process, bool) {
	known := map[int]process{}
	for again := true; again; {
		again = false
		work := []int{root}
		walked := map[int]bool{root: true}
		for len(work) > 0 {
			pid := work[len(work)-1]
			work = work[:len(work)-1]
			list, ok := Children(pid)
			if !ok && pid == root {
				return nil, false
			}
			for _, child := range list {
				if walked[child] {
					continue
				}
				walked[child] = true
				work = append(work, child)
				text, err := os.ReadFile("/proc/" + strconv.Itoa(child) + "/stat")
				if err != nil {
					continue // gone
				}
				p, ok := parseStat(child, text)
				if _, old := known[child]; ok && !old {
					again = true
				}
				if ok {
					known[child] = p
				}
			}
		}
	}
	all := make([]process, 0, len(known))
	for _, p := range known {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b process) int { return a.pid - b.pid })
	return all, true
}

// Children reads proc_pid_task_tid_children(5) of all threads; false: the kernel
// does not list them (CONFIG_PROC_CHILDREN), or the process has ended.
func Children(pid int) (children []int, ok bool) {
	dir := "/proc/" + strconv.Itoa(pid) + "/task"
	tasks, err := os.ReadDir(dir)
	if err != nil {
		return nil, false
	}
	for _, t := range tasks {
		text, err := os.ReadFile(dir + "/" + t.Name() + "/children")
		if err != nil {
			continue
		}
		ok = true
		for _, w := range bytes.Fields(text) {
			if n, err := strconv.Atoi(string(w)); err == nil {
				children = append(children, n)
			}
		}
	}
	return children, ok
}

// scan reads all of /proc. Processes that come and go meanwhile may be
// missed: who must be sure scans again.
func scan() ([]process, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("cannot list processes: %w", err)
	}
	var all []process
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		text, err := os.ReadFile("/proc/" + name + "/stat")
		if err != nil {
			continue // gone
		}
		if p, ok := parseStat(pid, text); ok {
			all = append(all, p)
		}
	}
	return all, nil
}

// parseStat reads /proc/PID/stat. The name, in parentheses, may hold
// anything; what follows its last ")" is state, parent, group, session.
func parseStat(pid int, text []byte) (process, bool) {
	i := bytes.LastIndexByte(text, ')')
	if i < 0 {
		return process{}, false
	}
	f := bytes.Fields(text[i+1:])
	if len(f) < 4 {
		return process{}, false
	}
	parent, err1 := strconv.Atoi(string(f[1]))
	session, err2 := strconv.Atoi(string(f[3]))
	if errors.Join(err1, err2) != nil {
		return process{}, false
	}
	return process{pid: pid, parent: parent, session: session, state: f[0][0]}, true
}

// SignalMembers sends sig to each member once, except those in except, and
// looks again until it finds no new one.
func SignalMembers(q Query, sig int, except ...int) (n int, err error) {
	return signalAll(func() ([]int, error) { return Members(q) }, sig, except)
}

// FreezeMembers stops all of them with SIGSTOP, rescanning until nothing new
// appears and all of them have stopped; n is how many there are. Where that
// cannot be done they go on. A process that left the session and the parentage
// and has another environment escapes.
func FreezeMembers(q Query) (n int, err error) {
	if n, err = stopMembers(q); err != nil {
		_, thaw := ThawMembers(q)
		return 0, errors.Join(err, thaw)
	}
	return n, nil
}

// stopWait bounds the wait for processes that have the signal: on a busy machine
// one must have its turn on a processor to stop, and one that is in the midst of
// a system call (the parent of a vfork(2), a read from a slow disk) ends that.
const stopWait = 20 * time.Millisecond

func stopMembers(q Query) (n int, err error) {
	told := make(map[int]bool)
	pause := 50 * time.Microsecond
	waited := time.Duration(0)
	for rounds := 0; rounds < maxRounds; {
		list, err := members(q)
		if err != nil {
			return 0, err
		}
		running, fresh := 0, false
		for i := range list {
			pid := list[i].pid
			if list[i].state == 'T' {
				continue
			}
			running = pid
			fresh = fresh || !told[pid]
			told[pid] = true
			if err := unix.Kill(pid, unix.SIGSTOP); err != nil && err != unix.ESRCH {
				return 0, fmt.Errorf("cannot stop process %d: %w", pid, err)
			}
		}
		switch {
		case running == 0:
			return len(list), nil
		case fresh:
			rounds++
		case waited >= stopWait:
			return 0, fmt.Errorf("process %d does not stop: %w", running, unix.EAGAIN)
		default:
			time.Sleep(pause)
			waited += pause
			pause *= 2
		}
	}
	return 0, fmt.Errorf("processes appear faster than they can be stopped: %w", unix.EAGAIN)
}

// ThawMembers continues them.
func ThawMembers(q Query) (n int, err error) { return SignalMembers(q, int(unix.SIGCONT)) }

// KillMembers stops all of them and then kills them, so that none can fork
// away meanwhile.
func KillMembers(q Query) (n int, err error) {
	// One that cannot be stopped (in a system call for long) is killed all
	// the same.
	if _, err := stopMembers(q); err != nil && !errors.Is(err, unix.EAGAIN) {
		return 0, err
	}
	return SignalMembers(q, int(unix.SIGKILL))
}
