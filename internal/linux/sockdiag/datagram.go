// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Stamp is when the last datagram that somebody read from a socket had come in
// (SIOCGSTAMP of socket(7)), by the wall clock in microseconds.
type Stamp struct{ sec, usec int64 }

// stampRequest is SIOCGSTAMP_NEW of <linux/sockios.h>, since Linux 5.1.
const stampRequest = 0x80108906

// LastRead returns the stamp of a UDP socket, which it borrows: the zero Stamp
// as long as nothing was read. The first call has the kernel keep it from then
// on. False for sockets that keep none: unix and netlink ones, pipes.
func LastRead(fd int) (Stamp, bool) {
	var s Stamp
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), stampRequest, uintptr(unsafe.Pointer(&s)))
	return s, errno == 0 || errno == unix.ENOENT
}

// Waits tells whether something can be read from fd, which it borrows.
func Waits(fd int) bool {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(p, 0)
		if !errors.Is(err, unix.EINTR) {
			return n > 0 && p[0].Revents&unix.POLLIN != 0
		}
	}
}

// Peer is a UDP socket that is connected to one peer.
type Peer struct {
	Port  uint16 // its own
	Inode uint32
}

// Peers lists all connected UDP sockets of the network namespace.
func (d *Diag) Peers() ([]Peer, error) {
	var out []Peer
	add := func(m inetMsg) { out = append(out, Peer{m.port, m.inode}) }
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		var err error
		if d.fd >= 0 {
			err = d.dumpInet(family, unix.IPPROTO_UDP, 1<<tcpEstablished, 0, nil, add)
		}
		if d.fd < 0 || errors.Is(err, unix.ENOENT) { // the kernel has TCP_DIAG without UDP_DIAG
			err = readProcInet("/proc/net/udp", family, 1<<tcpEstablished, add)
			if errors.Is(err, os.ErrNotExist) { // without IPv6
				err = nil
			}
		}
		if err != nil {
			return nil, fmt.Errorf("cannot list UDP sockets: %w", err)
		}
	}
	return out, nil
}
