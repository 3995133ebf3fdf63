// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"net"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// datagram opens a socket bound to a free address, and another that is
// connected to it.
func datagram(t *testing.T, domain int, bound, from unix.Sockaddr) (fd, client int) {
	t.Helper()
	fd = must(t)(unix.Socket(domain, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0))
	client = must(t)(unix.Socket(domain, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0))
	t.Cleanup(func() { unix.Close(fd); unix.Close(client) })
	if err := unix.Bind(fd, bound); err != nil {
		t.Skip(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	if from != nil {
		if err := unix.Bind(client, from); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Connect(client, name); err != nil {
		t.Fatal(err)
	}
	return fd, client
}

func must(t *testing.T) func(int, error) int {
	return func(n int, err error) int {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
}

// A datagram is seen while it waits, and after it was read.
func TestLastRead(t *testing.T) {
	for _, c := range []struct {
		name   string
		domain int
		bound  unix.Sockaddr
		stamps bool
	}{
		{"udp", unix.AF_INET, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}, true},
		{"udp6", unix.AF_INET6, &unix.SockaddrInet6{Addr: [16]byte{15: 1}}, true},
		{"unix", unix.AF_UNIX, &unix.SockaddrUnix{Name: "@" + t.Name() + t.TempDir()}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			fd, client := datagram(t, c.domain, c.bound, nil)
			last, ok := LastRead(fd)
			if ok != c.stamps || Waits(fd) {
				t.Fatalf("stamps: %v, something waits: %v", ok, Waits(fd))
			}
			for range 3 {
				if _, err := unix.Write(client, []byte("x")); err != nil {
					t.Fatal(err)
				}
				if now, _ := LastRead(fd); now != last || !Waits(fd) {
					t.Errorf("before it is read: %v after %v, waits: %v", now, last, Waits(fd))
				}
				must(t)(unix.Read(fd, make([]byte, 10)))
				now, _ := LastRead(fd)
				if c.stamps == (now == last) || Waits(fd) {
					t.Errorf("when it was read: %v after %v, waits: %v", now, last, Waits(fd))
				}
				last = now
			}
		})
	}
}

// A connected UDP socket is seen, and whose it is.
func TestPeers(t *testing.T) {
	both(t, func(t *testing.T, d *Diag) {
		c, err := net.Dial("udp", "127.0.0.1:9")
		if err != nil {
			t.Skip(err)
		}
		port := uint16(c.LocalAddr().(*net.UDPAddr).Port)
		find := func() int {
			peers, err := d.Peers()
			if err != nil {
				t.Fatal(err)
			}
			mine := Inodes([]int{os.Getpid(), -1})
			return slices.IndexFunc(peers, func(p Peer) bool { return p.Port == port && mine[p.Inode] })
		}
		if find() < 0 {
			t.Error("it is not there")
		}
		c.Close()
		if find() >= 0 {
			t.Error("it is still there")
		}
	})
}
