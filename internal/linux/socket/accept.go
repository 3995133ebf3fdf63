// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/linux/sockdiag"
)

// Peer is the other end of an accepted connection.
type Peer struct {
	// Addr and Port are REMOTE_ADDR and REMOTE_PORT, "" for not set: an IP
	// address, the path or "@name" of a unix socket.
	Addr, Port string
	// Source is what MaxConnectionsPerSource= counts by: an IP address,
	// "uid:1000", "cid:3"; "" when the kernel does not say.
	Source string
	// Suffix is the instance name without the number of the connection:
	// "127.0.0.1:80-127.0.0.1:45678", "812-1000" (pid and uid), "unknown".
	Suffix string
}

// Instance is the name of connection number nr, as systemd makes it; nr
// counts the accepted connections of the socket unit from 0.
func (p Peer) Instance(nr uint64) string {
	return strconv.FormatUint(nr, 10) + "-" + p.Suffix
}

// Accept takes one connection from a listener, close-on-exec and
// non-blocking. The error is unix.EAGAIN when there is none (any more). keep,
// if not nil, gets the connection before anything else is done with it: until
// it is kept elsewhere too, our death is the connection's.
func Accept(fd int, keep func(conn int)) (int, Peer, error) {
	for {
		conn, sa, err := unix.Accept4(fd, openFlags)
		switch {
		case err == nil:
			if keep != nil {
				keep(conn)
			}
			return conn, peerOf(conn, sa), nil
		case errors.Is(err, unix.EINTR), isOfConnection(err):
			continue
		}
		return -1, Peer{}, err
	}
}

// isOfConnection tells errors of the connection that could not be accepted
// from those of the listener: the next one may be well (accept(2), "Error
// handling").
func isOfConnection(err error) bool {
	switch {
	case errors.Is(err, unix.ECONNABORTED), errors.Is(err, unix.ENETDOWN), errors.Is(err, unix.EPROTO),
		errors.Is(err, unix.ENOPROTOOPT), errors.Is(err, unix.EHOSTDOWN), errors.Is(err, unix.ENONET),
		errors.Is(err, unix.EHOSTUNREACH), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENETUNREACH):
		return true
	}
	return false
}

// PeerOf tells again whose connection it is; of one that is closed already
// only that it is unknown.
func PeerOf(conn int) Peer {
	sa, err := unix.Getpeername(conn)
	if err != nil {
		return Peer{Suffix: "unknown"}
	}
	return peerOf(conn, sa)
}

func peerOf(conn int, remote unix.Sockaddr) Peer {
	p := Peer{Suffix: "unknown"}
	switch r := remote.(type) {
	case *unix.SockaddrInet4, *unix.SockaddrInet6:
		ap, _ := addrPort(remote)
		p.Addr, p.Port = ap.Addr().String(), strconv.Itoa(int(ap.Port()))
		p.Source = p.Addr
		local, err := unix.Getsockname(conn)
		if lp, ok := addrPort(local); err == nil && ok {
			p.Suffix = endpoint(lp) + "-" + endpoint(ap)
		}
	case *unix.SockaddrUnix:
		p.Addr, _ = sockdiag.UnixName(conn, true)
		// The credentials are those of the moment of connect(2).
		if c, err := unix.GetsockoptUcred(conn, unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil && c.Pid > 0 {
			p.Source = "uid:" + strconv.FormatUint(uint64(c.Uid), 10)
			p.Suffix = fmt.Sprintf("%d-%d", c.Pid, c.Uid)
		}
	case *unix.SockaddrVM:
		p.Addr, p.Port = "vsock:"+strconv.FormatUint(uint64(r.CID), 10), strconv.FormatUint(uint64(r.Port), 10)
		p.Source = "cid:" + strconv.FormatUint(uint64(r.CID), 10)
		local, err := unix.Getsockname(conn)
		if l, ok := local.(*unix.SockaddrVM); err == nil && ok {
			p.Suffix = fmt.Sprintf("%d:%d-%d:%d", l.CID, l.Port, r.CID, r.Port)
		}
	}
	return p
}

// endpoint is an address in an instance name: without the brackets of IPv6.
func endpoint(ap netip.AddrPort) string {
	return ap.Addr().String() + ":" + strconv.Itoa(int(ap.Port()))
}

// addrPort takes the zone off, and turns mapped addresses into IPv4.
func addrPort(sa unix.Sockaddr) (netip.AddrPort, bool) {
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)), true
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port)), true
	}
	return netip.AddrPort{}, false
}

// flushMax bounds one Flush: more than any backlog, so that a client that
// never stops cannot hold the manager.
const flushMax = 8192

// Flush throws away what waits in a socket: connections are reset, datagrams
// and bytes are read. It borrows fd, which must be non-blocking (Repair).
func Flush(fd int) error {
	if err := setNonblock(fd); err != nil {
		return err
	}
	typ, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err == nil && accepts(fd) {
		return flushConnections(fd)
	}
	var buf [1024]byte
	for range flushMax {
		switch {
		case err == nil && typ != unix.SOCK_STREAM:
			_, err = receive(fd, buf[:])
		case isQueue(fd):
			err = receiveMessage(fd)
		default:
			var n int
			if n, err = unix.Read(fd, buf[:]); n == 0 && err == nil {
				return nil
			}
		}
		if errors.Is(err, unix.EAGAIN) {
			return nil
		}
		if err != nil && !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.ECONNREFUSED) && !errors.Is(err, unix.ENOBUFS) {
			return fmt.Errorf("cannot flush: %w", err)
		}
		err = nil
	}
	return nil
}

// flushConnections resets each client at once, so that it does not wait for
// an answer.
func flushConnections(fd int) error {
	for range flushMax {
		conn, _, err := unix.Accept4(fd, openFlags)
		if errors.Is(err, unix.EAGAIN) {
			return nil
		}
		if errors.Is(err, unix.EINTR) || (err != nil && isOfConnection(err)) {
			continue
		}
		if err != nil {
			return fmt.Errorf("cannot flush: %w", err)
		}
		Reset(conn)
	}
	return nil
}

// Reset closes an accepted connection so that its client knows at once that
// nobody will answer. It takes conn.
func Reset(conn int) {
	// Unix sockets have no such option and need none.
	_ = unix.SetsockoptLinger(conn, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	unix.Close(conn)
}

func receive(fd int, buf []byte) (int, error) {
	n, _, errno := unix.Syscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)),
		unix.MSG_DONTWAIT|unix.MSG_TRUNC, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func connectRaw(fd int, sa *unix.RawSockaddr) error {
	if _, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(sa)), unsafe.Sizeof(*sa)); errno != 0 {
		return errno
	}
	return nil
}

func queueAttributes(fd int) (queueAttr, error) {
	var a queueAttr
	_, _, errno := unix.Syscall(unix.SYS_MQ_GETSETATTR, uintptr(fd), 0, uintptr(unsafe.Pointer(&a)))
	if errno != 0 {
		return a, errno
	}
	return a, nil
}

func isQueue(fd int) bool {
	_, err := queueAttributes(fd)
	return err == nil
}

func receiveMessage(fd int) error {
	a, err := queueAttributes(fd)
	if err != nil {
		return err
	}
	buf := make([]byte, max(a.messageSize, 1))
	_, _, errno := unix.Syscall6(unix.SYS_MQ_TIMEDRECEIVE, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
