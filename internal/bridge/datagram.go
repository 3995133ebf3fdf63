// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// maxDatagram holds every UDP datagram, and unix ones of the size that
	// the kernel's default buffers allow.
	maxDatagram = 256 << 10
	// datagramBatch is how many are taken before other events have their
	// turn.
	datagramBatch = 64
	// maxHeld and maxHeldBytes bound what is kept for one peer until its
	// backend is there; what is more is dropped, as the network does.
	maxHeld      = 64
	maxHeldBytes = 256 << 10
	// controlSize has room for one in_pktinfo or in6_pktinfo.
	controlSize = 64
)

// message is what recvmsg(2) and sendmsg(2) need, reused from call to call.
type message struct {
	hdr     unix.Msghdr
	iov     unix.Iovec
	addr    sockaddr
	control [controlSize]byte
	data    []byte
}

// receive gets one datagram; its size, or the error.
func (m *message) receive(fd int32) (int, unix.Errno) {
	m.iov.Base = unsafe.SliceData(m.data)
	m.iov.SetLen(len(m.data))
	m.hdr = unix.Msghdr{
		Name: (*byte)(unsafe.Pointer(&m.addr.raw)), Namelen: uint32(unsafe.Sizeof(m.addr.raw)),
		Iov: &m.iov, Control: &m.control[0],
	}
	m.hdr.SetIovlen(1)
	m.hdr.SetControllen(controlSize)
	n, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&m.hdr)), unix.MSG_DONTWAIT)
	m.addr.size = m.hdr.Namelen
	return int(n), errno
}

// send sends what receive got, n bytes, from fd to an address, with a control
// message that says from which.
func (m *message) send(fd int32, n int, to *sockaddr, control []byte) unix.Errno {
	m.iov.Base = unsafe.SliceData(m.data)
	m.iov.SetLen(n)
	m.hdr = unix.Msghdr{Name: (*byte)(unsafe.Pointer(&to.raw)), Namelen: to.size, Iov: &m.iov}
	m.hdr.SetIovlen(1)
	if len(control) > 0 {
		copy(m.control[:], control)
		m.hdr.Control = &m.control[0]
		m.hdr.SetControllen(len(control))
	}
	_, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&m.hdr)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	return errno
}

// replyControl makes of the control message that came with a datagram the one
// that gives the answer the address that was asked; nil for none.
func (m *message) replyControl() []byte {
	b := m.control[:min(uint64(m.hdr.Controllen), controlSize)]
	if len(b) < unix.SizeofCmsghdr {
		return nil
	}
	h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
	body := unix.CmsgLen(0)
	switch {
	case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(b) >= unix.CmsgSpace(unix.SizeofInet4Pktinfo):
		out := append([]byte(nil), b[:unix.CmsgSpace(unix.SizeofInet4Pktinfo)]...)
		// in_pktinfo: the interface is left to the kernel; ipi_spec_dst, the
		// local address, is what sendmsg looks at (ip(7)).
		binary.NativeEndian.PutUint32(out[body:], 0)
		return out
	case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(b) >= unix.CmsgSpace(unix.SizeofInet6Pktinfo):
		return append([]byte(nil), b[:unix.CmsgSpace(unix.SizeofInet6Pktinfo)]...)
	}
	return nil
}

// receive takes what has come to a datagram listener. Each peer has a socket
// of its own towards the backend, so the backend can tell them apart and
// answers find their way.
func (l *loop) receive(li *listener) {
	if l.peers.message.data == nil {
		l.peers.message.data = make([]byte, maxDatagram)
	}
	m := &l.peers.message
	for range datagramBatch {
		n, errno := m.receive(li.fd)
		switch {
		case errno == unix.EINTR, errno == unix.ECONNREFUSED: // an answer that nobody wanted
			continue
		case errno != 0:
			return
		case m.hdr.Flags&unix.MSG_TRUNC != 0:
			l.b.say("a datagram of more than 256 KiB was dropped")
			continue
		}
		if p := l.peerOf(li); p != nil {
			l.forward(p, m.data[:n])
		}
	}
}

// forward sends a datagram to the backend, or holds it until there is one.
func (l *loop) forward(p *peer, data []byte) {
	p.moved = l.now
	if l.b.cfg.IdleBytes {
		l.lastMove.Store(l.now)
	}
	if !p.sure {
		l.hold(p, data)
		l.offer(p)
		return
	}
	_, errno := sysSend(p.fd, data)
	if errno == unix.ECONNREFUSED || errno == unix.ENOTCONN {
		// It tells of one that was sent before: the backend has gone since.
		p.sure = false
		l.hold(p, data)
		l.offer(p)
	} else if errno == unix.EAGAIN {
		p.sure = false
		l.hold(p, data)
		l.retryPeer(p)
	}
}

func (l *loop) hold(p *peer, data []byte) {
	if len(p.held) >= maxHeld || p.heldBytes+len(data) > maxHeldBytes {
		return
	}
	if len(p.held) == 0 {
		p.heldSince = l.now
	}
	p.held = append(p.held, append([]byte(nil), data...))
	p.heldBytes += len(data)
}

// offer sends what is held. On this machine the kernel knows at once when
// nobody wanted it; then it is kept, and offered again.
func (l *loop) offer(p *peer) {
	if p.fd < 0 && !l.connectPeer(p) {
		l.retryPeer(p)
		return
	}
	for len(p.held) > 0 {
		_, errno := sysSend(p.fd, p.held[0])
		if errno == 0 {
			errno = sysError(p.fd)
		}
		if errno == unix.EMSGSIZE {
			errno = 0 // it never fits
		}
		if errno != 0 {
			l.unconnectPeer(p)
			l.retryPeer(p)
			return
		}
		p.heldBytes -= len(p.held[0])
		p.held = p.held[1:]
	}
	p.held, p.sure, p.delay = nil, true, 0
}

// answered passes the backend's datagrams on to the peer.
func (l *loop) answered(index, serial int32) {
	p := l.peers.at(index)
	if p == nil || p.serial != serial {
		return
	}
	m := &l.peers.message
	for range datagramBatch {
		m.iov.Base = unsafe.SliceData(m.data)
		n, errno := sysRead(p.fd, m.data)
		switch errno {
		case 0:
			p.moved = l.now
			_ = m.send(p.li.fd, n, &p.from, p.control)
		case unix.EINTR:
		case unix.ECONNREFUSED:
			p.sure = false // the next one is checked again
		default:
			return
		}
	}
	// More than a batch: an edge will not come again by itself.
	_ = sysWatch(l.ep, unix.EPOLL_CTL_MOD, p.fd, unix.EPOLLIN|unix.EPOLLET, p.tag())
}
