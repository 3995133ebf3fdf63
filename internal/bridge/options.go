// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"time"

	"golang.org/x/sys/unix"
)

func setNoDelay(fd int32) { _ = sysSetInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) }

// connOptions sets what a connection to a backend should have. TCP need not
// ask on loopback: whoever goes is seen to go.
func (b *Bridge) connOptions(fd int32, local bool) {
	setNoDelay(fd)
	holdAck(fd)
	if !local {
		b.keepAlive(fd)
	}
}

// holdAck keeps back the third packet of the handshake (tcp(7),
// TCP_QUICKACK), since what the client says will follow at once, and can say
// it, too. sendAck is for when the client says nothing yet: a server that
// speaks first must not wait for the kernel to get tired of waiting, 200 ms.
func holdAck(fd int32) { _ = sysSetInt(fd, unix.IPPROTO_TCP, unix.TCP_QUICKACK, 0) }

func sendAck(fd int32) { _ = sysSetInt(fd, unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) }

// keepAlive has TCP ask after a silence whether the peer is still there.
func (b *Bridge) keepAlive(fd int32) {
	span := b.cfg.KeepAlive
	if span <= 0 {
		return
	}
	_ = sysSetInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	if span != DefaultKeepAlive {
		_ = sysSetInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, max(int(span/time.Second), 1))
	}
}
