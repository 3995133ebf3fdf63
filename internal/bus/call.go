// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus/wire"
)

// Call is one method call. It is answered exactly once, by Return, ReturnFDs
// or Fail, at any time; when its client is gone the answer is dropped.
type Call struct {
	conn   *conn
	serial uint32
	quiet  bool // the client wants no reply
	out    string
	done   bool
	part   *Part // where the object is, nil for the driver
	// running is the method that was found, for what goes wrong in it.
	running string

	// Args are the arguments, checked against the method's signature. They
	// must be read before the method returns.
	Args *wire.Decoder
	// FDs are the descriptors that came with it. They are closed when the
	// method returns.
	FDs    []int
	Path   string
	Member string
}

// UID is the user of the client.
func (c *Call) UID() uint32 { return c.conn.uid }

// PID is the process that connected.
func (c *Call) PID() int32 { return c.conn.pid }

// Trusted tells whether the client may do everything.
func (c *Call) Trusted() bool { return c.conn.trusted }

// Body is where the values of the answer are written, before Return. It is
// shared by all calls: nothing may come between.
func (c *Call) Body() *wire.Encoder {
	c.conn.srv.enc.Reset()
	return &c.conn.srv.enc
}

// Return sends what was written to Body. Without results, Return alone does.
func (c *Call) Return() { c.answer(wire.Message{Type: wire.MethodReturn, Signature: c.out}, nil) }

// ReturnFDs is Return with descriptors, which it takes.
func (c *Call) ReturnFDs(fds ...int) {
	if !c.conn.auth.fds {
		closeAll(fds)
		c.Fail("org.freedesktop.DBus.Error.NotSupported", "connection cannot pass file descriptors")
		return
	}
	c.answer(wire.Message{Type: wire.MethodReturn, Signature: c.out}, fds)
}

// Fail answers with an error.
func (c *Call) Fail(name, format string, args ...any) {
	c.Body().String(fmt.Sprintf(format, args...))
	c.answer(wire.Message{Type: wire.Error, ErrorName: name, Signature: "s"}, nil)
}

func (c *Call) answer(m wire.Message, fds []int) {
	if c.done {
		closeAll(fds)
		return
	}
	c.done = true
	c.conn.calls--
	delete(c.conn.gone, c)
	if c.quiet {
		closeAll(fds)
		return
	}
	if m.Signature != "" {
		m.Body = c.conn.srv.enc.Data()
	}
	m.Flags = wire.NoReply
	m.ReplySerial = c.serial
	if len(m.Body) > wire.MaxMessage-1024 {
		closeAll(fds)
		c.conn.srv.enc.Reset()
		c.conn.srv.enc.String("reply is too large; ask for less")
		m = wire.Message{Type: wire.Error, ErrorName: ErrLimits, Signature: "s", ReplySerial: c.serial, Body: c.conn.srv.enc.Data()}
		fds = nil
	}
	c.conn.answering = c.part
	c.conn.send(&m, fds)
	c.conn.srv.trim()
	c.conn.resumeCalls()
}

// resumeCalls goes on with calls that waited for this answer.
func (c *conn) resumeCalls() {
	if c.fd >= 0 && c.calls == maxCalls-1 && !c.busy {
		c.process()
		c.markDirty()
	}
}

// DupFD gives a descriptor of the call to the caller.
func (c *Call) DupFD(index uint32) (int, error) {
	if int(index) >= len(c.FDs) {
		return -1, fmt.Errorf("message has no descriptor %d", index)
	}
	fd, err := unix.FcntlInt(uintptr(c.FDs[index]), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return -1, fmt.Errorf("cannot take descriptor %d: %w", index, err)
	}
	return fd, nil
}
