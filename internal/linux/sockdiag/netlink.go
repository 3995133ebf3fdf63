// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// bufferSize holds one part of a dump; the kernel makes parts of 32 KiB at
// most (sock_diag(7), netlink(7)).
const bufferSize = 32 << 10

// Diag is one netlink socket and what is reused from question to question.
// It is for one goroutine.
type Diag struct {
	fd  int // -1: the kernel has no sock_diag, and /proc/net is read
	buf []byte
	req []byte
	// order finds the keys of a port by binary search.
	order []portKey
	seq   uint32
}

// Open opens the socket. Without NETLINK_SOCK_DIAG in the kernel it works all
// the same, by reading /proc/net; Facts says so.
func Open() *Diag {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		fd = -1
	}
	d := &Diag{fd: fd}
	if fd >= 0 && d.dumpInet(unix.AF_INET, unix.IPPROTO_TCP, 1<<tcpListen, 0, []byte{}, func(inetMsg) {}) != nil {
		unix.Close(fd)
		d.fd = -1
	}
	return d
}

// Close closes the socket.
func (d *Diag) Close() {
	if d.fd >= 0 {
		unix.Close(d.fd)
	}
}

// Facts says for `rouse status` how connections are counted.
func (d *Diag) Facts() string {
	if d.fd < 0 {
		return "connections are counted in /proc/net (the kernel has no INET_DIAG)"
	}
	return "connections are counted by sock_diag"
}

// header starts a request in d.req: struct nlmsghdr, its length still 0.
func (d *Diag) header(flags uint16) {
	d.seq++
	d.req = d.req[:0]
	d.req = binary.NativeEndian.AppendUint32(d.req, 0)
	d.req = binary.NativeEndian.AppendUint16(d.req, unix.SOCK_DIAG_BY_FAMILY)
	d.req = binary.NativeEndian.AppendUint16(d.req, unix.NLM_F_REQUEST|flags)
	d.req = binary.NativeEndian.AppendUint32(d.req, d.seq)
	d.req = binary.NativeEndian.AppendUint32(d.req, 0)
}

// ask sends d.req and gives fn the body of each answer. It does not block:
// the kernel makes the first part of a dump while the request is sent, and
// each further part while the one before is read.
func (d *Diag) ask(fn func(body []byte)) error {
	binary.NativeEndian.PutUint32(d.req, uint32(len(d.req)))
	if err := unix.Sendto(d.fd, d.req, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("cannot ask sock_diag: %w", err)
	}
	if d.buf == nil {
		d.buf = make([]byte, bufferSize)
	}
	for {
		n, err := read(d.fd, d.buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("cannot read from sock_diag: %w", err)
		}
		done, err := messages(d.buf[:n], d.seq, fn)
		if done || err != nil {
			return err
		}
	}
}

func read(fd int, buf []byte) (int, error) {
	n, _, err := unix.Recvfrom(fd, buf, unix.MSG_DONTWAIT)
	return n, err
}

// messages walks one part; done when the answer is complete.
func messages(b []byte, seq uint32, fn func(body []byte)) (bool, error) {
	for len(b) >= unix.SizeofNlMsghdr {
		size := int(binary.NativeEndian.Uint32(b))
		if size < unix.SizeofNlMsghdr || size > len(b) {
			return true, errors.New("sock_diag: malformed answer")
		}
		typ, flags := binary.NativeEndian.Uint16(b[4:]), binary.NativeEndian.Uint16(b[6:])
		body := b[unix.SizeofNlMsghdr:size]
		mine := binary.NativeEndian.Uint32(b[8:]) == seq
		b = b[min(align(size), len(b)):]
		switch {
		case !mine: // the rest of an answer that was given up
		case typ == unix.NLMSG_DONE:
			return true, nil
		case typ == unix.NLMSG_ERROR:
			if len(body) < 4 {
				return true, errors.New("sock_diag: malformed answer")
			}
			if e := int32(binary.NativeEndian.Uint32(body)); e != 0 {
				return true, unix.Errno(-e)
			}
			return true, nil
		default:
			fn(body)
			if flags&unix.NLM_F_MULTI == 0 {
				return true, nil
			}
		}
	}
	return false, nil
}

func align(n int) int { return (n + 3) &^ 3 }

// attributes calls fn with each netlink attribute of b.
func attributes(b []byte, fn func(typ uint16, value []byte)) {
	for len(b) >= 4 {
		size := int(binary.NativeEndian.Uint16(b))
		if size < 4 || size > len(b) {
			return
		}
		fn(binary.NativeEndian.Uint16(b[2:]), b[4:size])
		b = b[min(align(size), len(b)):]
	}
}
