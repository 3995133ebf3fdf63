// SPDX-License-Identifier: Apache-2.0

package handover

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/linux/socket"
)

// A daemon that binds 0.0.0.0:80 and, for IPv6 only, [::]:80 has two sockets
// where one is held that serves both families. It must not get that one
// twice: what comes by its IPv4 socket would have IPv6 addresses, and nginx
// closes such connections. So the IPv6 one gets the held socket and the other
// a decoy: a listener that nobody can connect to.

// twins are the descriptors by which the same process has a held socket
// already: those under a foreign address, or the others.
func (h *Handover) twins(t *target, held int, foreign bool) []int {
	var fds []int
	pid := t.processOrZero()
	for _, g := range h.grants {
		if g.held == held && g.pid == pid && pid != 0 && isForeign(g.as, h.held[held].at) == foreign && h.isOpen(g) {
			fds = append(fds, g.fd)
		}
	}
	return fds
}

// isOpen tells whether the socket is still where it went.
func (h *Handover) isOpen(g grant) bool {
	l, err := os.Readlink("/proc/" + strconv.Itoa(g.pid) + "/fd/" + strconv.Itoa(g.fd))
	return err == nil && socketInode(l) == h.held[g.held].inode
}

// decoy puts a decoy in the place of the daemon's descriptor and answers the
// call. Without one the daemon's own call goes on, and fails with EADDRINUSE.
func (h *Handover) decoy(t *target, fd, held int) response {
	s, err := openDecoy()
	if err != nil {
		h.note(t, "was not given %s a second time, for IPv4: %v", h.held[held].at, err)
		return goOn()
	}
	defer unix.Close(s)
	flags, err := t.flags(fd)
	if err == nil {
		setNonblock(s, flags&unix.O_NONBLOCK != 0)
	}
	if err := t.install(s, fd, flags&unix.O_CLOEXEC != 0); err != nil {
		return goOn()
	}
	return done()
}

func openDecoy() (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	if err == nil {
		err = socket.HoldNew(fd)
	}
	if err == nil {
		err = unix.Listen(fd, 1)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}
