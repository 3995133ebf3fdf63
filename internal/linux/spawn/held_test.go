// SPDX-License-Identifier: Apache-2.0

package spawn

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A held process has taken no further step while Held runs, and then starts as
// any other, with its descriptors in their places and none of the gate's.
func TestHeld(t *testing.T) {
	oom := int16(500)
	for name, c := range map[string]struct {
		portable bool
		spec     Spec
	}{
		"shared memory": {spec: Spec{Hurry: true}},
		"its own":       {spec: Spec{OOM: &oom}},
		"portable":      {portable: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSpawner(t, Options{})
			s.portable = s.portable || c.portable
			r, w := pipe(t)
			spec := c.spec
			spec.Fds = []int{r, w, r, w, r, w, r, w}
			ours := readLink(t, w)
			held := 0
			spec.Held = func(pid int) {
				held = pid
				if session, err := unix.Getsid(pid); err != nil || session == pid {
					t.Errorf("the process went on: session %d, %v", session, err)
				}
			}
			st := runReport(t, s, &spec)
			if held != st.Pid || st.Session != st.Pid {
				t.Errorf("held %d, process %d, session %d", held, st.Pid, st.Session)
			}
			for n := firstFd; n < firstFd+len(spec.Fds); n++ {
				if got := st.Fds[strconv.Itoa(n)]; got != ours {
					t.Errorf("descriptor %d is %s, want %s", n, got, ours)
				}
				delete(st.Fds, strconv.Itoa(n))
			}
			for _, n := range []string{"0", "1", "2"} {
				delete(st.Fds, n)
			}
			for n, target := range st.Fds {
				if strings.HasPrefix(target, "pipe:") {
					t.Errorf("descriptor %s is %s", n, target)
				}
			}
		})
	}
}

func readLink(t *testing.T, fd int) string {
	t.Helper()
	target, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// Nothing of the gate stays with us, and a start that fails calls nobody.
func TestHeldFailing(t *testing.T) {
	s := newSpawner(t, Options{})
	before := openFds(t)
	_, _, err := s.Start(&Spec{
		Path: []string{"/bin/true"}, Argv: []string{"true"}, Cgroup: s.null,
		Held: func(int) { t.Error("it was held") },
	})
	if err == nil {
		t.Error("it started in /dev/null")
	}
	if after := openFds(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// BenchmarkHeld is what the gate costs, against the same without.
func BenchmarkHeld(b *testing.B) {
	for name, held := range map[string]func(int){"held": func(int) {}, "free": nil} {
		b.Run(name, func(b *testing.B) {
			s := newSpawner(b, Options{})
			for b.Loop() {
				pid, res, err := s.Start(&Spec{Path: []string{"/bin/true"}, Argv: []string{"true"}, Held: held})
				if err != nil {
					b.Fatal(err)
				}
				if fail := answer(b, res); fail != nil {
					b.Fatal(fail)
				}
				reap(b, pid)
			}
		})
	}
}
