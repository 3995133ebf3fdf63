// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Receiver is the socket behind NOTIFY_SOCKET. It is for one goroutine.
type Receiver struct {
	fd  int
	buf []byte
	oob []byte
}

// Options of a Receiver.
type Options struct {
	// PidFD asks for Message.PidFD, where the kernel has it (Linux 6.5).
	PidFD bool
}

// controlSize has room for credentials, a pidfd and MaxFDs descriptors; the
// kernel allows 253 in one datagram.
const controlSize = 2048

// Open binds the socket to a path ("@name" for an abstract one). An old node
// at the path is replaced. Anybody may write to it: who may say what is
// decided by the sender's credentials.
func Open(path string, o Options) (*Receiver, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open the notification socket: %w", err)
	}
	if path[0] == '/' {
		if err := unix.Unlink(path); err != nil && !errors.Is(err, unix.ENOENT) {
			unix.Close(fd)
			return nil, fmt.Errorf("cannot replace the notification socket %s: %w", path, err)
		}
	}
	if err := bind(fd, path, o); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("cannot open the notification socket %s: %w", path, err)
	}
	return From(fd), nil
}

func bind(fd int, path string, o Options) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil {
		return err
	}
	if o.PidFD {
		// Older kernels have none; the pid is there all the same.
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSPIDFD, 1)
	}
	// A burst of services must not wait for the manager; what an
	// unprivileged one may not have, it does without.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return err
	}
	if path[0] == '@' {
		return nil
	}
	return unix.Chmod(path, 0o777)
}

// From takes over a bound socket, such as one that was stored.
func From(fd int) *Receiver {
	return &Receiver{fd: fd, buf: make([]byte, MaxSize+1), oob: make([]byte, controlSize)}
}

// FD is to be watched for reading, and to be stored.
func (r *Receiver) FD() int { return r.fd }

// Close closes the socket; its node stays.
func (r *Receiver) Close() { unix.Close(r.fd) }

// Read takes one datagram; ok is false when there is none. What cannot be
// used (no credentials, too long) is dropped: the error says why, and
// reading may go on.
func (r *Receiver) Read() (m Message, ok bool, err error) {
	var n, oobn, flags int
	for {
		n, oobn, flags, _, err = unix.Recvmsg(r.fd, r.buf, r.oob, unix.MSG_CMSG_CLOEXEC|unix.MSG_DONTWAIT|unix.MSG_TRUNC)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if errors.Is(err, unix.EAGAIN) {
		return m, false, nil
	}
	if err != nil {
		return m, false, fmt.Errorf("cannot read a notification: %w", err)
	}
	m = empty()
	m.control(r.oob[:oobn])
	switch {
	case m.Pid == 0:
		err = errors.New("cannot use a notification: its sender is not known")
	case n > MaxSize || flags&unix.MSG_TRUNC != 0:
		err = fmt.Errorf("cannot use a notification of process %d: it is longer than %d bytes", m.Pid, MaxSize)
	default:
		err = m.parse(r.buf[:n])
	}
	if err != nil {
		m.close()
		return Message{}, false, err
	}
	return m, true, nil
}

func empty() Message {
	return Message{PidFD: -1, Barrier: -1, ExitStatus: -1, NotifyAccess: -1, FDPoll: true}
}

// control takes credentials and descriptors out of the ancillary data. All
// descriptors that have arrived are either kept or closed.
func (m *Message) control(oob []byte) {
	for len(oob) >= unix.SizeofCmsghdr {
		h, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return
		}
		oob = rest
		if h.Level != unix.SOL_SOCKET {
			continue
		}
		switch h.Type {
		case unix.SCM_CREDENTIALS:
			if len(data) >= unix.SizeofUcred {
				m.Pid = int32(binary.NativeEndian.Uint32(data))
				m.UID = int32(binary.NativeEndian.Uint32(data[4:]))
				m.GID = int32(binary.NativeEndian.Uint32(data[8:]))
			}
		case unix.SCM_PIDFD:
			if len(data) >= 4 {
				m.PidFD = int(int32(binary.NativeEndian.Uint32(data)))
			}
		case unix.SCM_RIGHTS:
			for ; len(data) >= 4; data = data[4:] {
				fd := int(int32(binary.NativeEndian.Uint32(data)))
				if len(m.FDs) == MaxFDs {
					unix.Close(fd)
					continue
				}
				m.FDs = append(m.FDs, fd)
			}
		}
	}
}

func (m *Message) close() {
	for _, fd := range m.FDs {
		unix.Close(fd)
	}
	for _, fd := range []int{m.PidFD, m.Barrier} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	m.FDs, m.PidFD, m.Barrier = nil, -1, -1
}
