// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"time"

	"golang.org/x/sys/unix"
)

const (
	// passAt is how many connections more than the least loaded loop one
	// has to have for it to pass the listeners on. Passing costs two
	// thread switches, so it should buy several connections.
	passAt = 8
	// acceptBatch is how many connections are accepted before what they say
	// is looked at.
	acceptBatch = 16
	// retryAccept is how long to leave the listeners alone when descriptors
	// or memory ran out and no session of ours may ever end.
	retryAccept = 100 * time.Millisecond
)

// woken is called when somebody kicked the loop: it is given a connection or the
// listeners, there is room again, a name was looked up, or the bridge stops.
func (l *loop) woken() {
	l.take()
	if l.b.stopping.Load() != running {
		l.drain()
		return
	}
	if l.token.Load() && !l.armed {
		l.arm()
	}
}

// watchDatagrams is done once: unlike connections they are not passed on, and
// have no limit.
func (l *loop) watchDatagrams() {
	for i, li := range l.listeners {
		if li.datagram {
			_ = sysWatch(l.ep, unix.EPOLL_CTL_ADD, li.fd, unix.EPOLLIN, tag{what: int32(i)<<tagBits | tagListen})
		}
	}
}

// arm has the listeners watched, unless there is no room.
func (l *loop) arm() {
	if l.full() {
		return
	}
	l.armed = true
	for i, li := range l.listeners {
		if li.datagram {
			continue
		}
		if errno := sysWatch(l.ep, unix.EPOLL_CTL_ADD, li.fd, unix.EPOLLIN, tag{what: int32(i)<<tagBits | tagListen}); errno != 0 {
			l.b.say("cannot watch " + li.text + ": " + errno.Error())
		}
	}
}

func (l *loop) disarm() {
	l.armed = false
	for _, li := range l.listeners {
		if !li.datagram {
			_ = sysWatch(l.ep, unix.EPOLL_CTL_DEL, li.fd, 0, tag{})
		}
	}
}

// full tells whether there are as many connections as may be. Then the loop
// is marked, and kicked when a connection ends.
func (l *loop) full() bool {
	if l.b.open.Load() < l.b.limit {
		return false
	}
	l.paused.Store(true)
	l.b.pausing.Add(1)
	if l.b.open.Load() < l.b.limit { // one ended before the mark was there
		l.unpause()
		return false
	}
	return true
}

// unpause takes the mark away; true for who did it.
func (l *loop) unpause() bool {
	if !l.paused.CompareAndSwap(true, false) {
		return false
	}
	l.b.pausing.Add(-1)
	return true
}

// accept takes what has come. There is a limit for one call, since those that
// were accepted should not wait for those that come after them.
func (l *loop) accept(li *listener) {
	l.look()
	for range acceptBatch {
		if l.full() {
			l.disarm()
			return
		}
		if l.passOn() {
			return
		}
		var from *sockaddr
		if l.b.wantsAddress {
			from = new(sockaddr)
		}
		fd, errno := sysAccept(li.fd, from)
		switch errno {
		case 0:
			if !l.strained || !l.give(fd, from) {
				l.begin(fd, from)
			}
		case unix.EAGAIN:
			return
		case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM:
			l.b.say("cannot accept for now: " + errno.Error())
			l.disarm()
			l.retry = l.now + int64(retryAccept)
			return
		case unix.EINVAL, unix.EBADF, unix.ENOTSOCK, unix.EOPNOTSUPP:
			l.b.say("cannot accept on " + li.text + " any more: " + errno.Error())
			l.disarm()
			l.b.Stop()
			return
		default:
			// An error of the connection, not of the listener (accept(2)).
		}
	}
}

// passOn gives the listeners to the least loaded loop where that has much
// less to do; it tells whether it did.
func (l *loop) passOn() bool {
	if l.b.cfg.Spread == SpreadReusePort || len(l.b.loops) == 1 {
		return false
	}
	mine := l.open.Load()
	if mine < passAt {
		return false
	}
	least := l.b.least(l)
	if mine-least.open.Load() < passAt {
		return false
	}
	l.disarm()
	l.token.Store(false)
	least.token.Store(true)
	l.b.start(least)
	least.kick()
	if l.b.stopping.Load() != running && least.token.CompareAndSwap(true, false) {
		// It may have ended just before.
		l.token.Store(true)
		l.drain()
	}
	return true
}

// least is the loop with the fewest connections, l if none has fewer than that.
func (b *Bridge) least(l *loop) *loop {
	for _, o := range b.loops {
		if o.open.Load() < l.open.Load() {
			l = o
		}
	}
	return l
}

// count keeps the numbers when a connection begins or ends, and lets those go
// on that wait for an end.
func (l *loop) count(n int32) {
	l.live += int(n)
	l.open.Add(n)
	all := l.b.open.Add(n)
	if n > 0 {
		return
	}
	if all == 0 {
		l.b.rested.Store(l.now)
		if l.number != 0 && (l.b.cfg.Idle > 0 || l.b.stopping.Load() != running) {
			l.b.loops[0].kick() // which counts the time from now, or ends last
		}
	}
	if l.b.pausing.Load() == 0 {
		return
	}
	for _, o := range l.b.loops {
		if o.unpause() {
			o.kick()
		}
	}
}

// drain takes the listeners away. What was waiting in our own is served
// still, and who comes later is refused; in those that were inherited both wait
// for whoever has them next.
func (l *loop) drain() {
	for _, li := range l.listeners {
		if li.datagram {
			_ = sysWatch(l.ep, unix.EPOLL_CTL_DEL, li.fd, 0, tag{})
		}
	}
	if !l.token.Load() {
		return
	}
	if l.armed {
		l.disarm()
	}
	for _, li := range l.listeners {
		for li.own && !li.datagram {
			if l.full() {
				return // until a connection ends
			}
			var from *sockaddr
			if l.b.wantsAddress {
				from = new(sockaddr)
			}
			fd, errno := sysAccept(li.fd, from)
			if errno == unix.ECONNABORTED || errno == unix.EINTR {
				continue
			}
			if errno != 0 {
				sysDeafen(li.fd)
				break
			}
			l.begin(fd, from)
		}
	}
	l.token.Store(false)
	if l.b.tokens.Add(-1) == 0 {
		close(l.b.Deaf)
	}
}
