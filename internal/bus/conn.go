// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/linux/poll"
)

// conn is one client.
type conn struct {
	srv      *Server
	fd       int // -1 after close
	uid      uint32
	pid      int32
	trusted  bool
	auth     auth
	deadline time.Duration // of authentication

	name   string  // unique name, "" where the client never said Hello
	rules  []match // of AddMatch
	topics []topic // of Call.Subscribe
	// speaks is the part that its first call was for, answering that of the
	// call which is being answered.
	speaks, answering *Part
	// gone is called for each call that is not answered when the client goes.
	gone map[*Call]func()
	// strict clients get only signals that match a rule: those that have
	// said Hello or given one.
	strict bool
	// via is where a Remote is reached, which has no fd.
	via   Outlet
	calls int // not answered yet
	// busy while one of its calls runs: answers do not start the next.
	busy bool

	in      []byte // the incomplete message, or calls that wait for room in out
	inFDs   []int
	out     []chunk
	outSize int
	queued  bool // is in Server.dirty
	events  uint32
}

// chunk is data to write. Descriptors go with its first byte.
type chunk struct {
	data []byte
	fds  []int
}

// close ends the connection. Calls that are still to be answered notice it
// when they answer.
func (c *conn) close() {
	if c.fd < 0 {
		return
	}
	c.srv.cfg.Loop.Remove(c.fd)
	_ = unix.Close(c.fd)
	c.fd = -1
	closeAll(c.inFDs)
	for _, o := range c.out {
		closeAll(o.fds)
	}
	c.in, c.inFDs, c.out = nil, nil, nil
	c.srv.forget(c)
	c.left()
}

func closeAll(fds []int) {
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
}

// ready is called by the loop.
func (c *conn) ready(events uint32) {
	if events&poll.Out != 0 {
		c.write()
		if c.fd >= 0 && len(c.in) > 0 {
			c.process()
		}
	}
	if c.fd >= 0 && events&(poll.In|poll.Hup|poll.Err) != 0 {
		if c.open() {
			c.read()
		} else if events&(poll.Hup|poll.Err) != 0 {
			c.close()
		}
	}
	c.write()
}

// open tells whether more calls are taken from the client.
func (c *conn) open() bool { return c.outSize < pauseQueue && c.calls < maxCalls }

// read takes what is there, at most one buffer of it.
func (c *conn) read() {
	buf := c.srv.scratch()
	var oob [256 + 64]byte // unix.CmsgSpace(4*MaxFDs) and credentials
	n, oobn, flags, _, err := unix.Recvmsg(c.fd, buf, oob[:], unix.MSG_CMSG_CLOEXEC|unix.MSG_DONTWAIT)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return
	}
	if oobn > 0 {
		c.takeFDs(oob[:oobn])
	}
	if err != nil || n == 0 || flags&unix.MSG_CTRUNC != 0 || len(c.inFDs) > wire.MaxFDs {
		c.close()
		return
	}
	if len(c.in) > 0 {
		c.in = append(c.in, buf[:n]...)
		c.process()
		return
	}
	// The common case needs no copy: c.in is part of the shared buffer for
	// as long as it is looked at.
	c.in = buf[:n:n]
	c.process()
	if c.fd >= 0 && len(c.in) > 0 {
		c.in = append([]byte(nil), c.in...)
	}
}

func (c *conn) takeFDs(oob []byte) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return
	}
	for i := range msgs {
		if fds, err := unix.ParseUnixRights(&msgs[i]); err == nil {
			c.inFDs = append(c.inFDs, fds...)
		}
	}
}

// process works through c.in, as long as the client reads its replies.
func (c *conn) process() {
	if !c.auth.done {
		reply, used, err := c.auth.feed(c.in, c.srv.guid)
		if len(reply) > 0 {
			c.queue(chunk{data: reply})
		}
		if err != nil {
			c.close()
			return
		}
		c.in = c.in[used:]
		if !c.auth.done {
			return
		}
		c.srv.waiting--
		c.srv.interestChanged()
	}
	for c.fd >= 0 && c.open() {
		if len(c.in) < wire.HeaderSize {
			break
		}
		size, err := wire.Size(c.in)
		if err != nil {
			c.close()
			return
		}
		if len(c.in) < size {
			break
		}
		m, err := wire.Parse(c.in[:size])
		if err == nil && m.Signature != "" {
			err = wire.CheckBody(&m)
		}
		if err != nil || int(m.NFDs) > len(c.inFDs) {
			c.close()
			return
		}
		fds := c.inFDs[:m.NFDs:m.NFDs]
		c.inFDs = c.inFDs[m.NFDs:]
		c.in = c.in[size:]
		c.dispatch(&m, fds)
	}
	if len(c.in) == 0 {
		c.in = nil
	}
}

// send queues a message; fds are taken.
func (c *conn) send(m *wire.Message, fds []int) {
	if c.via != nil {
		c.sendVia(m, fds)
		return
	}
	if c.fd < 0 {
		closeAll(fds)
		return
	}
	m.Serial = c.srv.nextSerial()
	m.NFDs = uint32(len(fds))
	m.Destination = c.name
	if c.name != "" && m.Sender == "" {
		m.Sender = c.srv.nameFor(c.sender(m))
	}
	c.srv.msg = wire.Append(c.srv.msg[:0], m)
	m.Sender = ""
	c.queue(chunk{data: c.srv.msg, fds: fds})
}

// queue copies what is to be written behind what waits already.
func (c *conn) queue(o chunk) {
	if n := len(c.out); n > 0 && len(o.fds) == 0 && len(c.out[n-1].data) < keepBuffer {
		c.out[n-1].data = append(c.out[n-1].data, o.data...)
	} else {
		c.out = append(c.out, chunk{append([]byte(nil), o.data...), o.fds})
	}
	if c.outSize += len(o.data); c.outSize > dropQueue {
		c.close()
		return
	}
	c.markDirty()
}

// markDirty has Flush write, and watch for what may come next.
func (c *conn) markDirty() {
	if c.fd >= 0 && !c.queued {
		c.queued = true
		c.srv.dirty = append(c.srv.dirty, c)
	}
}

// write writes what the socket takes and watches for room if that is not all.
func (c *conn) write() {
	for c.fd >= 0 && len(c.out) > 0 {
		o := &c.out[0]
		var rights []byte
		if len(o.fds) > 0 {
			rights = unix.UnixRights(o.fds...)
		}
		n, err := unix.SendmsgN(c.fd, o.data, rights, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		if err != nil {
			c.close()
			return
		}
		closeAll(o.fds)
		o.fds, o.data = nil, o.data[n:]
		c.outSize -= n
		if len(o.data) == 0 {
			c.out = c.out[1:]
		}
	}
	if c.fd < 0 {
		return
	}
	var events uint32
	if c.open() {
		events = poll.In
	}
	if len(c.out) > 0 {
		events |= poll.Out
	} else {
		c.out = nil
	}
	if events != c.events && c.srv.cfg.Loop.Modify(c.fd, events) != nil {
		c.close()
		return
	}
	c.events = events
}
