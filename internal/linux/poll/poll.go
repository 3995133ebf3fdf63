// SPDX-License-Identifier: Apache-2.0

// Package poll is the one place where the manager and the guardian wait: an
// epoll set with a function for each descriptor. It has no goroutine and no
// lock: everything runs on the goroutine that calls Wait. It never owns the
// descriptors that it watches.
package poll

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// The events of epoll(7) that callers need.
const (
	In    = unix.EPOLLIN
	Out   = unix.EPOLLOUT
	Pri   = unix.EPOLLPRI
	Hup   = unix.EPOLLHUP
	Err   = unix.EPOLLERR
	RdHup = unix.EPOLLRDHUP
	Edge  = unix.EPOLLET
	Once  = unix.EPOLLONESHOT
)

// Func is called with the events that are there.
type Func func(events uint32)

// Loop is one epoll set.
type Loop struct {
	fd      int
	watches map[int32]*watch
	buf     [64]unix.EpollEvent
	serial  int32
}

type watch struct {
	fn     Func
	serial int32
}

// New makes an empty set.
func New() (*Loop, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("cannot make an epoll set: %w", err)
	}
	return &Loop{fd: fd, watches: make(map[int32]*watch)}, nil
}

// Add watches fd, which it borrows: Remove it before closing it.
func (l *Loop) Add(fd int, events uint32, fn Func) error {
	l.serial++
	ev := unix.EpollEvent{Events: events, Fd: int32(fd), Pad: l.serial}
	if err := unix.EpollCtl(l.fd, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		return fmt.Errorf("cannot watch descriptor %d: %w", fd, err)
	}
	l.watches[int32(fd)] = &watch{fn: fn, serial: l.serial}
	return nil
}

// Modify changes what fd is watched for; with Once it arms it again.
func (l *Loop) Modify(fd int, events uint32) error {
	w := l.watches[int32(fd)]
	if w == nil {
		return fmt.Errorf("cannot watch descriptor %d: %w", fd, unix.ENOENT)
	}
	ev := unix.EpollEvent{Events: events, Fd: int32(fd), Pad: w.serial}
	if err := unix.EpollCtl(l.fd, unix.EPOLL_CTL_MOD, fd, &ev); err != nil {
		return fmt.Errorf("cannot watch descriptor %d: %w", fd, err)
	}
	return nil
}

// Remove stops watching fd. An event of it that was already fetched is
// dropped, even when another file has got its number since.
func (l *Loop) Remove(fd int) {
	if l.watches[int32(fd)] == nil {
		return
	}
	delete(l.watches, int32(fd))
	// It fails only where the file is closed already, and then it is out.
	_ = unix.EpollCtl(l.fd, unix.EPOLL_CTL_DEL, fd, nil)
}

// Wait waits for events, at most for timeout (negative: for ever), and calls
// their functions. It returns early, without error, on a signal.
func (l *Loop) Wait(timeout time.Duration) error {
	n, err := wait(l.fd, l.buf[:], timeout)
	if err != nil {
		if errors.Is(err, unix.EINTR) {
			return nil
		}
		return fmt.Errorf("cannot wait for events: %w", err)
	}
	for i := range l.buf[:n] {
		ev := &l.buf[i]
		if w := l.watches[ev.Fd]; w != nil && w.serial == ev.Pad {
			w.fn(ev.Events)
		}
	}
	return nil
}

// Close closes the set, not what it watches.
func (l *Loop) Close() error { return unix.Close(l.fd) }
