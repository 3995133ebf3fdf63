// SPDX-License-Identifier: Apache-2.0

package uevent

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// The multicast groups of NETLINK_KOBJECT_UEVENT.
const (
	GroupKernel = 1
	GroupUdev   = 2
)

// receiveBuffer is for bursts: at boot thousands of devices come at once.
const receiveBuffer = 8 << 20

// maxMessage is more than the kernel (2 KiB) and udevd (8 KiB) ever send.
const maxMessage = 32 << 10

// ErrLost says that the kernel dropped messages, because nobody read for long.
var ErrLost = errors.New("messages about devices were lost")

// Open makes a socket that hears both groups of its network namespace.
func Open() (int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return -1, fmt.Errorf("cannot listen for devices: %w", err)
	}
	// Beyond the limit only root may go; others get what they get.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
	}
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: GroupKernel | GroupUdev})
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("cannot listen for devices: %w", err)
	}
	return fd, nil
}

// Reader reads messages, with one buffer for all.
type Reader struct {
	buf [maxMessage]byte
	oob [256]byte
}

// Next reads one message from fd. It fails with unix.EAGAIN when there is none,
// with ErrLost when some were dropped (later ones can be read), and otherwise
// with the reason why this one is not to be trusted or read.
func (r *Reader) Next(fd int) (Event, error) {
	n, oobn, flags, from, err := unix.Recvmsg(fd, r.buf[:], r.oob[:], unix.MSG_CMSG_CLOEXEC)
	switch {
	case errors.Is(err, unix.ENOBUFS):
		return Event{}, ErrLost
	case errors.Is(err, unix.EINTR):
		return Event{}, unix.EAGAIN
	case err != nil:
		return Event{}, err
	case flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0:
		return Event{}, fmt.Errorf("expected at most %d bytes", maxMessage)
	}
	if err := genuine(from, r.oob[:oobn]); err != nil {
		return Event{}, err
	}
	e, err := Parse(r.buf[:n])
	if err != nil {
		return Event{}, err
	}
	if addr, ok := from.(*unix.SockaddrNetlink); ok && e.Udev != (addr.Groups == GroupUdev) {
		return Event{}, errors.New("expected the kernel's format from the kernel and udevd's from udevd")
	}
	return e, nil
}

// genuine tells who may be believed: the kernel, whose port and process are 0,
// and on udevd's group whoever is root. Without the check of the port any
// process could send to this one alone, and claim devices.
func genuine(from unix.Sockaddr, oob []byte) error {
	addr, ok := from.(*unix.SockaddrNetlink)
	if !ok {
		return errors.New("expected a netlink address")
	}
	cred, err := credentials(oob)
	if err != nil {
		return err
	}
	switch {
	case addr.Groups == GroupKernel && addr.Pid == 0 && cred.Pid == 0:
		return nil
	case addr.Groups == GroupUdev && addr.Pid != 0 && cred.Uid == 0:
		return nil
	}
	return fmt.Errorf("expected a message of the kernel or udevd, found one of process %d (user %d) to group %d", cred.Pid, cred.Uid, addr.Groups)
}

func credentials(oob []byte) (*unix.Ucred, error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	for i := range messages {
		if cred, err := unix.ParseUnixCredentials(&messages[i]); err == nil {
			return cred, nil
		}
	}
	return nil, errors.New("expected credentials of the sender")
}
