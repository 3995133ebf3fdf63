// SPDX-License-Identifier: Apache-2.0

package bridge

import "golang.org/x/sys/unix"

const (
	// copySize is read at once. What fills it is a stream, and spliced from
	// then on; what is spliced and smaller is copied again. Up to about this
	// size a copy costs less than a splice (BenchmarkMove).
	copySize = 32 << 10
	// spliceSize is more than a socket or a pipe holds.
	spliceSize = 1 << 20
	// pumpBudget is how many rounds one direction may have before others
	// have theirs.
	pumpBudget = 4
	// lastWords is how many reads are made of somebody who takes no more.
	lastWords = 64
)

// pump moves what one end says to the other until there is no more or no
// room. It may close the session; the caller must not use it afterwards.
func (l *loop) pump(s *session, from int) {
	e, o := &s.ends[from], &s.ends[1-from]
	s.moved = l.now
	if l.b.cfg.IdleBytes {
		l.lastMove.Store(l.now)
	}
	for range pumpBudget {
		if e.pending() && !l.flush(s, from) {
			return
		}
		if e.eof {
			if !o.ended {
				l.passEnd(s, from)
			}
			return
		}
		var more bool
		if e.bulk {
			more = l.splice(s, from)
		} else {
			more = l.copy(s, from)
		}
		if !more {
			return
		}
	}
	if !e.again {
		e.again = true
		l.again = append(l.again, s.tag(from))
	}
}

// copy moves one piece by memory; false ends the pumping.
func (l *loop) copy(s *session, from int) bool {
	e, o := &s.ends[from], &s.ends[1-from]
	n, errno := sysRead(e.fd, l.buf)
	switch {
	case n > 0:
	case n == 0:
		e.eof = true
		return true
	case errno == unix.EINTR:
		return true
	case errno == unix.EAGAIN:
		return false
	default:
		l.reset(s)
		return false
	}
	e.bulk = n == len(l.buf) && !e.plain
	// Where an end was announced, what comes behind this is looked at before
	// this is sent: the last bytes and the end can have one packet.
	flags, broken := 0, false
	if e.gone && n < len(l.buf) {
		k, errno := sysRead(e.fd, l.buf[n:])
		if k == 0 {
			flags = unix.MSG_MORE // until passEnd
		}
		broken = k < 0 && errno != unix.EAGAIN && errno != unix.EINTR
		n += max(k, 0)
	}
	m, errno := sysSendFlags(o.fd, l.buf[:n], flags)
	switch {
	case m < 0 && errno != unix.EAGAIN && errno != unix.EINTR:
		l.unwanted(s, from)
		return false
	case broken:
		l.reset(s)
		return false
	case m < n:
		e.held = &held{data: append([]byte(nil), l.buf[max(m, 0):n]...)}
		return l.wantRoom(s, 1-from)
	}
	l.spoke, e.eof = true, flags != 0
	// A short read has emptied the socket, and what comes later is a new
	// event (epoll(7)), but not an end that was announced before.
	return n == len(l.buf) || e.gone
}

// splice moves one pipe full; false ends the pumping.
func (l *loop) splice(s *session, from int) bool {
	e := &s.ends[from]
	if e.pipe = l.pipes.get(); e.pipe == (pipe{}) {
		e.bulk = false // until the next full read
		return true
	}
	n, errno := sysSplice(e.fd, e.pipe.w, spliceSize)
	if n <= 0 {
		l.pipes.put(e.pipe)
		e.pipe = pipe{}
	}
	switch {
	case n > 0:
	case n == 0:
		e.eof = true
		return true
	case errno == unix.EINTR:
		return true
	case errno == unix.EAGAIN:
		return false
	case errno == unix.EINVAL:
		e.bulk, e.plain = false, true
		return true
	default:
		l.reset(s)
		return false
	}
	e.piped = int32(n)
	e.bulk = n >= copySize
	return l.flush(s, from)
}

// flush writes what is on its way; true if all of it was written.
func (l *loop) flush(s *session, from int) bool {
	e, o := &s.ends[from], &s.ends[1-from]
	for e.pending() {
		var n int
		var errno unix.Errno
		if e.held != nil {
			n, errno = sysSend(o.fd, e.held.data[e.held.done:])
		} else {
			n, errno = sysSplice(e.pipe.r, o.fd, int(e.piped))
		}
		switch {
		case n > 0 && e.held != nil:
			if e.held.done += n; e.held.done == len(e.held.data) {
				e.held = nil
			}
		case n > 0:
			if e.piped -= int32(n); e.piped == 0 {
				l.pipes.put(e.pipe)
				e.pipe = pipe{}
			}
		case errno == unix.EINTR:
		case errno == unix.EAGAIN:
			return l.wantRoom(s, 1-from)
		case errno == unix.EINVAL && e.held == nil && l.unpipe(e):
		default:
			l.unwanted(s, from)
			return false
		}
	}
	return true
}

// unpipe brings into memory what is in the pipe: the other end turned out to
// be none that can be spliced to.
func (l *loop) unpipe(e *end) bool {
	data := make([]byte, e.piped)
	for got := 0; got < len(data); {
		n, errno := sysRead(e.pipe.r, data[got:])
		if n <= 0 && errno != unix.EINTR {
			return false
		}
		got += max(n, 0)
	}
	l.pipes.put(e.pipe)
	e.pipe, e.piped, e.held, e.bulk, e.plain = pipe{}, 0, &held{data: data}, false, true
	return true
}

// wantRoom has an end watched for room to write, from its first shortage on:
// most never have one. It tells whether to go on at once, which is never.
func (l *loop) wantRoom(s *session, side int) bool {
	e := &s.ends[side]
	if !e.out {
		e.out = true
		_ = sysWatch(l.ep, unix.EPOLL_CTL_MOD, e.fd, watchOpen|unix.EPOLLOUT, s.tag(side))
	}
	return false
}

// passEnd tells the other end that this one says no more, and ends the
// session when both have said all.
func (l *loop) passEnd(s *session, from int) {
	e, o := &s.ends[from], &s.ends[1-from]
	if e.eof && o.eof && !o.pending() {
		l.close(s)
		return
	}
	o.ended = true
	sysShutdown(o.fd)
}

// unwanted: the other end takes no more. What it said before it went (an
// answer to half a question) still gets through; then both are reset.
func (l *loop) unwanted(s *session, from int) {
	e, o := &s.ends[from], &s.ends[1-from]
	for range lastWords {
		if o.pending() || o.eof {
			break
		}
		n, _ := sysRead(o.fd, l.buf)
		if n <= 0 {
			break
		}
		if m, _ := sysSend(e.fd, l.buf[:n]); m < n {
			break
		}
	}
	l.reset(s)
}
