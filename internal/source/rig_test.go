// SPDX-License-Identifier: Apache-2.0

package source

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/linux/poll"
	"github.com/rouse-init/rouse/internal/unit"
)

// rig is a Set on a real loop, with a guardian that keeps descriptors and a
// clock that can be put forward.
type rig struct {
	t     *testing.T
	set   *Set
	loop  *poll.Loop
	store map[string][]int
	told  []string
	said  []string
	ahead time.Duration // of the real clock since boot
	setBy time.Duration // how much the time of day was set besides
	dir   string
	// mountinfo is the table of mounts, "" for that of the process.
	mountinfo string
	onTold    func(name, key string)
}

func newRig(t *testing.T) *rig {
	t.Helper()
	loop, err := poll.New()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, loop: loop, store: make(map[string][]int), dir: dir}
	r.live()
	t.Cleanup(func() {
		r.set.Close()
		for _, fds := range r.store {
			closeAll(fds)
		}
		loop.Close()
	})
	return r
}

// live starts a new life: a new Set, with what the guardian kept.
func (r *rig) live() {
	r.set = New(Config{
		Loop: r.loop, Now: r.now, Wall: func() time.Time { return time.Now().Add(r.ahead + r.setBy) }, Forget: r.forget,
		Emit: func(name string, env []string, key string) {
			r.told = append(r.told, strings.Join(append([]string{name}, env...), " "))
			if r.onTold != nil {
				r.onTold(name, key)
			}
		},
		Keep: func(key string, fds ...int) error {
			r.forget(key)
			for _, fd := range fds {
				kept, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
				if err != nil {
					return err
				}
				r.store[key] = append(r.store[key], kept)
			}
			return nil
		},
		Say: func(format string, args ...any) { r.said = append(r.said, fmt.Sprintf(format, args...)) },
	})
	r.set.run = r.dir // no udevd
	if r.mountinfo != "" {
		r.set.mountinfo = r.mountinfo
	}
}

// die ends a life without a word, as kill -9 does, and starts the next.
func (r *rig) die(terms ...Wanted) {
	r.t.Helper()
	r.set.Close()
	kept := r.store
	r.store = make(map[string][]int)
	r.live()
	for key, fds := range kept {
		var again []int
		for _, fd := range fds {
			n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
			if err != nil {
				r.t.Fatal(err)
			}
			again = append(again, n)
		}
		r.store[key] = fds
		r.set.Adopt(key, again)
	}
	r.set.Want(terms)
}

func (r *rig) forget(key string) {
	closeAll(r.store[key])
	delete(r.store, key)
}

func (r *rig) now() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		r.t.Fatal(err)
	}
	return time.Duration(ts.Nano()) + r.ahead
}

// turn is one turn of the manager's loop; it waits at most so long.
func (r *rig) turn(most time.Duration) {
	r.t.Helper()
	if next, ok := r.set.Next(); ok {
		most = min(most, max(next-r.now(), 0))
	}
	if err := r.loop.Wait(most); err != nil {
		r.t.Fatal(err)
	}
	r.set.Tick(r.now())
}

// expect turns until exactly these were told, and forgets them.
func (r *rig) expect(want ...string) {
	r.t.Helper()
	deadline := time.Now().Add(3 * time.Second)
	for len(r.told) < len(want) && time.Now().Before(deadline) {
		r.turn(100 * time.Millisecond)
	}
	r.turn(0) // what comes too much comes now
	r.turn(0)
	if got := strings.Join(r.told, "\n"); got != strings.Join(want, "\n") {
		r.t.Fatalf("told:\n%s\nwant:\n%s\nsaid:\n%s", got, strings.Join(want, "\n"), strings.Join(r.said, "\n"))
	}
	r.told = nil
}

// term reads an operand as a job file has it: "file FILE=/x EVENT=create". The
// tests have no blanks in values.
func term(text string) Wanted { return termOf("job.service", text) }

func termOf(name, text string) Wanted {
	words := strings.Fields(text)
	w := Wanted{Unit: name, Term: unit.Term{Event: words[0], Pos: diag.Pos{File: "/etc/init/job.conf", Line: 3, Col: 10}}}
	for _, word := range words[1:] {
		m := unit.Match{Value: word}
		if key, value, ok := strings.Cut(word, "!="); ok {
			m = unit.Match{Key: key, Value: value, Negate: true}
		} else if key, value, ok := strings.Cut(word, "="); ok {
			m = unit.Match{Key: key, Value: value}
		}
		w.Match = append(w.Match, m)
	}
	return w
}

func (r *rig) saidLike(part string) bool {
	for _, line := range r.said {
		if strings.Contains(line, part) {
			return true
		}
	}
	return false
}
