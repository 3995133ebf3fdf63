// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/unit"
)

// dropAll is a socket filter that takes nothing.
var dropAll = []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0}}

// HoldNew keeps new connections out of a TCP listener until ReleaseNew: the
// first packets of clients are dropped, and clients send them again, after
// one second the first time. Connections that are queued or established stay.
// Unix listeners know nothing like it and are refused with the reason.
//
// Root does it by a socket filter. Newer kernels refuse one on a TCP socket
// to everybody else (seen on 6.18); there a TCP-MD5 key for all peers has the
// same effect, as no client signs with it.
func HoldNew(fd int) error {
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		return fmt.Errorf("cannot hold connections back: %w", err)
	}
	if domain != unix.AF_INET && domain != unix.AF_INET6 {
		return errors.New("cannot hold connections back: only TCP clients try again by themselves, so a connection may be lost while stopping")
	}
	prog := unix.SockFprog{Len: uint16(len(dropAll)), Filter: &dropAll[0]}
	err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &prog)
	if errors.Is(err, unix.EPERM) {
		err = setKey(fd, domain, "rouse")
	}
	if err != nil {
		return fmt.Errorf("cannot hold connections back, so that one may be lost while stopping: %w", err)
	}
	return nil
}

// ReleaseNew undoes HoldNew; without one before it does nothing.
func ReleaseNew(fd int) error { return release(fd, nil) }

// ReleaseSocket is ReleaseNew for a socket of a unit, whose clients may still
// be kept out by their addresses.
func ReleaseSocket(fd int, s *unit.Socket) error { return release(fd, lasting(fd, s)) }

func release(fd int, keep []unix.SockFilter) error {
	var err error
	if keep != nil {
		err = attach(fd, keep) // in the place of the other, without a moment in between
		if errors.Is(err, unix.EPERM) && &keep[0] == &noSYN[0] {
			err = nil // who is not root has Steer
		}
	} else if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0); errors.Is(err, unix.ENOENT) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("cannot let connections in again: %w", err)
	}
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err == nil && (domain == unix.AF_INET || domain == unix.AF_INET6) {
		// It fails where there is no key to take away, which is well.
		_ = setKey(fd, domain, "")
	}
	return err
}

// signature is struct tcp_md5sig of <linux/tcp.h>.
type signature struct {
	addr      [128]byte // struct sockaddr_storage
	flags     uint8
	prefix    uint8 // length of the network; 0 for all peers
	keyLength uint16
	ifindex   int32
	key       [80]byte
}

// setKey wants every peer to sign with the key; "" takes it away.
func setKey(fd, domain int, key string) error {
	const withPrefix = 1 // TCP_MD5SIG_FLAG_PREFIX
	s := signature{flags: withPrefix, keyLength: uint16(len(key))}
	copy(s.key[:], key)
	*(*uint16)(unsafe.Pointer(&s.addr)) = uint16(domain)
	first := setSignature(fd, &s)
	if domain == unix.AF_INET {
		return first
	}
	// IPv4 clients of a dual-stack listener come under mapped addresses.
	const address = 8 // offset in struct sockaddr_in6
	s.addr[address+10], s.addr[address+11] = 0xff, 0xff
	return errors.Join(first, setSignature(fd, &s))
}

func setSignature(fd int, s *signature) error {
	if _, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.IPPROTO_TCP, unix.TCP_MD5SIG_EXT,
		uintptr(unsafe.Pointer(s)), unsafe.Sizeof(*s), 0); errno != 0 {
		return errno
	}
	return nil
}
