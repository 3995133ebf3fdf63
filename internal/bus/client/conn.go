// SPDX-License-Identifier: Apache-2.0

// Package client talks to a manager over its private socket, for the command
// line: one connection, one goroutine, blocking. It is as small as it is so
// that a command that asks one question costs two system calls each way.
package client

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus/wire"
)

// callTime is how long a manager may take to answer.
const callTime = 90 * time.Second

// ErrGone says that the manager closed the connection.
var ErrGone = errors.New("manager closed the connection")

// Error is a refusal by the manager. Name is the D-Bus error name.
type Error struct{ Name, Msg string }

func (e *Error) Error() string { return e.Msg }

// Signal is a signal that came in. Its Args are read at once or never.
type Signal struct {
	Path, Interface, Member string
	Args                    *wire.Decoder
}

// Conn is a connection.
type Conn struct {
	path    string
	dest    string // the name that is called through a message bus, "" without one
	fd      int
	serial  uint32
	out     []byte // not written yet
	in      []byte // read and not looked at
	greeted bool   // authentication was answered
	fds     []int  // received and not claimed
	sendFDs []int  // borrowed, to go with the next call
	// onSignal gets each signal that arrives, whatever is waited for.
	onSignal func(*Signal)
	rules    []string
}

// The message bus itself, which the manager plays on its own socket.
const (
	driverName = "org.freedesktop.DBus"
	driverPath = "/org/freedesktop/DBus"
)

// handshake is all of authentication in one write, as sd-bus does it: the
// answers are read with the first reply.
const handshake = "\x00AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n"

// Dial connects to the socket at path.
func Dial(path string) (*Conn, error) {
	c := &Conn{path: path, fd: -1}
	return c, c.dial()
}

func (c *Conn) dial() error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("cannot make a socket: %w", err)
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: c.path}); err != nil {
		_ = unix.Close(fd)
		return fmt.Errorf("cannot connect to %s: %w", c.path, err)
	}
	c.fd, c.out, c.in, c.greeted = fd, append(c.out[:0], handshake...), nil, false
	c.hello()
	return nil
}

// Close ends the connection.
func (c *Conn) Close() {
	if c.fd >= 0 {
		_ = unix.Close(c.fd)
		c.fd = -1
	}
	for _, fd := range c.fds {
		_ = unix.Close(fd)
	}
	c.fds = nil
}

// OnSignal sets who gets the signals that match any of the rules. Without
// it the manager would send all signals, so every Conn that lives longer than
// one call should have rules.
func (c *Conn) OnSignal(fn func(*Signal), rules ...string) {
	c.onSignal, c.rules = fn, rules
	c.sendRules()
}

func (c *Conn) sendRules() {
	for _, r := range c.rules {
		var e wire.Encoder
		e.String(r)
		c.queue(&wire.Message{Type: wire.MethodCall, Flags: wire.NoReply, Path: driverPath, Interface: driverName, Destination: driverName, Member: "AddMatch", Signature: "s", Body: e.Data()})
	}
}

// queue appends a message to what the next write takes along.
func (c *Conn) queue(m *wire.Message) uint32 {
	c.serial++
	m.Serial = c.serial
	c.out = wire.Append(c.out, m)
	return m.Serial
}

func (c *Conn) flush() error { return c.flushWith(nil) }

// flushWith writes what is queued, and rights with its first byte.
func (c *Conn) flushWith(rights []byte) error {
	for len(c.out) > 0 {
		n, err := unix.SendmsgN(c.fd, c.out, rights, nil, unix.MSG_NOSIGNAL)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			c.out = nil // nobody will ever read it
		}
		if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EBADF) {
			return ErrGone
		}
		if err != nil {
			return fmt.Errorf("cannot write to the manager: %w", err)
		}
		c.out, rights = c.out[n:], nil
	}
	c.out = nil
	return nil
}

// Call calls a method and returns its results. args writes the arguments; it
// may be nil where sig is "".
func (c *Conn) Call(path, iface, member, sig string, args func(*wire.Encoder)) (*wire.Decoder, error) {
	return c.callUntil(time.Now().Add(callTime), path, iface, member, sig, args)
}

// callUntil is Call with another deadline; a zero one means to wait for ever.
func (c *Conn) callUntil(deadline time.Time, path, iface, member, sig string, args func(*wire.Encoder)) (*wire.Decoder, error) {
	var e wire.Encoder
	if args != nil {
		args(&e)
	}
	m := &wire.Message{Type: wire.MethodCall, Path: path, Interface: iface, Member: member, Signature: sig, Body: e.Data(), Destination: c.dest}
	var rights []byte
	if len(c.sendFDs) > 0 {
		// Descriptors go with the first byte of their message.
		if err := c.flush(); err != nil {
			return nil, err
		}
		m.NFDs, rights = uint32(len(c.sendFDs)), unix.UnixRights(c.sendFDs...)
	}
	serial := c.queue(m)
	if err := c.flushWith(rights); err != nil {
		return nil, err
	}
	for {
		m, err := c.next(deadline)
		if err != nil {
			return nil, err
		}
		if m.ReplySerial != serial || m.Type != wire.MethodReturn && m.Type != wire.Error {
			c.deliver(m)
			continue
		}
		if m.Type == wire.Error {
			e := &Error{Name: m.ErrorName, Msg: m.ErrorName}
			if len(m.Signature) > 0 && m.Signature[0] == 's' {
				e.Msg = m.Decoder().String()
			}
			return nil, e
		}
		return m.Decoder(), nil
	}
}

