// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"io"
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// byHand is a bridge that does not run: the test does what its loop would.
type byHand struct {
	*loop
	backend net.Listener
}

func newByHand(t *testing.T) *byHand {
	t.Helper()
	backend, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b, err := New(Config{Listen: []string{"127.0.0.1:0"}, To: []string{backend.Addr().String()}, Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.loops[0].endAll()
		b.closeAll()
		backend.Close()
	})
	b.loops[0].buf = make([]byte, copySize)
	return &byHand{b.loops[0], backend}
}

// begins is a client that said word, and has its session.
func (h *byHand) begins(t *testing.T, word string) (net.Conn, *session) {
	t.Helper()
	c := dial(t, h.b)
	write(t, c, word)
	eventually(t, "the client", func() bool {
		fd, errno := sysAccept(h.listeners[0].fd, nil)
		if errno == 0 {
			h.begin(fd, nil)
		}
		return errno == 0
	})
	s := h.sessions.at(int32(h.live - 1))
	if s.state != open {
		t.Fatalf("the session's state is %d", s.state)
	}
	return c, s
}

func (h *byHand) accepts(t *testing.T) net.Conn {
	t.Helper()
	c, err := h.backend.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// A client that says nothing is no reason for the server not to hear of it: a
// server that speaks first would wait for nothing. It hears of it before it
// hears of anybody who comes later. (That packets of two connections overtake
// one another is possible, but rare.)
func TestSilentClientIsAnnouncedAtOnce(t *testing.T) {
	h := newByHand(t)
	for range 10 {
		h.begins(t, "")
		later := dialAddr(t, h.backend.Addr().String())
		first := h.accepts(t)
		h.accepts(t)
		if first.RemoteAddr().String() != later.LocalAddr().String() {
			return
		}
	}
	t.Error("the server hears of a silent client after those who came later")
}

// The server's last words and its end are one event, and are passed on as they
// came: an end as an end, a reset as a reset.
func TestLastWordsWithTheEnd(t *testing.T) {
	for _, reset := range []bool{false, true} {
		h := newByHand(t)
		c, s := h.begins(t, "hello")
		backend := h.accepts(t)
		expect(t, backend, "hello")
		write(t, backend, "bye")
		if reset {
			_ = backend.(*net.TCPConn).SetLinger(0)
		}
		backend.Close()
		eventually(t, "the end", func() bool {
			p := []unix.PollFd{{Fd: s.ends[server].fd, Events: unix.POLLRDHUP}}
			n, _ := unix.Poll(p, 0)
			return n == 1
		})
		h.happened(s, server, unix.EPOLLIN|unix.EPOLLRDHUP)
		if reset {
			// What was on its way may be lost.
			if all, err := io.ReadAll(c); !isReset(err) {
				t.Errorf("after a reset the client got %q, %v", all, err)
			}
			continue
		}
		if all, err := io.ReadAll(c); string(all) != "bye" || err != nil {
			t.Errorf("the client got %q, %v", all, err)
		}
		if e := &s.ends[server]; !e.eof || !s.ends[client].ended || s.state != open {
			t.Errorf("the session is %+v", s)
		}
	}
}
