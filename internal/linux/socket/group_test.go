// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/unit"
)

// group opens n sockets of one address.
func group(t *testing.T, n int, kind unit.ListenKind, ip string) (fds []int, address string) {
	t.Helper()
	yes := true
	s := &unit.Socket{Backlog: math.MaxUint32, Options: &unit.SocketOptions{ReusePort: &yes}}
	tries := 0
	for len(fds) < n {
		if len(fds) == 0 {
			address = fmt.Sprintf(ip, freePort(t))
		}
		s.Listens = []unit.Listen{{Kind: kind, Address: address}}
		l, err := OpenLine(s, 0, NoOwner, nil)
		if err != nil && strings.Contains(err.Error(), unix.EADDRINUSE.Error()) && len(fds) == 0 && tries < 100 {
			tries++ // a client of an earlier case has the port
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(l.FD) })
		fds = append(fds, l.FD)
	}
	return fds, address
}

// knock connects, or sends a datagram, n times without waiting for an answer.
func knock(t *testing.T, fd, n int) {
	t.Helper()
	to, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	family := unix.AF_INET
	if _, ok := to.(*unix.SockaddrInet6); ok {
		family = unix.AF_INET6
	}
	typ, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	for range n {
		c, err := unix.Socket(family, typ|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(c) })
		if err := unix.Connect(c, to); err != nil && err != unix.EINPROGRESS {
			t.Fatal(err)
		}
		if typ == unix.SOCK_DGRAM {
			if _, err := unix.Write(c, []byte("x")); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// taken is how many have come to each socket, and from whom. On the loopback a connection is
// made, and a datagram there, when connect and write return.
func taken(t *testing.T, fds []int, from func(i int, peer netip.AddrPort)) []int {
	t.Helper()
	out := make([]int, len(fds))
	for i, fd := range fds {
		var buf [8]byte
		for {
			if accepts(fd) {
				c, sa, err := unix.Accept(fd)
				if err == unix.EAGAIN {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				unix.Close(c)
				from(i, senderOf(sa))
			} else if _, sa, err := unix.Recvfrom(fd, buf[:], 0); err == unix.EAGAIN {
				break
			} else if err != nil {
				t.Fatal(err)
			} else {
				from(i, senderOf(sa))
			}
			out[i]++
		}
	}
	return out
}

func senderOf(sa unix.Sockaddr) netip.AddrPort {
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port))
	}
	return netip.AddrPort{}
}

func anybody(int, netip.AddrPort) {}

// TestSteer: only those that are named get anything, all of them about as much,
// and Rank tells who.
func TestSteer(t *testing.T) {
	for _, c := range []struct {
		kind unit.ListenKind
		ip   string
	}{
		{unit.ListenStream, "127.0.0.1:%d"}, {unit.ListenStream, "[::1]:%d"},
		{unit.ListenDatagram, "127.0.0.1:%d"}, {unit.ListenDatagram, "[::1]:%d"},
		{unit.ListenStream, "[::]:%d"}, {unit.ListenDatagram, "[::]:%d"},
	} {
		fds, address := group(t, 4, c.kind, c.ip)
		for _, stay := range [][]int{{0, 1}, {1, 3}, {2}, {0, 1, 2, 3}} {
			if err := Steer(fds[3], stay); err != nil {
				t.Fatal(err)
			}
			const n = 400
			knock(t, fds[0], n)
			got := taken(t, fds, func(i int, peer netip.AddrPort) {
				port := netip.MustParseAddrPort(address).Port()
				if r := Rank(peer, port, len(stay)); stay[r] != i {
					t.Errorf("%s: %v has come to %d, and Rank says %d of %v", address, peer, i, r, stay)
				}
			})
			want := make([]bool, len(fds))
			for _, i := range stay {
				want[i] = true
			}
			for i := range fds {
				if want[i] != (got[i] > 0) || want[i] && (got[i] < n/len(stay)/2) {
					t.Errorf("%s: with %v %v have come", address, stay, got)
					break
				}
			}
		}
	}
}

// TestLeaving: a socket that leaves gets no connection even where the choice
// falls on it, and one that has begun comes to its end.
func TestLeaving(t *testing.T) {
	if unix.Getuid() != 0 {
		t.Skip("socket filters on listeners are for root")
	}
	fds, _ := group(t, 2, unit.ListenStream, "127.0.0.1:%d")
	s := &unit.Socket{Backlog: math.MaxUint32, Leaving: true}
	knock(t, fds[0], 100)
	before := taken(t, fds, anybody)
	if err := RepairSocket(fds[1], s); err != nil {
		t.Fatal(err)
	}
	knock(t, fds[0], 200)
	if err := HoldNew(fds[1]); err != nil {
		t.Fatal(err)
	}
	if err := ReleaseSocket(fds[1], s); err != nil {
		t.Fatal(err)
	}
	knock(t, fds[0], 200)
	after := taken(t, fds, anybody)
	if before[1] == 0 || after[1] != 0 || after[0] == 0 {
		t.Errorf("%v have come before, and %v after", before, after)
	}
	s.Leaving = false
	if err := ReleaseSocket(fds[1], s); err != nil {
		t.Fatal(err)
	}
	knock(t, fds[0], 100)
	if got := taken(t, fds, anybody); got[1] == 0 {
		t.Errorf("%v have come after it was back", got)
	}
}
