// SPDX-License-Identifier: Apache-2.0

package builtin

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// firstFD is where sd_listen_fds(3) starts; maxFDs bounds what is taken.
const (
	firstFD = 3
	maxFDs  = 256
)

// maxConns is how many connections are served at a time; others wait.
const maxConns = 1024

// Serve serves name on the sockets of LISTEN_FDS, or on standard input where
// there are none, and returns when nothing has happened for idle.
func Serve(name string, idle time.Duration) error {
	fds, err := sockets()
	if err != nil {
		return err
	}
	s := &server{name: name, idle: idle, last: time.Now(), room: make(chan struct{}, maxConns)}
	var loops []func()
	for _, fd := range fds {
		loop, err := s.socket(fd)
		if err != nil {
			return fmt.Errorf("cannot serve %s on descriptor %d: %w", name, fd, err)
		}
		loops = append(loops, loop)
	}
	for _, loop := range loops {
		s.running.Go(loop)
	}
	s.running.Wait()
	return nil
}

func sockets() ([]int, error) {
	if v := os.Getenv("LISTEN_FDS"); v != "" && v != "0" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 || n > maxFDs {
			return nil, fmt.Errorf("LISTEN_FDS=%s is not a number of descriptors", v)
		}
		var fds []int
		for i := range n {
			fds = append(fds, firstFD+i)
		}
		return fds, nil
	}
	if _, err := unix.GetsockoptInt(0, unix.SOL_SOCKET, unix.SO_TYPE); err != nil {
		return nil, errors.New("there is no socket: neither LISTEN_FDS is set nor is standard input one")
	}
	return []int{0}, nil
}

// deadliner is a socket that can be told to stop waiting.
type deadliner interface{ SetDeadline(time.Time) error }

// server is one run.
type server struct {
	name    string
	idle    time.Duration
	room    chan struct{}
	running sync.WaitGroup

	mu     sync.Mutex
	waits  []deadliner
	active int
	last   time.Time // when something happened
	done   bool
}

// socket makes the loop of one descriptor.
func (s *server) socket(fd int) (func(), error) {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return nil, err
	}
	listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), s.name)
	defer f.Close()
	switch {
	case listens != 0:
		l, err := net.FileListener(f)
		if err != nil {
			return nil, err
		}
		d, ok := l.(deadliner)
		if !ok {
			return nil, fmt.Errorf("%T is not known", l)
		}
		if u, ok := l.(*net.UnixListener); ok {
			u.SetUnlinkOnClose(false) // the path is not ours
		}
		s.waits = append(s.waits, d)
		return func() { s.accept(l, d) }, nil
	case kind == unix.SOCK_DGRAM:
		c, err := net.FilePacketConn(f)
		if err != nil {
			return nil, err
		}
		s.waits = append(s.waits, c)
		return func() { s.datagrams(c) }, nil
	}
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	return func() { stream(s.name, c) }, nil
}

// accept takes connections until the server is idle.
func (s *server) accept(l net.Listener, d deadliner) {
	for s.wait(d) {
		s.room <- struct{}{}
		c, err := l.Accept()
		if err == nil {
			s.began()
			s.running.Go(func() {
				stream(s.name, c)
				s.ended()
				<-s.room
			})
			continue
		}
		<-s.room
		if !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, unix.ECONNABORTED) {
			s.pause(err)
		}
	}
}

// pause waits after an error that is not one client's, such as too many open
// files.
func (s *server) pause(err error) {
	fmt.Fprintf(os.Stderr, "cannot accept: %v, retrying in a second\n", err)
	time.Sleep(time.Second)
}

// datagrams answers datagrams until the server is idle.
func (s *server) datagrams(c net.PacketConn) {
	buf := make([]byte, 64<<10)
	for s.wait(c) {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			continue // its time is over, or a client's port was closed
		}
		s.began()
		if b := answer(s.name, buf[:n]); len(b) > 0 && answerable(from) {
			_, _ = c.WriteTo(b, from) // as a datagram may be lost on its way
		}
		s.ended()
	}
}

// wait sets the time up to which to wait; false ends all loops.
func (s *server) wait(d deadliner) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	end := s.last.Add(s.idle)
	if s.active > 0 {
		end = now.Add(s.idle)
	}
	if s.done || !end.After(now) {
		s.done = true
		for _, w := range s.waits {
			_ = w.SetDeadline(now) // it cannot fail on an open socket
		}
		return false
	}
	return d.SetDeadline(end) == nil
}

func (s *server) began() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active++
}

func (s *server) ended() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active--
	s.last = time.Now()
}
