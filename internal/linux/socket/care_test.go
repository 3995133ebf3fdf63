// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/linux/sockdiag"
	"github.com/rouse-init/rouse/internal/unit"
)

func dial(t *testing.T, network, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// acceptSoon waits until the listener has something, and takes it.
func acceptSoon(t *testing.T, fd int) (int, Peer) {
	t.Helper()
	if !readable(t, fd, 2000) {
		t.Fatalf("nobody came")
	}
	conn, peer, err := Accept(fd, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(conn) })
	return conn, peer
}

func TestAcceptNames(t *testing.T) {
	port := freePort(t)
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	dual := open(t, sock(unit.ListenStream, fmt.Sprint(port)))[0]
	if _, _, err := Accept(dual.FD, nil); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("nobody there: %v", err)
	}
	c := dial(t, "tcp", addr)
	_, peer := acceptSoon(t, dual.FD)
	host, rport, _ := net.SplitHostPort(c.LocalAddr().String())
	want := Peer{Addr: host, Port: rport, Source: host, Suffix: addr + "-" + c.LocalAddr().String()}
	if peer != want {
		t.Errorf("got  %+v\nwant %+v", peer, want)
	}
	if got := peer.Instance(7); got != "7-"+want.Suffix {
		t.Errorf("instance %s", got)
	}

	path := t.TempDir() + "/s"
	u := open(t, sock(unit.ListenStream, path))[0]
	dial(t, "unix", path)
	_, peer = acceptSoon(t, u.FD)
	want = Peer{Source: fmt.Sprintf("uid:%d", os.Getuid()), Suffix: fmt.Sprintf("%d-%d", os.Getpid(), os.Getuid())}
	if peer != want {
		t.Errorf("unix: got  %+v\nwant %+v", peer, want)
	}
	name := fmt.Sprintf("@rouse-client-%d", port)
	cu, err := net.DialUnix("unix", &net.UnixAddr{Name: name, Net: "unix"}, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer cu.Close()
	if _, peer = acceptSoon(t, u.FD); peer.Addr != name {
		t.Errorf("unix, named: got %+v", peer)
	}
}

// TestRepair undoes what a service can do to the description it shares.
func TestRepair(t *testing.T) {
	d := sockdiag.Open()
	defer d.Close()
	port := freePort(t)
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	l := open(t, sock(unit.ListenStream, addr))[0]
	key, _ := sockdiag.KeyOf(l.FD)
	if err := unix.SetNonblock(l.FD, false); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(l.FD, 1); err != nil {
		t.Fatal(err)
	}
	if err := HoldNew(l.FD); err != nil {
		t.Fatal(err)
	}
	if err := Repair(l.FD, 100); err != nil {
		t.Fatal(err)
	}
	if c, err := net.DialTimeout("tcp", addr, 900*time.Millisecond); err != nil {
		t.Errorf("connections are still held back: %v", err)
	} else {
		c.Close()
		acceptSoon(t, l.FD)
	}
	if _, limit, err := d.Queue(key); err == nil && limit != 100 {
		t.Errorf("the backlog is %d", limit)
	}
	if _, _, err := Accept(l.FD, nil); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("accept: %v", err)
	}
	if err := unix.Shutdown(l.FD, unix.SHUT_RDWR); err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Fatal("the test is void: the listener takes connections after shutdown")
	}
	if err := Repair(l.FD, 100); err != nil {
		t.Fatal(err)
	}
	dial(t, "tcp", addr)
	acceptSoon(t, l.FD)
}

func TestRepairUnixShutDown(t *testing.T) {
	path := t.TempDir() + "/s"
	s := sock(unit.ListenStream, path)
	l := open(t, s)[0]
	if err := unix.Shutdown(l.FD, unix.SHUT_RDWR); err != nil {
		t.Fatal(err)
	}
	if err := Repair(l.FD, 100); !errors.Is(err, ErrDead) {
		t.Errorf("got %v, want ErrDead", err)
	}
	unix.Close(l.FD)
	again, err := OpenLine(s, 0, NoOwner, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(again.FD)
	dial(t, "unix", path)
	acceptSoon(t, again.FD)
}

func TestRepairConnectedDatagram(t *testing.T) {
	addr := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	l := open(t, sock(unit.ListenDatagram, addr))[0]
	if err := unix.Connect(l.FD, &unix.SockaddrInet4{Port: 9, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := Repair(l.FD, 0); err != nil {
		t.Fatal(err)
	}
	c := dial(t, "udp", addr)
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if !readable(t, l.FD, 2000) {
		t.Error("a datagram of another peer does not come in")
	}
	if err := Flush(l.FD); err != nil {
		t.Error(err)
	}
	if readable(t, l.FD, 0) {
		t.Error("Flush left the datagram")
	}
}

func TestFlushResetsClients(t *testing.T) {
	addr := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	l := open(t, sock(unit.ListenStream, addr))[0]
	var clients []net.Conn
	for range 5 {
		clients = append(clients, dial(t, "tcp", addr))
	}
	if err := Flush(l.FD); err != nil {
		t.Fatal(err)
	}
	for _, c := range clients {
		c.SetReadDeadline(time.Now().Add(2 * time.Second))
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) {
			t.Errorf("got %v, want a reset", err)
		}
	}
}

// TestHoldNew takes the second that a TCP client waits before it tries again.
func TestHoldNew(t *testing.T) {
	release := func(t *testing.T, fd int) {
		if err := ReleaseNew(fd); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, listen string
		hold         func(t *testing.T, fd int) error
	}{
		{"filter or key", "127.0.0.1:%d", func(t *testing.T, fd int) error { return HoldNew(fd) }},
		{"key, dual stack", "%d", func(t *testing.T, fd int) error { return setKey(fd, unix.AF_INET6, "rouse") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			port := freePort(t)
			addr := fmt.Sprintf("127.0.0.1:%d", port)
			l := open(t, sock(unit.ListenStream, fmt.Sprintf(c.listen, port)))[0]
			release(t, l.FD) // nothing is held
			if err := c.hold(t, l.FD); errors.Is(err, unix.ENOPROTOOPT) {
				t.Skip("the kernel has no TCP-MD5")
			} else if err != nil {
				t.Fatal(err)
			}
			if c, err := net.DialTimeout("tcp", addr, 50*time.Millisecond); err == nil {
				c.Close()
				t.Error("a connection came through")
			}
			connected := make(chan error, 1)
			go func() {
				c, err := net.DialTimeout("tcp", addr, 5*time.Second)
				if err == nil {
					c.Close()
				}
				connected <- err
			}()
			if readable(t, l.FD, 50) {
				t.Error("a held connection shows")
			}
			release(t, l.FD)
			if err := <-connected; err != nil {
				t.Errorf("the client that was held back: %v", err)
			}
		})
	}
	u := open(t, sock(unit.ListenStream, t.TempDir()+"/s"))[0]
	if err := HoldNew(u.FD); err == nil || !strings.Contains(err.Error(), "may be lost") {
		t.Errorf("unix: got %v", err)
	}
	release(t, u.FD)
}

// readable waits until there is something to read, at most for ms.
func readable(t testing.TB, fd, ms int) bool {
	t.Helper()
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(p, ms)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		return n == 1
	}
}
