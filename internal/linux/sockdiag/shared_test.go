// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"context"
	"net"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// listenShared opens n listeners of one address.
func listenShared(t *testing.T, n int) (ls []*net.TCPListener, list []Shared) {
	t.Helper()
	c := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		if e := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) }); e != nil {
			return e
		}
		return err
	}}
	address := "127.0.0.1:0"
	for range n {
		l, err := c.Listen(context.Background(), "tcp4", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		address = l.Addr().String()
		tcp := l.(*net.TCPListener)
		raw, err := tcp.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		s := Shared{Pids: func() []int { return nil }}
		if err := raw.Control(func(fd uintptr) {
			var st unix.Stat_t
			s.Key, _ = KeyOf(int(fd))
			if unix.Fstat(int(fd), &st) == nil {
				s.Inode = uint32(st.Ino)
			}
		}); err != nil {
			t.Fatal(err)
		}
		ls, list = append(ls, tcp), append(list, s)
	}
	return ls, list
}

// TestCountShared: what waits belongs to its listener, what was accepted to the
// process that has it, and what nobody has to all.
func TestCountShared(t *testing.T) {
	ls, list := listenShared(t, 3)
	const n = 60
	for range n {
		c, err := net.Dial("tcp4", ls[0].Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	}
	for _, d := range diags(t) {
		for i := range list {
			list[i].Asked = true
		}
		before, err := d.CountShared(list, false, true)
		if err != nil {
			t.Fatal(err)
		}
		sum := uint32(0)
		for i, st := range before {
			if st.Open != st.Queued || st.Open == 0 && i > 0 {
				t.Errorf("before: %d has %+v", i, st)
			}
			sum += st.Queued
		}
		if sum != n {
			t.Errorf("%d connections wait, want %d", sum, n)
		}
	}
	queued := map[int]uint32{}
	stats, err := Open().CountShared(list, false, false)
	if err != nil {
		t.Fatal(err)
	}
	for i := range stats {
		queued[i] = stats[i].Queued
	}
	for range queued[0] {
		c, err := ls[0].Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	}
	for range queued[1] {
		c, err := ls[1].Accept()
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	self := func() []int { return []int{os.Getpid()} }
	for _, d := range diags(t) {
		for _, c := range []struct {
			name           string
			pids           func() []int
			asked          int
			silence, exact bool
			open           uint32 // of asked
		}{
			{"its own", self, 0, true, true, queued[0]},
			{"whether any", self, 0, false, false, 1},
			{"another's", self, 1, false, true, 0},
			{"another's at a glance", self, 1, false, false, 0},
			{"nobody's", func() []int { return nil }, 1, false, true, queued[0]},
			{"nobody's at a glance", func() []int { return nil }, 1, false, false, 0},
			{"of a process that is gone", func() []int { return []int{1 << 30} }, 1, false, true, queued[0]},
		} {
			for i := range list {
				list[i].Asked = i == c.asked
			}
			list[0].Pids = c.pids
			stats, err := d.CountShared(list, c.silence, c.exact)
			if err != nil {
				t.Fatal(err)
			}
			if got := stats[c.asked]; got.Open != c.open {
				t.Errorf("%s: %d are open, want %d", c.name, got.Open, c.open)
			}
		}
	}
}

// diags asks the kernel, and reads /proc/net.
func diags(t *testing.T) []*Diag {
	t.Helper()
	d := Open()
	t.Cleanup(d.Close)
	return []*Diag{d, {fd: -1}}
}
