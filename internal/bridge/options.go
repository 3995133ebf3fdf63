// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"time"

	"golang.org/x/sys/unix"
)

func setNoDelay(fd int32) { _ = sysSetInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) }

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
