// SPDX-License-Identifier: Apache-2.0

package trace

// maxForks is how many forks are looked at without a decision. A program that
// forks that often is at work, and should not be slowed down.
const maxForks = 200

// Event tells how far a process was followed.
type Event struct {
	Key uint64
	// Pid is the followed process now; 0 when all have ended (Gone).
	Pid int
	// Forks counts those that led to Pid, as the package comment says.
	Forks int
	// Seen counts all forks, those of helpers and of living parents too.
	Seen int
	// Helpers counts the children that ended before their parents.
	Helpers int
	// Done: the last fork was followed; or Exec: it ran another program after
	// fewer. Nothing is traced any more.
	Done, Exec bool
	// Gone: no traced process is left.
	Gone bool
	// Lost: it forks without end. Nothing is traced any more; Survivor is the
	// next best when Pid ends.
	Lost bool
}

// last: no event of the key follows.
func (e *Event) last() bool { return e.Done || e.Gone || e.Lost }

// proc is a traced process.
type proc struct {
	pid    int
	parent *proc // who forked it
	ended  bool
	// depth counts the forks since the start of the program that it belongs
	// to: that of the job, or one that a living parent ran.
	depth int
	// ran: it executed a program while its parent lived, after was forks.
	ran bool
	was int
}

// tree is what one followed process has become. It is pure.
type tree struct {
	key           uint64
	want          int
	procs         map[int]*proc // those that live
	now           *proc
	seen, helpers int
	// eldest chooses among the pids of several that live on.
	eldest func(pids []int) int
}

func newTree(pid, want int, key uint64, eldest func([]int) int) *tree {
	root := &proc{pid: pid}
	return &tree{key: key, want: want, procs: map[int]*proc{pid: root}, now: root, eldest: eldest}
}

// event is the present state.
func (t *tree) event() Event {
	e := Event{Key: t.key, Seen: t.seen, Helpers: t.helpers}
	if t.now != nil {
		e.Pid, e.Forks = t.now.pid, t.now.forks()
	}
	return e
}

func (p *proc) forks() int {
	if p.ran && p.parent.ended {
		return p.was
	}
	return p.depth
}

// forked adds a process. ok is false when nothing is to be told.
func (t *tree) forked(parent, pid int) (e Event, ok bool) {
	p := t.procs[parent]
	if p == nil || t.procs[pid] != nil {
		return e, false
	}
	t.procs[pid] = &proc{pid: pid, parent: p, depth: p.depth + 1}
	t.seen++
	if t.seen < maxForks {
		return e, false
	}
	return t.lost(), true
}

func (t *tree) lost() Event {
	e := t.event()
	e.Lost = true
	return e
}

// executed notes that pid runs a new program.
func (t *tree) executed(pid int) (e Event, ok bool) {
	p := t.procs[pid]
	switch {
	case p == nil || p.depth == 0:
		return e, false
	case !p.parent.ended:
		p.ran, p.was, p.depth = true, p.depth, 0
		return e, false
	case p != t.now:
		return e, false
	}
	return t.done(p, true), true
}

func (t *tree) done(p *proc, exec bool) Event {
	t.now = p
	e := t.event()
	e.Done, e.Exec = true, exec && e.Forks < t.want
	return e
}

// exited notes the end of pid.
func (t *tree) exited(pid int) (e Event, ok bool) {
	p := t.procs[pid]
	if p == nil {
		return e, false
	}
	delete(t.procs, pid)
	p.ended = true
	if c := t.choose(func(c *proc) bool { return c.parent == p }); c != nil {
		if c.ran || c.depth >= t.want {
			return t.done(c, c.ran), true
		}
		t.now = c
		return t.event(), true
	}
	if len(t.procs) == 0 {
		t.now = nil
		e = t.event()
		e.Gone = true
		return e, true
	}
	if p.parent != nil && !p.parent.ended {
		t.helpers++
	}
	if t.now != p {
		return e, false
	}
	for t.now = p.parent; t.now != nil && t.now.ended; {
		t.now = t.now.parent
	}
	if t.now == nil {
		t.now = t.choose(func(*proc) bool { return true })
	}
	return t.event(), true
}

// choose is the process that fits; of several, the eldest.
func (t *tree) choose(fits func(*proc) bool) *proc {
	var one *proc
	var pids []int
	for pid, p := range t.procs {
		if fits(p) {
			one, pids = p, append(pids, pid)
		}
	}
	if len(pids) > 1 {
		if p := t.procs[t.eldest(pids)]; p != nil {
			return p
		}
	}
	return one
}
