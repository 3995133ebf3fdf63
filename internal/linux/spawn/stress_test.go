// SPDX-License-Identifier: Apache-2.0

package spawn

import (
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

func openFds(t testing.TB) int {
	t.Helper()
	d, err := os.Open("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// Starts that succeed and starts that fail, many on the way at once, while
// other goroutines allocate, collect and move their stacks. 400 by default,
// ROUSE_SPAWN_STRESS=20000 for the long run. Nothing may be left behind.
func TestStress(t *testing.T) {
	n := 400
	if v, err := strconv.Atoi(os.Getenv("ROUSE_SPAWN_STRESS")); err == nil {
		n = v
	}
	s := newSpawner(t, Options{})
	before := openFds(t)
	stop, done := collect()

	specs := []*Spec{
		{Path: []string{"/bin/true"}, Argv: []string{"true"}, PidEnv: []string{"LISTEN_PID"}, Umask: -1},
		{Path: []string{"/bin/true"}, Argv: []string{"true"}, Dir: "/nowhere"},
		{Path: []string{"/none/x", "/none/y"}, Argv: []string{"x"}},
		{Path: []string{"/bin/true"}, Argv: []string{"true"}, Fds: []int{0, 1, 2}, Limits: []Limit{{Resource: unix.RLIMIT_CORE}}, IgnoreSIGPIPE: true},
	}
	want := []Step{numSteps, StepDirectory, StepExec, numSteps}
	type child struct{ pid, res, kind int }
	var way []child
	finish := func() {
		c := way[0]
		way = way[1:]
		fail := answer(t, c.res)
		ws := reap(t, c.pid)
		switch {
		case want[c.kind] == numSteps && (fail != nil || ws.ExitStatus() != 0):
			t.Fatalf("kind %d: %v, %v", c.kind, fail, ws)
		case want[c.kind] != numSteps && (fail == nil || fail.Step != want[c.kind] || ws.ExitStatus() != int(fail.Status())):
			t.Fatalf("kind %d: %v, %v", c.kind, fail, ws)
		}
	}
	for i := range n {
		kind := i % len(specs)
		specs[kind].Hurry = i%7 == 0
		pid, res, err := s.Start(specs[kind])
		if err != nil {
			t.Fatal(err)
		}
		if way = append(way, child{pid, res, kind}); len(way) >= 20 {
			finish()
		}
	}
	for len(way) > 0 {
		finish()
	}
	stop.Store(true)
	<-done
	if after := openFds(t); after != before {
		t.Errorf("%d descriptors became %d", before, after)
	}
	for _, b := range s.pool.blocks {
		if !b.free() {
			t.Error("a block is still marked as used after its process's end")
		}
	}
	t.Logf("%d starts, %d blocks", n, len(s.pool.blocks))
	if _, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != unix.ECHILD {
		t.Errorf("a child is left: %v", err)
	}
}

// collect keeps the garbage collector and the stacks busy until stop.
func collect() (stop *atomic.Bool, done chan struct{}) {
	stop, done = new(atomic.Bool), make(chan struct{})
	go func() {
		defer close(done)
		for !stop.Load() {
			deep(100)
			runtime.GC()
		}
	}()
	return stop, done
}

func deep(n int) int {
	var pad [512]byte
	if n == 0 {
		return len(pad)
	}
	pad[n%512] = byte(n)
	return deep(n-1) + int(pad[0])
}

func BenchmarkStart(b *testing.B) {
	for _, v := range []struct {
		name  string
		v     variant
		hurry bool
	}{{"shared", shared, false}, {"hurry", shared, true}, {"vfork", vfork, false}, {"forked", forked, false}} {
		b.Run(v.name, func(b *testing.B) {
			s := newSpawner(b, Options{})
			s.variant = v.v
			spec := &Spec{Path: []string{"/bin/true"}, Argv: []string{"true"}, PidEnv: []string{"SYSTEMD_EXEC_PID"}, Umask: -1, IgnoreSIGPIPE: true, Hurry: v.hurry}
			for b.Loop() {
				pid, res, err := s.Start(spec)
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
	b.Run("os.StartProcess", func(b *testing.B) {
		for b.Loop() {
			p, err := os.StartProcess("/bin/true", []string{"true"}, &os.ProcAttr{})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := p.Wait(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkCompile(b *testing.B) {
	s := newSpawner(b, Options{})
	spec := &Spec{
		Path: []string{"/usr/bin/web"}, Argv: []string{"web", "--port", "80"}, Env: []string{"A=1", "B=2", "PATH=/usr/bin:/bin"},
		PidEnv: []string{"LISTEN_PID", "SYSTEMD_EXEC_PID"}, Fds: []int{100, 101}, IDs: &IDs{UID: 1, GID: 1, HasUID: true, HasGID: true},
	}
	mem := make([]byte, 1<<16)
	b.ReportAllocs()
	for b.Loop() {
		p, err := s.Compile(spec)
		if err != nil {
			b.Fatal(err)
		}
		p.place(mem)
	}
}
