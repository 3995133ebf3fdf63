// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/unit"
)

// Repair undoes what a service may have done to the open file description
// that it shared: a smaller backlog, O_NONBLOCK off, a datagram socket
// connected to one peer, a socket filter, a TCP listener shut down. It also
// ends a HoldNew. Call it after each exit of
// the service, before the socket is watched again; wanted is Backlog=. It
// borrows fd, and fails with ErrDead where only a new socket helps.
func Repair(fd int, wanted uint32) error { return repair(fd, wanted, nil) }

// RepairSocket is Repair for a socket of a unit, whose clients may be kept out
// by their addresses.
func RepairSocket(fd int, s *unit.Socket) error { return repair(fd, s.Backlog, lasting(fd, s)) }

func repair(fd int, wanted uint32, keep []unix.SockFilter) error {
	if err := setNonblock(fd); err != nil {
		return err
	}
	typ, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if errors.Is(err, unix.ENOTSOCK) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot look at a listening socket: %w", err)
	}
	// A filter that is locked (SO_LOCK_FILTER) stays: the service wanted it so.
	if err := release(fd, keep); err != nil && keep != nil {
		return err
	}
	switch typ {
	case unix.SOCK_STREAM, unix.SOCK_SEQPACKET:
		// A TCP listener that was shut down listens again by this; the
		// others are found out below.
		if err := unix.Listen(fd, backlog(wanted)); err != nil {
			return fmt.Errorf("%w (listen: %w)", ErrDead, err)
		}
	case unix.SOCK_DGRAM:
		if _, err := unix.Getpeername(fd); err == nil {
			disconnect(fd)
		}
	}
	if isShutDown(fd) {
		return ErrDead
	}
	return nil
}

func setNonblock(fd int) error {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		return fmt.Errorf("cannot read the flags of descriptor %d: %w", fd, err)
	}
	if flags&unix.O_NONBLOCK != 0 {
		return nil
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFL, flags|unix.O_NONBLOCK); err != nil {
		return fmt.Errorf("cannot set O_NONBLOCK on descriptor %d: %w", fd, err)
	}
	return nil
}

// disconnect takes a datagram socket from its peer: connect(2) to an address
// of no family.
func disconnect(fd int) {
	sa := unix.RawSockaddr{Family: unix.AF_UNSPEC}
	// A kind of socket that cannot be disconnected stays as it is: nothing
	// else could be done for it.
	_ = connectRaw(fd, &sa)
}

// isShutDown looks for POLLHUP and POLLRDHUP, which neither a listening nor
// an unconnected datagram socket shows in health.
func isShutDown(fd int) bool {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(p, 0)
	return err == nil && n == 1 && p[0].Revents&(unix.POLLHUP|unix.POLLRDHUP) != 0
}
