// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"errors"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/linux/sockdiag"
	"github.com/rouse-init/rouse/internal/linux/socket"
)

// listener is a socket that clients come to.
type listener struct {
	fd       int32
	text     string
	path     string // to be removed in the end; "" for none
	datagram bool
	own      bool // opened here, so nobody has its queue after us
	inet     bool // it is for TCP
	wild     bool // answers have to say from which address
	place    place
}

// backlog is what listen(2) gets; the kernel caps it at net.core.somaxconn.
const backlog = 1 << 16

// inherit takes a socket that was open before we were.
func inherit(fd int) (*listener, error) {
	bad := func(why, fix string) error {
		return diag.Diagnostic{Severity: diag.Error, Msg: fmt.Sprintf("cannot use descriptor %d: %s", fd, why), Fix: fix}
	}
	typ, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return nil, bad(err.Error(), "pass bound sockets (LISTEN_FDS)")
	}
	li := &listener{fd: int32(fd), datagram: typ == unix.SOCK_DGRAM}
	if listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); !li.datagram && (err != nil || listens == 0) {
		return nil, bad("it does not listen", "pass a listening socket: the bridge accepts connections itself (Accept=no)")
	}
	if typ != unix.SOCK_STREAM && typ != unix.SOCK_DGRAM {
		return nil, bad("it is neither a stream nor a datagram socket", "use ListenStream= or ListenDatagram=")
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, bad(err.Error(), "")
	}
	unix.CloseOnExec(fd)
	local := localAddr(li.fd)
	li.text = fmt.Sprintf("descriptor %d", fd)
	if ap := local.inet(); ap.IsValid() {
		li.text = ap.String()
	} else if name, ok := sockdiag.UnixName(fd, false); ok && name != "" {
		li.text = name
	}
	li.prepare(&local)
	return li, nil
}

// listen opens an address. With shared several sockets may have it.
func listen(text string, shared bool) (*listener, error) {
	a, err := parseAddress(text)
	if err != nil {
		return nil, err
	}
	if a.name != "" {
		return nil, badAddress(text, "names are not looked up for listening")
	}
	li := &listener{text: text, datagram: a.datagram, own: true}
	sa := a.addr()
	fd, errno := sysSocket(sa.family(), a.sockType())
	if errno == unix.EAFNOSUPPORT && a.portOnly {
		sa = inetAddr(netip.AddrPortFrom(netip.IPv4Unspecified(), a.port))
		fd, errno = sysSocket(sa.family(), a.sockType())
	}
	if errno != 0 {
		return nil, cannotListen(text, errno, "")
	}
	li.fd = fd
	if sa.family() != unix.AF_UNIX {
		if !a.datagram {
			_ = sysSetInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
		}
		if shared {
			_ = sysSetInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		}
		if a.portOnly && sa.family() == unix.AF_INET6 {
			_ = sysSetInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0)
		}
	}
	errno = sysBind(fd, &sa)
	if errno == unix.EADDRINUSE && a.path != "" && a.path[0] == '/' {
		err := socket.RemoveDead(a.path, a.sockType())
		switch {
		case err == nil: // left over by somebody who was killed
			errno = sysBind(fd, &sa)
		case err != unix.EADDRINUSE: //nolint:errorlint // that itself is somebody who listens
			sysClose(fd)
			return nil, diag.Diagnostic{Severity: diag.Error, Msg: fmt.Sprintf("cannot listen on %s: %v", text, err), Fix: socket.FixOf(err)}
		}
	}
	if errno == 0 && !a.datagram {
		if err := unix.Listen(int(fd), backlog); err != nil {
			errno = err.(unix.Errno) //nolint:errorlint,errcheck // it is what x/sys returns
		}
	}
	if errno != 0 {
		sysClose(fd)
		return nil, cannotListen(text, errno, sockdiag.WhoListens(sockdiag.Key{Addr: a.ip, Port: a.port, Path: a.path, Type: uint8(a.sockType())}))
	}
	if a.path != "" && a.path[0] == '/' {
		li.path = a.path
	}
	local := localAddr(fd)
	if ap := local.inet(); ap.IsValid() {
		li.text = ap.String()
	}
	li.prepare(&local)
	return li, nil
}

func cannotListen(text string, errno unix.Errno, who string) error {
	d := diag.Diagnostic{Severity: diag.Error, Msg: fmt.Sprintf("cannot listen on %s: %s", text, errno.Error())}
	switch {
	case errors.Is(errno, unix.EADDRINUSE):
		if d.Fix = "stop what listens there, or choose another address"; who != "" {
			d.Msg += ": " + who
		}
	case errors.Is(errno, unix.EACCES):
		d.Fix = "run as root, or choose a port above 1023 or another directory"
	case errors.Is(errno, unix.EADDRNOTAVAIL):
		d.Fix = "choose an address of this machine"
	}
	return d
}

// prepare sets what accepted connections inherit, which spares a system call
// for each of them.
func (li *listener) prepare(local *sockaddr) {
	li.findPlace(local)
	switch family := local.family(); {
	case family == unix.AF_UNIX:
	case !li.datagram:
		li.inet = true
		_ = sysSetInt(li.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	case local.inet().Addr().IsUnspecified():
		li.wild = true
		_ = sysSetInt(li.fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
		if family == unix.AF_INET6 {
			_ = sysSetInt(li.fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
		}
	}
}

// close lets go of the socket, and of its place in the file system if it is
// still ours.
func (li *listener) close() {
	if li.path != "" && sockdiag.OwnsNode(int(li.fd), li.path) {
		_ = unix.Unlink(li.path)
	}
	sysClose(li.fd)
}

func localAddr(fd int32) sockaddr {
	s := sockaddr{size: uint32(unsafe.Sizeof(unix.RawSockaddrAny{}))}
	_, _, _ = unix.RawSyscall(unix.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&s.raw)), uintptr(unsafe.Pointer(&s.size)))
	return s
}
