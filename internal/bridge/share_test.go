// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// many opens n connections, each with an answer.
func many(t testing.TB, b *Bridge, n int) []net.Conn {
	t.Helper()
	var all []net.Conn
	for range n {
		c := dial(t, b)
		write(t, c, "x")
		expect(t, c, "x")
		all = append(all, c)
	}
	return all
}

// Long connections are shared by all loops, of which none is started before
// it is needed.
func TestHandover(t *testing.T) {
	backend := serving(t, "tcp", "", echo)
	b := bridging(t, Config{Listen: []string{"127.0.0.1:0"}, To: []string{backend}, Loops: 3})
	many(t, b, passAt-1)
	if b.started[1].Load() || b.started[2].Load() {
		t.Error("a second loop was started for a few connections")
	}
	many(t, b, 91-passAt)
	for i, l := range b.loops {
		if n := l.open.Load(); n < 30-passAt || n > 30+passAt {
			t.Errorf("loop %d has %d connections of 90", i, n)
		}
	}
}

// A loop that was busy gives what it accepts to the other one, and one that was
// not keeps it.
func TestStrain(t *testing.T) {
	l := &loop{}
	for i, step := range []struct {
		busy     int64
		strained bool
	}{{0, false}, {strainSpan / 2, false}, {strainSpan, true}, {strainSpan / 2, true}, {strainSpan / 4, false}} {
		l.now += strainSpan
		l.slept = strainSpan - step.busy
		if l.look(); l.strained != step.strained {
			t.Errorf("step %d: strained is %t", i, l.strained)
		}
	}
}

// A loop does not end while there is something for it, and gets nothing more then.
func TestInbox(t *testing.T) {
	b := bridging(t, Config{Listen: []string{"127.0.0.1:0"}, To: []string{"127.0.0.1:1"}, Loops: 2})
	l := b.loops[1] // which was not started
	if in := &l.inbox; !in.put(l, accepted{fd: -1}) || in.close() || len(in.list) != 1 {
		t.Error("it was closed with a connection in it")
	}
	l.inbox.list = nil
	if in := &l.inbox; !in.close() || in.put(l, accepted{fd: -1}) || len(in.list) != 0 {
		t.Error("something came after its end")
	}
}

// Connections are given away under load, and each that came before a stop has its
// answer.
func TestGive(t *testing.T) {
	backend := serving(t, "tcp", "", echo)
	path := filepath.Join(t.TempDir(), "s")
	for range 20 {
		b, err := New(Config{Listen: []string{path}, To: []string{backend}, Timeout: patience, Loops: 3})
		if err != nil {
			t.Fatal(err)
		}
		b.loops[0].strained, b.loops[0].looked = true, never/2 // for good
		done := make(chan error, 1)
		go func() { done <- b.Run() }()
		var answers atomic.Int32
		var stopped bool
		var dialing sync.RWMutex
		connect := func() net.Conn {
			dialing.RLock()
			defer dialing.RUnlock()
			if stopped {
				return nil
			}
			return dial(t, b)
		}
		var clients sync.WaitGroup
		for range 3 {
			clients.Go(func() {
				for c := connect(); c != nil; c = connect() {
					write(t, c, "x")
					expect(t, c, "x")
					c.Close()
					answers.Add(1)
				}
			})
		}
		eventually(t, "exchanges", func() bool { return answers.Load() > 50 })
		dialing.Lock()
		stopped = true
		b.Stop()
		dialing.Unlock()
		clients.Wait()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if !b.started[1].Load() || !b.started[2].Load() || b.Open() != 0 {
			t.Errorf("started: %t, %t; %d are open", b.started[1].Load(), b.started[2].Load(), b.Open())
		}
	}
}

