// SPDX-License-Identifier: Apache-2.0

package handover

import "golang.org/x/sys/unix"

// carried are the options that a daemon sets before bind() and that matter
// on the socket it gets instead: accepted connections inherit them. Never
// SO_REUSEPORT or IPV6_V6ONLY, which say what a bind may be. One that is 0 is
// taken for not set, so that what the unit set stays.
var carried = [][2]int{
	{unix.SOL_SOCKET, unix.SO_KEEPALIVE},
	{unix.IPPROTO_TCP, unix.TCP_NODELAY},
	{unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT},
	{unix.IPPROTO_TCP, unix.TCP_FASTOPEN},
	{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT},
	{unix.SOL_SOCKET, unix.SO_PASSCRED},
	{unix.SOL_SOCKET, unix.SO_BROADCAST},
	{unix.IPPROTO_IP, unix.IP_PKTINFO},
	{unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO},
}

// keepAlive go with SO_KEEPALIVE only: their defaults are not 0.
var keepAlive = [][2]int{
	{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE},
	{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL},
	{unix.IPPROTO_TCP, unix.TCP_KEEPCNT},
}

// copyOptions carries options from the daemon's socket over to the held one.
// It borrows both. What one of them does not know is no loss.
func copyOptions(from, to int) {
	for _, o := range carried {
		if v, err := unix.GetsockoptInt(from, o[0], o[1]); err == nil && v != 0 {
			_ = unix.SetsockoptInt(to, o[0], o[1], v)
		}
	}
	if v, err := unix.GetsockoptInt(from, unix.SOL_SOCKET, unix.SO_KEEPALIVE); err == nil && v != 0 {
		for _, o := range keepAlive {
			if v, err := unix.GetsockoptInt(from, o[0], o[1]); err == nil {
				_ = unix.SetsockoptInt(to, o[0], o[1], v)
			}
		}
	}
	copyBuffers(from, to)
}

// copyBuffers copies the sizes that the daemon has set itself: the kernel
// remembers that (SO_BUF_LOCK, since Linux 5.14). It reports twice what was
// set (socket(7)).
func copyBuffers(from, to int) {
	const receiveLock = 2 // SOCK_RCVBUF_LOCK
	lock, err := unix.GetsockoptInt(from, unix.SOL_SOCKET, unix.SO_BUF_LOCK)
	if err != nil {
		return
	}
	set := func(opt, force int) {
		v, err := unix.GetsockoptInt(from, unix.SOL_SOCKET, opt)
		if err != nil {
			return
		}
		if unix.SetsockoptInt(to, unix.SOL_SOCKET, force, v/2) != nil {
			_ = unix.SetsockoptInt(to, unix.SOL_SOCKET, opt, v/2)
		}
	}
	if lock&unix.SOCK_SNDBUF_LOCK != 0 {
		set(unix.SO_SNDBUF, unix.SO_SNDBUFFORCE)
	}
	if lock&receiveLock != 0 {
		set(unix.SO_RCVBUF, unix.SO_RCVBUFFORCE)
	}
}
