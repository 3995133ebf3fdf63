// SPDX-License-Identifier: Apache-2.0

package handover

import (
	"errors"

	"golang.org/x/sys/unix"
)

// firstListen tells of a listen() on a socket of the daemon's own, if it is
// one that succeeds. The call itself is left to the kernel; when it is told,
// clients can connect.
func (h *Handover) firstListen(t *target, fd, backlog int) {
	sock, err := t.descriptor(fd)
	if err != nil {
		if !errors.Is(err, unix.EBADF) {
			h.note(t, "calls listen(); whether it succeeds is not known: it may not be looked into (%v)", err)
			h.listens(t)
		}
		return
	}
	typ, err := unix.GetsockoptInt(sock, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil || typ != unix.SOCK_STREAM && typ != unix.SOCK_SEQPACKET || !t.waits() {
		unix.Close(sock)
		return
	}
	family, err := unix.GetsockoptInt(sock, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil || family != unix.AF_UNIX {
		// Done here it is certain; the daemon's own call changes nothing then.
		if unix.Listen(sock, backlog) == nil {
			h.listens(t)
		}
		unix.Close(sock)
		return
	}
	// Who listens on a unix socket is whom clients see as their peer
	// (SO_PEERCRED), and that must not be us, not for a moment.
	if name, err := unix.Getsockname(sock); err != nil || nameless(name) || hasPeer(sock) {
		unix.Close(sock)
		return
	}
	h.after = func() {
		awaitListening(sock)
		unix.Close(sock)
		h.listens(t)
	}
}

func (h *Handover) listens(t *target) {
	h.heard = true
	if h.c.Events.ListenCalled != nil {
		h.c.Events.ListenCalled(-1, int32(t.tid))
	}
}

// nameless: it is not bound, so listen() fails.
func nameless(sa unix.Sockaddr) bool {
	a, ok := sa.(*unix.SockaddrUnix)
	return !ok || a.Name == ""
}

// hasPeer: it is connected, so listen() fails.
func hasPeer(sock int) bool {
	_, err := unix.Getpeername(sock)
	return err == nil
}

// listenPatience is how often, 50 µs apart, the daemon is looked at until it
// has come to perform its call.
const listenPatience = 20

// awaitListening gives the daemon the processor until its socket listens. On
// a busy machine it may take longer, and is told a little early then.
func awaitListening(sock int) {
	for range listenPatience {
		if on, err := unix.GetsockoptInt(sock, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || on == 1 {
			return
		}
		_ = unix.Nanosleep(&unix.Timespec{Nsec: 50_000}, nil)
	}
}
