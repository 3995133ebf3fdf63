// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/binary"
	"io"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Pair makes the two ends, both close-on-exec.
func Pair() (guardian, manager int, err error) {
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	return p[0], p[1], err
}

// space for the one control message that can come: SCM_RIGHTS, MaxFDs.
const oobSpace = (unix.SizeofCmsghdr + 4*MaxFDs + 7) &^ 7

// Receiver takes packets from one end and hands out their messages. It
// allocates only for the strings and descriptors of messages that have some.
// The zero Receiver is ready.
type Receiver struct {
	rest []byte // of the packet, messages not handed out yet
	fds  []int  // likewise

	buf [MaxPacket]byte
	oob [oobSpace]byte
	hdr unix.Msghdr
	iov unix.Iovec
}

// Next hands out the next message of the packet; ok is false at its end.
// After ErrMalformed the packet is done with. Kinds that are not known are
// handed out too.
func (r *Receiver) Next(m *Msg) (ok bool, err error) {
	if len(r.rest) == 0 {
		r.discard()
		return false, nil
	}
	rest, err := decode(r.rest, m)
	if err != nil {
		r.discard()
		return false, err
	}
	r.rest = rest
	if takesFDs(m.Kind) {
		n := min(int(m.Count), len(r.fds))
		m.FDs, r.fds = r.fds[:n:n], r.fds[n:]
	}
	return true, nil
}

func takesFDs(k Kind) bool { return k == Store || k == Stored || k == Reexec }

// discard drops what is left of the packet.
func (r *Receiver) discard() {
	for _, fd := range r.fds {
		_ = unix.Close(fd)
	}
	r.rest, r.fds = nil, nil
}

// Fill receives one packet without waiting. It fails with EAGAIN when there
// is none, io.EOF when the other end is closed and all was received.
func (r *Receiver) Fill(fd int) error {
	r.discard()
	r.iov.Base = &r.buf[0]
	r.iov.SetLen(len(r.buf))
	r.hdr = unix.Msghdr{Iov: &r.iov, Control: &r.oob[0]}
	r.hdr.SetIovlen(1)
	r.hdr.SetControllen(len(r.oob))
	n, errno := msgCall(unix.SYS_RECVMSG, fd, &r.hdr, unix.MSG_CMSG_CLOEXEC|unix.MSG_DONTWAIT)
	if errno == unix.ECONNRESET {
		// The other end died with something unread. The kernel says so once,
		// before what it had sent itself: that is still to be received.
		r.hdr.SetControllen(len(r.oob))
		n, errno = msgCall(unix.SYS_RECVMSG, fd, &r.hdr, unix.MSG_CMSG_CLOEXEC|unix.MSG_DONTWAIT)
	}
	if errno != 0 {
		return errno
	}
	r.takeFDs(int(r.hdr.Controllen))
	if n == 0 {
		r.discard()
		return io.EOF
	}
	if r.buf[0] != Version || r.hdr.Flags&unix.MSG_TRUNC != 0 {
		r.discard()
		return ErrMalformed
	}
	r.rest = r.buf[1:n]
	return nil
}

// takeFDs reads the control messages; SCM_RIGHTS is the only one that can
// come, since no option asks for others.
func (r *Receiver) takeFDs(n int) {
	oob := r.oob[:min(n, len(r.oob))]
	if len(oob) < unix.SizeofCmsghdr {
		return
	}
	h := (*unix.Cmsghdr)(unsafe.Pointer(&oob[0]))
	if h.Level != unix.SOL_SOCKET || h.Type != unix.SCM_RIGHTS {
		return
	}
	data := oob[unix.SizeofCmsghdr:min(int(h.Len), len(oob))]
	r.fds = make([]int, 0, len(data)/4)
	for ; len(data) >= 4; data = data[4:] {
		r.fds = append(r.fds, int(int32(binary.NativeEndian.Uint32(data))))
	}
}

// Send sends one packet with fds, which it borrows, without waiting and
// without SIGPIPE. It does not allocate.
func Send(fd int, packet []byte, fds []int) error {
	var oob [oobSpace]byte
	var iov unix.Iovec
	iov.Base = &packet[0]
	iov.SetLen(len(packet))
	hdr := unix.Msghdr{Iov: &iov}
	hdr.SetIovlen(1)
	if len(fds) > 0 {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&oob[0]))
		h.Level, h.Type = unix.SOL_SOCKET, unix.SCM_RIGHTS
		h.SetLen(unix.SizeofCmsghdr + 4*len(fds))
		for i, f := range fds {
			binary.NativeEndian.PutUint32(oob[unix.SizeofCmsghdr+4*i:], uint32(f))
		}
		hdr.Control = &oob[0]
		hdr.SetControllen(unix.SizeofCmsghdr + 4*len(fds))
	}
	_, errno := msgCall(unix.SYS_SENDMSG, fd, &hdr, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	runtime.KeepAlive(packet)
	if errno != 0 {
		return errno
	}
	return nil
}

// msgCall is sendmsg(2) or recvmsg(2), again after EINTR. The functions of
// package unix would allocate an address and a buffer for every call.
func msgCall(trap uintptr, fd int, hdr *unix.Msghdr, flags uintptr) (int, unix.Errno) {
	for {
		n, _, errno := unix.Syscall(trap, uintptr(fd), uintptr(unsafe.Pointer(hdr)), flags)
		if errno != unix.EINTR {
			return int(n), errno
		}
	}
}
