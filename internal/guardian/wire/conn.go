// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// Conn is the manager's end. It is for one goroutine.
//
// What a sending method was given is safe once it returned nil: it is in the
// kernel's queue, and the guardian empties that even when the manager is
// dead. Sending waits while the queue is full, which ends soon because the
// guardian never waits for the manager.
type Conn struct {
	fd  int
	rx  Receiver
	out []byte // a packet: Version, and what waits for Flush
}

// Open takes fd, one end of the pair, and makes it close-on-exec and
// non-blocking.
func Open(fd int) (*Conn, error) {
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, fmt.Errorf("cannot use descriptor %d as the guardian's socket: %w", fd, err)
	}
	return &Conn{fd: fd, out: append(make([]byte, 0, 512), Version)}, nil
}

// FD is the descriptor to watch for reading; it stays the Conn's.
func (c *Conn) FD() int { return c.fd }

// Close closes the connection.
func (c *Conn) Close() error { return unix.Close(c.fd) }

// Read gets the next message into m, without waiting; ok is false when there
// is none now. The error is io.EOF when the guardian is gone. m.FDs are the
// caller's.
func (c *Conn) Read(m *Msg) (ok bool, err error) {
	for {
		ok, err = c.rx.Next(m)
		if ok || err != nil {
			return ok, err
		}
		err = c.rx.Fill(c.fd)
		if errors.Is(err, unix.EAGAIN) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// Store puts fds, which it borrows, under key, in place of what was there.
func (c *Conn) Store(key string, fds ...int) error {
	if len(key) == 0 || len(key) > MaxKey {
		return fmt.Errorf("cannot store descriptors under %.300q: a key has 1 to %d bytes", key, MaxKey)
	}
	if len(fds) == 0 || len(fds) > MaxFDs {
		return fmt.Errorf("cannot store %d descriptors under %q: a key holds 1 to %d", len(fds), key, MaxFDs)
	}
	return c.send(&Msg{Kind: Store, Key: key, FDs: fds})
}

// Drop makes the guardian close what is under key.
func (c *Conn) Drop(key string) error { return c.send(&Msg{Kind: Drop, Key: key}) }

// Ack lets the guardian forget every exit up to and with seq.
func (c *Conn) Ack(seq uint64) error { return c.send(&Msg{Kind: Ack, Seq: seq}) }

// DropSoon is Drop with the next packet, or the next Flush at the latest.
func (c *Conn) DropSoon(key string) error { return c.later(&Msg{Kind: Drop, Key: key}) }

// AckSoon is Ack with the next packet, or the next Flush at the latest.
func (c *Conn) AckSoon(seq uint64) error { return c.later(&Msg{Kind: Ack, Seq: seq}) }

// TrapSoon asks to be told, by Stopped, when the child pid stops, with the next
// packet, or the next Flush at the latest. A new manager asks again for those
// that it waits for still.
func (c *Conn) TrapSoon(pid int) error { return c.later(&Msg{Kind: Trap, Pid: int32(pid)}) }

// Flush sends what waits.
func (c *Conn) Flush() error {
	if len(c.out) <= 1 {
		return nil
	}
	return c.transmit(nil)
}

// Ready says that the manager has recovered and works.
func (c *Conn) Ready() error { return c.send(&Msg{Kind: Ready}) }

// Base names the cgroup directory that is emptied and removed in the end.
func (c *Conn) Base(path string) error {
	if len(path) > MaxText {
		return fmt.Errorf("cannot use a cgroup path of %d bytes: at most %d", len(path), MaxText)
	}
	return c.send(&Msg{Kind: Base, Text: path})
}

// Bye says that everything is stopped. The manager exits after it.
func (c *Conn) Bye(end End) error { return c.send(&Msg{Kind: Bye, End: end}) }

// Reexec says that the snapshot is taken and that the next manager runs from
// the program fd (borrowed; negative for none) or else from path. The
// manager exits after it.
func (c *Conn) Reexec(u Upgrade, fd int, path string) error {
	if len(path) > MaxText {
		return fmt.Errorf("cannot run a program with a path of %d bytes: at most %d", len(path), MaxText)
	}
	m := Msg{Kind: Reexec, Text: path, Reexec: u}
	if fd >= 0 {
		m.FDs = []int{fd}
	}
	return c.send(&m)
}

// later adds m, which has no descriptors, to the packet to come.
func (c *Conn) later(m *Msg) error {
	if err := c.room(m); err != nil {
		return err
	}
	c.out = Append(c.out, m)
	return nil
}

// send sends m, after what waits.
func (c *Conn) send(m *Msg) error {
	if err := c.room(m); err != nil {
		return err
	}
	c.out = Append(c.out, m)
	return c.transmit(m.FDs)
}

// room sends what waits if m does not fit behind it.
func (c *Conn) room(m *Msg) error {
	if len(c.out)+Size(m) > MaxPacket {
		return c.Flush()
	}
	return nil
}

// transmit sends the packet; fds are those of its last message.
func (c *Conn) transmit(fds []int) error {
	defer func() { c.out = append(c.out[:0], Version) }()
	for {
		err := Send(c.fd, c.out, fds)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, unix.EAGAIN):
			err = wait(c.fd, -1)
		case errors.Is(err, unix.ETOOMANYREFS):
			// Too many descriptors of this user are in flight, here or in
			// another program's sockets; nothing tells when it is over.
			err = wait(-1, 1)
		case errors.Is(err, unix.EPIPE), errors.Is(err, unix.ECONNRESET):
			err = io.EOF
		}
		if err != nil {
			return fmt.Errorf("cannot tell the guardian: %w", err)
		}
	}
}

// wait waits until fd is writable, or for ms milliseconds.
func wait(fd, ms int) error {
	_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, ms)
	if errors.Is(err, unix.EINTR) {
		return nil
	}
	return err
}