// Connections that always have something to carry leave their turn to those
// that come to the same loop.
func TestBusyConnectionsStarveNobody(t *testing.T) {
	const streams, exchanges = 2, 10
	var carried [streams]atomic.Int64
	source := func(c net.Conn) {
		word := make([]byte, 1)
		if _, err := io.ReadFull(c, word); err == nil && word[0] == 'x' {
			_, _ = c.Write(word)
			return
		}
		_, _ = io.Copy(c, zeros{})
	}
	b := bridging(t, Config{Listen: []string{"127.0.0.1:0"}, To: []string{serving(t, "tcp", "", source)}, Loops: 1})
	for i := range streams {
		c := dial(t, b)
		write(t, c, "stream")
		go func() {
			buf := make([]byte, 256<<10)
			for {
				n, err := c.Read(buf)
				if err != nil {
					return
				}
				carried[i].Add(int64(n))
			}
		}()
	}
	moved := func() (least int64) {
		least = carried[0].Load()
		for i := range carried {
			least = min(least, carried[i].Load())
		}
		return least
	}
	for range 3 {
		before := moved()
		many(t, b, exchanges)
		eventually(t, "bytes of every stream", func() bool { return moved() > before })
	}
}

// There are as many loops as processors that the process may use.
func TestLoopsFollowTheAffinityMask(t *testing.T) {
	runtime.LockOSThread() // and never unlocked: the mask goes with the thread
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	cpu := 0
	for !all.IsSet(cpu) {
		cpu++
	}
	one.Set(cpu)
	for _, set := range []unix.CPUSet{all, one} {
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			t.Fatal(err)
		}
		b, err := New(Config{Listen: []string{"127.0.0.1:0"}, To: []string{"127.0.0.1:1"}})
		if err != nil {
			t.Fatal(err)
		}
		b.closeAll()
		if len(b.loops) != set.Count() {
			t.Errorf("%d loops for %d processors", len(b.loops), set.Count())
		}
	}
}

func TestReusePort(t *testing.T) {
	backend := serving(t, "tcp", "", echo)
	b := bridging(t, Config{Listen: []string{"127.0.0.1:0"}, To: []string{backend}, Loops: 2, Spread: SpreadReusePort})
	if a := b.Addrs(); len(a) != 2 || a[0] != a[1] {
		t.Fatalf("it listens on %v", a)
	}
	many(t, b, 60)
	for i, l := range b.loops {
		if n := l.open.Load(); n == 0 {
			t.Errorf("loop %d has none of 60 connections", i)
		}
	}
}

// At the limit clients wait in the kernel's queue, and are served when there
// is room; it is never exceeded.
func TestLimit(t *testing.T) {
	const limit, clients = 4, 60
	for _, spread := range []Spread{SpreadHandover, SpreadReusePort} {
		var now, most atomic.Int32
		backend := serving(t, "tcp", "", func(c net.Conn) {
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				continue
			}
			for end := time.Now().Add(patience); most.Load() < limit && time.Now().Before(end); {
				_, _ = unix.Poll(nil, 1) // the first ones wait until the limit is reached
			}
			_, _ = io.CopyN(c, c, 1)
			_, _ = unix.Poll(nil, 2)
			now.Add(-1)
		})
		b := bridging(t, Config{Listen: []string{"127.0.0.1:0"}, To: []string{backend}, Limit: limit, Spread: spread})
		done := make(chan error)
		for range clients {
			c := dial(t, b)
			go func() {
				_, _ = io.WriteString(c, "x")
				all, err := io.ReadAll(c)
				if err == nil && string(all) != "x" {
					err = errors.New("no answer")
				}
				done <- err
				c.Close()
			}()
		}
		for range clients {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		// With a socket for each loop each may have one more on its way.
		if m := most.Load(); m > limit && spread == SpreadHandover || m > limit+1 || m < limit {
			t.Errorf("%d connections at a time, not %d", m, limit)
		}
	}
}

func TestIdleExit(t *testing.T) {
	backend := serving(t, "tcp", "", echo)
	run := func(cfg Config, use func(b *Bridge)) time.Duration {
		cfg.Listen, cfg.To, cfg.Idle, cfg.Loops = []string{"127.0.0.1:0"}, []string{backend}, 100*time.Millisecond, 2
		b, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		start := time.Now()
		go func() { done <- b.Run() }()
		use(b)
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Error("it did not end")
			b.Stop()
			b.Stop()
			<-done
		}
		return time.Since(start)
	}
	if took := run(Config{}, func(*Bridge) {}); took < 100*time.Millisecond {
		t.Errorf("without a connection it ended after %v", took)
	}
	took := run(Config{}, func(b *Bridge) {
		all := many(t, b, 2*passAt+4) // on both loops
		_, _ = unix.Poll(nil, 250)
		for _, c := range all {
			c.Close()
		}
	})
	if took < 350*time.Millisecond {
		t.Errorf("with connections it ended after %v", took)
	}
	run(Config{IdleBytes: true}, func(b *Bridge) { many(t, b, 1) }) // they stay open, but silent
}

