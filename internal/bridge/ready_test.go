// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// late is after how long a backend comes.
func late() time.Duration {
	if testing.Short() {
		return 300 * time.Millisecond
	}
	return 5 * time.Second
}

// Clients that come before the backend get their answers, those that were
// gone before are gone, and what the others said is not lost.
func TestBackendLate(t *testing.T) {
	kinds(t, func(t *testing.T, from, to string) {
		t.Parallel() // they wait most of the time
		addr := freeAddr(t, to)
		b := bridging(t, Config{Listen: []string{listenText(t, from)}, To: []string{addr}})
		var all sync.WaitGroup
		var good atomic.Int32
		gone := dial(t, b)
		if tcp, ok := gone.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		for i := range 50 {
			c := dial(t, b)
			all.Go(func() {
				word := fmt.Sprintf("client %d", i)
				_, _ = io.WriteString(c, word)
				_ = c.(closeWriter).CloseWrite()
				if got, err := io.ReadAll(c); err == nil && string(got) == word {
					good.Add(1)
				}
			})
		}
		eventually(t, "all clients", func() bool { return b.Open() == 51 })
		gone.Close()
		eventually(t, "the end of who left", func() bool { return b.Open() == 50 })
		_, _ = unix.Poll(nil, int(late()/time.Millisecond))
		serving(t, to, addr, echo)
		start := time.Now()
		all.Wait()
		if good.Load() != 50 {
			t.Errorf("%d of 50 got their answer", good.Load())
		}
		t.Logf("all were served %v after the backend was there", time.Since(start))
	})
}

func TestBackendRefuses(t *testing.T) {
	var said atomic.Value
	b := bridging(t, Config{
		Listen: []string{"127.0.0.1:0"}, To: []string{freeAddr(t, "tcp")}, Timeout: 100 * time.Millisecond,
		Log: func(line string) { said.Store(line) },
	})
	c := dial(t, b)
	start := time.Now()
	_, err := io.ReadAll(c)
	if took := time.Since(start); !isReset(err) || took < 50*time.Millisecond {
		t.Errorf("got %v after %v", err, took)
	}
	if s, _ := said.Load().(string); !strings.Contains(s, "connection refused") {
		t.Errorf("the log says %q", s)
	}
}

// The backend goes away between two connections: the second one waits.
func TestBackendRestarts(t *testing.T) {
	addr := freeAddr(t, "tcp")
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	b := bridging(t, Config{Listen: []string{"127.0.0.1:0"}, To: []string{addr}})
	first := dial(t, b)
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c.Close()
	if _, err := io.ReadAll(first); err != nil {
		t.Fatal(err)
	}
	second := dial(t, b)
	write(t, second, "hello")
	eventually(t, "the second client", func() bool { return b.Open() == 2 || b.Open() == 1 })
	serving(t, "tcp", addr, echo)
	expect(t, second, "hello")
}

// Connections go where the fewest are, and around a backend that is down.
func TestBackends(t *testing.T) {
	var addrs []string
	var opens [2]atomic.Int32
	for i := range 2 {
		addrs = append(addrs, serving(t, "tcp", "", func(c net.Conn) {
			opens[i].Add(1)
			echo(c)
		}))
	}
	b := bridging(t, Config{Listen: []string{"127.0.0.1:0"}, To: append(addrs, freeAddr(t, "tcp"))})
	for range 20 {
		c := dial(t, b)
		write(t, c, "x")
		expect(t, c, "x")
	}
	if a, z := opens[0].Load(), opens[1].Load(); a != 10 || z != 10 {
		t.Errorf("%d and %d connections", a, z)
	}
}

func TestNameOfABackend(t *testing.T) {
	addr := serving(t, "tcp", "", echo)
	_, port, _ := net.SplitHostPort(addr)
	b := bridging(t, Config{Listen: []string{"127.0.0.1:0"}, To: []string{"localhost:" + port}})
	c := dial(t, b)
	write(t, c, "x")
	expect(t, c, "x")
}

// A backend that does not even refuse is given up after Config.Attempt.
func TestBackendIsSilent(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	local := localAddr(int32(fd))
	silent := local.inet().String()
	for { // until its queue is full
		c, err := net.DialTimeout("tcp", silent, 100*time.Millisecond)
		if err != nil {
			break
		}
		defer c.Close()
	}
	b := bridging(t, Config{
		Listen: []string{"127.0.0.1:0"}, To: []string{silent, serving(t, "tcp", "", echo)}, Attempt: 100 * time.Millisecond, Loops: 1,
	})
	for range 4 {
		c := dial(t, b)
		write(t, c, "x")
		expect(t, c, "x")
	}
	only := bridging(t, Config{Listen: []string{"127.0.0.1:0"}, To: []string{silent}, Attempt: 50 * time.Millisecond, Timeout: 120 * time.Millisecond})
	start := time.Now()
	if _, err := io.ReadAll(dial(t, only)); !isReset(err) || time.Since(start) < 100*time.Millisecond {
		t.Errorf("got %v after %v", err, time.Since(start))
	}
}