// TakeFD takes the first descriptor that came with the last reply.
func (c *Conn) TakeFD() (int, error) {
	if len(c.fds) == 0 {
		return -1, errors.New("manager sent no file descriptor")
	}
	fd := c.fds[0]
	c.fds = c.fds[1:]
	return fd, nil
}

// Wait delivers signals until stop returns true.
func (c *Conn) Wait(stop func() bool) error {
	if err := c.flush(); err != nil {
		return err
	}
	for !stop() {
		m, err := c.next(time.Time{})
		if err != nil {
			return err
		}
		c.deliver(m)
	}
	return nil
}

func (c *Conn) deliver(m *wire.Message) {
	if m.Type == wire.Signal && c.onSignal != nil {
		c.onSignal(&Signal{m.Path, m.Interface, m.Member, m.Decoder()})
	}
}

// next returns the next message; a zero deadline means to wait for ever.
func (c *Conn) next(deadline time.Time) (*wire.Message, error) {
	for {
		if !c.greeted {
			if err := c.greeting(); err != nil {
				return nil, err
			}
		}
		if c.greeted && len(c.in) >= wire.HeaderSize {
			size, err := wire.Size(c.in)
			if err != nil {
				return nil, fmt.Errorf("cannot understand the manager: %w", err)
			}
			if len(c.in) >= size {
				m, err := wire.Parse(c.in[:size:size])
				c.in = c.in[size:]
				if err != nil {
					return nil, fmt.Errorf("cannot understand the manager: %w", err)
				}
				return &m, nil
			}
		}
		if err := c.read(deadline); err != nil {
			return nil, err
		}
	}
}

// greeting takes the answers of authentication off the input, once all three
// are there. One who is refused gets as many lines.
func (c *Conn) greeting() error {
	const lines = 3
	if bytes.Count(c.in, []byte("\r\n")) < lines {
		return nil
	}
	for _, want := range [lines]string{"DATA", "OK ", "AGREE_UNIX_FD"} {
		line, rest, _ := bytes.Cut(c.in, []byte("\r\n"))
		if !bytes.HasPrefix(line, []byte(want)) {
			return fmt.Errorf("manager does not accept this user: %q", line)
		}
		c.in = rest
	}
	c.greeted = true
	return nil
}

func (c *Conn) read(deadline time.Time) error {
	if !deadline.IsZero() {
		left := time.Until(deadline)
		if left <= 0 {
			return fmt.Errorf("manager has not answered within %v", callTime)
		}
		pfd := []unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLIN}}
		n, err := unix.Poll(pfd, int(left/time.Millisecond)+1)
		if errors.Is(err, unix.EINTR) || err == nil && n == 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot wait for the manager: %w", err)
		}
	}
	buf, oob := make([]byte, 16<<10), make([]byte, unix.CmsgSpace(4*8))
	n, oobn, _, _, err := unix.Recvmsg(c.fd, buf, oob, unix.MSG_CMSG_CLOEXEC)
	switch {
	case errors.Is(err, unix.EINTR):
		return nil
	case errors.Is(err, unix.ECONNRESET) || err == nil && n == 0 || errors.Is(err, io.EOF):
		return ErrGone
	case err != nil:
		return fmt.Errorf("cannot read from the manager: %w", err)
	}
	c.in = append(c.in, buf[:n]...)
	if msgs, err := unix.ParseSocketControlMessage(oob[:oobn]); err == nil {
		for i := range msgs {
			if fds, err := unix.ParseUnixRights(&msgs[i]); err == nil {
				c.fds = append(c.fds, fds...)
			}
		}
	}
	return nil
}

// redial connects again after ErrGone. The socket is held by a process that
// outlives the manager, so that the new manager finds us in the queue.
func (c *Conn) redial(within time.Duration) error {
	c.Close()
	end := time.Now().Add(within)
	for {
		err := c.dial()
		if err == nil {
			c.sendRules()
			return nil
		}
		if time.Now().After(end) {
			return err
		}
		_, _ = unix.Poll(nil, 20)
	}
}

// Post calls a method and does not wait for its answer, which is dropped.
func (c *Conn) Post(path, iface, member, sig string, args func(*wire.Encoder)) error {
	var e wire.Encoder
	if args != nil {
		args(&e)
	}
	c.queue(&wire.Message{Type: wire.MethodCall, Path: path, Interface: iface, Member: member, Signature: sig, Body: e.Data(), Destination: c.dest})
	return c.flush()
}