// ending runs a bridge that ends by itself.
func ending(t *testing.T, cfg Config) (*Bridge, <-chan error) {
	t.Helper()
	b, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- b.Run() }()
	return b, done
}

// Who comes while the last connections end is refused, and not left waiting.
func TestDrainRefuses(t *testing.T) {
	backend := serving(t, "tcp", "", echo)
	for _, listen := range []string{"127.0.0.1:0", filepath.Join(t.TempDir(), "s")} {
		b, done := ending(t, Config{Listen: []string{listen}, To: []string{backend}, Timeout: patience, Loops: 2})
		c := many(t, b, 1)[0]
		b.Stop()
		<-b.Deaf
		network := "tcp"
		if listen[0] == '/' {
			network = "unix"
		}
		if late, err := net.Dial(network, b.Addrs()[0]); !errors.Is(err, unix.ECONNREFUSED) {
			t.Errorf("%s: %v, %v", listen, late, err)
		}
		write(t, c, "still there")
		expect(t, c, "still there")
		c.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// After Stop nobody is accepted, and connections go on until they end.
func TestDrain(t *testing.T) {
	backend := serving(t, "tcp", "", echo)
	path := filepath.Join(t.TempDir(), "s")
	b, done := ending(t, Config{Listen: []string{path}, To: []string{backend}, Timeout: patience, Loops: 2})
	c := many(t, b, 1)[0]
	b.Stop()
	eventually(t, "the end of listening", func() bool { return !b.loops[0].token.Load() })
	write(t, c, "still there")
	expect(t, c, "still there")
	c.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("unix", path); err == nil || !errors.Is(err, unix.ENOENT) {
		t.Errorf("after its end dialing gives %v", err)
	}
}

func TestDrainIsBounded(t *testing.T) {
	backend := serving(t, "tcp", "", echo)
	b, done := ending(t, Config{Listen: []string{"127.0.0.1:0"}, To: []string{backend}, Drain: 50 * time.Millisecond, Loops: 1})
	c := many(t, b, 1)[0]
	b.Stop()
	if err := <-done; !errors.Is(err, ErrDrain) {
		t.Errorf("got %v", err)
	}
	if _, err := io.ReadAll(c); !isReset(err) {
		t.Errorf("the client got %v", err)
	}
}

func TestConnectionIdle(t *testing.T) {
	backend := serving(t, "tcp", "", echo)
	b := bridging(t, Config{Listen: []string{"127.0.0.1:0"}, To: []string{backend}, ConnIdle: 150 * time.Millisecond, Loops: 1})
	silent, busy := many(t, b, 1)[0], many(t, b, 1)[0]
	for range 12 {
		_, _ = unix.Poll(nil, 25)
		write(t, busy, "x")
		expect(t, busy, "x")
	}
	if _, err := io.ReadAll(silent); err != nil {
		t.Errorf("the silent one got %v", err)
	}
	if b.Open() != 1 {
		t.Errorf("%d connections are open", b.Open())
	}
}

// What is lent is bounded, and comes back.
func TestPipesAreBounded(t *testing.T) {
	var ps pipes
	defer ps.close()
	var lent []pipe
	for range maxLent {
		lent = append(lent, ps.get())
	}
	if x := lent[maxLent-1]; x == (pipe{}) || ps.get() != (pipe{}) {
		t.Errorf("the last pipe is %v, and there is one more", x)
	}
	for i, x := range lent {
		if i%2 == 0 {
			ps.put(x)
		} else {
			ps.drop(x)
		}
	}
	if ps.lent != 0 || len(ps.spare) != sparePipes {
		t.Errorf("%d are lent, %d spare", ps.lent, len(ps.spare))
	}
}
