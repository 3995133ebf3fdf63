// SPDX-License-Identifier: Apache-2.0

package guardian

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func (g *guarded) child(command string) int {
	g.t.Helper()
	g.do("spawn %s", command)
	pid := number(g.want(`child (\d+)`)[1])
	g.want("done spawn")
	return pid
}

// A stop is told once for each time that it was asked for, whether it came
// before or after that, and never without; exits come as ever.
func TestStops(t *testing.T) {
	g := guard(t, nil)
	g.begin()
	early := g.child("kill -STOP $$; exit 4")
	silent := g.child("kill -STOP $$; exit 5")
	late := g.child("read x </dev/zero; sleep 100")
	until(t, "a child has stopped", func() bool { return isStopped(int32(early)) })
	until(t, "a child has stopped", func() bool { return isStopped(int32(silent)) })
	g.do("trap %d", early)
	g.want(fmt.Sprintf("stopped %d sig 19", early))
	g.do("trap %d", late)
	g.want("done trap")
	if err := unix.Kill(late, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	g.want(fmt.Sprintf("stopped %d sig 19", late))
	// Once only: this stop is not asked for.
	for _, sig := range []unix.Signal{unix.SIGCONT, unix.SIGSTOP, unix.SIGCONT, unix.SIGKILL} {
		if err := unix.Kill(late, sig); err != nil {
			t.Fatal(err)
		}
	}
	if l := g.next(); !strings.HasPrefix(l, fmt.Sprintf("exit %d ", late)) {
		t.Errorf("%q, want the exit of %d", l, late)
	}
	for pid, code := range map[int]string{early: "4", silent: "5"} {
		if err := unix.Kill(pid, unix.SIGCONT); err != nil {
			t.Fatal(err)
		}
		g.want(fmt.Sprintf(`exit %d seq \d+ code 1 status %s .*`, pid, code))
	}
	g.do("bye 0")
	g.ends(0)
}

// A new manager asks again, and is told of a stop that its predecessor was, or
// was not, told of.
func TestStopsAfterManagersDeath(t *testing.T) {
	g := guard(t, nil)
	g.begin()
	pid := g.child("kill -STOP $$; exit 4")
	g.do("trap %d", pid)
	g.want(fmt.Sprintf("stopped %d sig 19", pid))
	g.do("segv")
	g.begin()
	g.do("trap %d", pid)
	g.want(fmt.Sprintf("stopped %d sig 19", pid))
	// Through the guardian's own new program too.
	other := g.child("sleep 100")
	g.do("reexec %s self 0", "/proc/self/exe")
	g.want("go .*")
	g.do("trap %d", other)
	g.want("done trap")
	g.do("ready")
	if err := unix.Kill(other, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	g.want(fmt.Sprintf("stopped %d sig 19", other))
	g.do("bye 0")
	g.ends(0)
}

// A child that stops and goes on without end does not keep exits away.
func TestStopsDoNotStarveExits(t *testing.T) {
	g := guard(t, nil)
	g.begin()
	mad := g.child("ulimit -t 20; while :; do :; done")
	done := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-done:
				return
			default:
				_ = unix.Kill(mad, unix.SIGSTOP) // it lives until done
				_ = unix.Kill(mad, unix.SIGCONT)
			}
		}
	}()
	for range 20 {
		g.want(fmt.Sprintf(`exit %d seq \d+ code 1 status 9 .*`, g.child("exit 9")))
	}
	close(done)
	<-stopped
	g.do("bye 0")
	g.ends(0)
}
