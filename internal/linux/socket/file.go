// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// openFIFO opens for reading and writing: so it has always a writer, never
// reports end of file, and opening does not wait for a peer.
func (op *opening) openFIFO() (int, error) {
	path := op.line.Address
	if err := needPath(path); err != nil {
		return -1, err
	}
	if err := op.makeParents(path); err != nil {
		return -1, err
	}
	made := true
	if err := unix.Mkfifo(path, op.s.Mode&0o777); errors.Is(err, unix.EEXIST) {
		made = false
	} else if err != nil {
		return -1, err
	}
	if made {
		if err := op.own(path, unix.S_IFIFO); err != nil {
			return -1, err
		}
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		return -1, err
	}
	if err := op.checkFIFO(fd); err != nil {
		unix.Close(fd)
		return -1, err
	}
	if o := op.s.Options; o != nil && o.PipeSize != nil {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, int(*o.PipeSize)); err != nil {
			op.tolerate("PipeSize=", err)
		}
	}
	return fd, nil
}

// checkFIFO refuses a file of another kind, and a FIFO that belongs to
// somebody who is neither us nor who the unit names: he could read it.
func (op *opening) checkFIFO(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFIFO {
		return fixableError{fmt.Errorf("a %s is in the way", kindOfFile(st.Mode)), "remove it"}
	}
	if int(st.Uid) != unix.Geteuid() && st.Uid != 0 && int(st.Uid) != op.owner.UID {
		return fixableError{fmt.Errorf("the FIFO belongs to user %d", st.Uid), "remove it, or set SocketUser="}
	}
	if op.owner != NoOwner {
		if err := unix.Fchown(fd, op.owner.UID, op.owner.GID); err != nil {
			return fmt.Errorf("cannot give it to SocketUser= and SocketGroup=: %w", err)
		}
	}
	if st.Mode&0o7777 != op.s.Mode {
		if err := unix.Fchmod(fd, op.s.Mode); err != nil {
			return fmt.Errorf("SocketMode=: %w", err)
		}
	}
	return nil
}

// openSpecial opens a device node or a file of /proc or /sys.
func (op *opening) openSpecial() (int, error) {
	path := op.line.Address
	if err := needPath(path); err != nil {
		return -1, err
	}
	flags := unix.O_RDONLY
	if op.s.Writable {
		flags = unix.O_RDWR
	}
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		return -1, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return -1, err
	}
	if k := st.Mode & unix.S_IFMT; k != unix.S_IFCHR && k != unix.S_IFREG {
		unix.Close(fd)
		return -1, fixableError{fmt.Errorf("it is a %s", kindOfFile(st.Mode)), "ListenSpecial= takes device nodes and files of /proc and /sys"}
	}
	return fd, nil
}

func needPath(path string) error {
	if !strings.HasPrefix(path, "/") || strings.HasSuffix(path, "/") {
		return errors.New("an absolute path is expected")
	}
	return nil
}

// queueAttr is struct mq_attr of mq_open(2).
type queueAttr struct {
	flags, maxMessages, messageSize, current int64
	_                                        [4]int64
}

// openQueue opens a POSIX message queue. The system call wants its name
// without the slash.
func (op *opening) openQueue() (int, error) {
	name := op.line.Address
	if !strings.HasPrefix(name, "/") || strings.Contains(name[1:], "/") || len(name) < 2 {
		return -1, errors.New("the name of a message queue is \"/\" and a name without further slashes")
	}
	p, err := unix.BytePtrFromString(name[1:])
	if err != nil {
		return -1, err
	}
	var attr *queueAttr
	if o := op.s.Options; o != nil && (o.MQMaxMessages != nil || o.MQMessageSize != nil) {
		if o.MQMaxMessages == nil || o.MQMessageSize == nil {
			return -1, errors.New("MessageQueueMaxMessages= and MessageQueueMessageSize= need each other")
		}
		attr = &queueAttr{maxMessages: *o.MQMaxMessages, messageSize: *o.MQMessageSize}
	}
	r, _, errno := unix.Syscall6(unix.SYS_MQ_OPEN, uintptr(unsafe.Pointer(p)),
		unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_CREAT, uintptr(op.s.Mode&0o777), uintptr(unsafe.Pointer(attr)), 0, 0)
	if errno == unix.ENOSYS {
		return -1, errors.New("the kernel has no message queues (CONFIG_POSIX_MQUEUE)")
	}
	if errno != 0 {
		return -1, errno
	}
	fd := int(r)
	if op.owner != NoOwner {
		err = unix.Fchown(fd, op.owner.UID, op.owner.GID)
	}
	if err == nil {
		err = unix.Fchmod(fd, op.s.Mode)
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("cannot set the owner and mode: %w", err)
	}
	return fd, nil
}

// ownsQueue tells whether the queue of that name is the one behind fd: the
// name may have been removed and made anew.
func ownsQueue(fd int, name string) (bool, error) {
	p, err := unix.BytePtrFromString(strings.TrimPrefix(name, "/"))
	if err != nil {
		return false, err
	}
	r, _, errno := unix.Syscall6(unix.SYS_MQ_OPEN, uintptr(unsafe.Pointer(p)), unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0, 0, 0, 0)
	if errno != 0 {
		return false, errno
	}
	defer unix.Close(int(r))
	var named, held unix.Stat_t
	if unix.Fstat(int(r), &named) != nil || unix.Fstat(fd, &held) != nil {
		return false, nil
	}
	return named.Dev == held.Dev && named.Ino == held.Ino, nil
}

func unlinkQueue(name string) error {
	p, err := unix.BytePtrFromString(strings.TrimPrefix(name, "/"))
	if err != nil {
		return err
	}
	if _, _, errno := unix.Syscall(unix.SYS_MQ_UNLINK, uintptr(unsafe.Pointer(p)), 0, 0); errno != 0 {
		return errno
	}
	return nil
}
