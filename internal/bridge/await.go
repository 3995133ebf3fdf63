// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/linux/sockdiag"
)

// awaitDaemon is closed once some backend is ready. Whoever asks need not
// have a client yet.
func (b *Bridge) awaitDaemon() <-chan struct{} {
	ready := make(chan struct{})
	go func() {
		defer close(ready)
		diag := sockdiag.Open()
		defer diag.Close()
		for delay := firstDelay; ; delay = min(delay*3/2, dialDelay) {
			longest := dialDelay
			for _, be := range b.backends {
				if be.ready(b, diag) {
					return
				}
				if be.local() {
					longest = lookupDelay
				}
				be.lookUpAgain(b)
			}
			time.Sleep(min(delay, longest))
		}
	}()
	return ready
}

// ready asks the kernel who listens where it knows, and connects elsewhere.
// Nobody can tell of a datagram socket on an internet address.
func (be *backend) ready(b *Bridge, diag *sockdiag.Diag) bool {
	for _, a := range be.addrs() {
		if b.leadsHere(&a) {
			continue
		}
		if be.local() {
			ap := a.inet()
			if _, _, err := diag.Queue(sockdiag.Key{Addr: ap.Addr(), Port: ap.Port()}); err == nil {
				return true
			} else if errors.Is(err, unix.ENOENT) {
				continue
			}
		}
		if answers(&a, be.sockType(), b.cfg.Attempt) {
			return true
		}
	}
	return false
}

// answers tells whether a connection can be made.
func answers(a *sockaddr, kind int, patience time.Duration) bool {
	fd, errno := sysSocket(a.family(), kind)
	if errno != 0 {
		return false
	}
	defer sysClose(fd)
	switch sysConnect(fd, a) {
	case 0, unix.EAGAIN: // the queue of a unix socket is full
		return true
	case unix.EINPROGRESS:
	default:
		return false
	}
	wait := -1
	if patience > 0 {
		wait = int(patience / time.Millisecond)
	}
	n, err := unix.Poll([]unix.PollFd{{Fd: fd, Events: unix.POLLOUT}}, wait)
	return err == nil && n == 1 && sysError(fd) == 0
}
