// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"golang.org/x/sys/unix"
)

// begin makes a session of a connection that this loop has accepted.
func (l *loop) begin(fd int32, from *sockaddr) {
	l.open.Add(1)
	l.b.open.Add(1)
	l.serve(fd, from)
}

// serve makes a session of an accepted connection, which it takes, and which is
// counted as open.
func (l *loop) serve(fd int32, from *sockaddr) {
	s := l.sessions.get()
	s.ends[client].fd, s.start = fd, l.now
	l.live++
	if from != nil {
		s.about = &about{from: *from, to: localAddr(fd)}
	}
	if l.b.cfg.AcceptProxy {
		s.state = greeting
		l.enqueue(s, queueStarting)
		_ = sysWatch(l.ep, unix.EPOLL_CTL_ADD, fd, watchOpen, s.tag(client))
		s.watched = true
		return
	}
	l.find(s)
}

// find dials the best backend that there is, or lets the client wait.
func (l *loop) find(s *session) {
	for {
		i := l.choose()
		if i < 0 {
			l.await(s)
			return
		}
		if l.dial(s, i) {
			return
		}
	}
}

// choose is the backend with the least connections among those that are
// ready, or may be by now; -1 for none.
func (l *loop) choose() int {
	best, least := -1, int32(0)
	for k := range l.b.backends {
		i := (k + int(l.turn)) % len(l.b.backends)
		g := &l.gates[i]
		if g.down && (g.next > l.now || g.probing) {
			continue
		}
		n := l.b.backends[i].open.Load()
		if g.down {
			n += 1 << 30 // only to find out, and after the others
		}
		if best < 0 || n < least {
			best, least = i, n
		}
	}
	l.turn++
	return best
}

// await has the client wait for a backend. What it says stays in the kernel;
// only that it leaves is watched for.
func (l *loop) await(s *session) {
	s.state = waiting
	if s.queue != queueStarting {
		l.enqueue(s, queueStarting)
		// What it has waited already counts, as far as the order allows.
		s.since = s.start
		if s.prev >= 0 {
			s.since = max(s.since, l.sessions.at(s.prev).since)
		}
	}
	l.waiting++
	l.pageDue(s)
	if s.peeking {
		l.watchClient(s, watchOpen)
	} else {
		l.watchClient(s, unix.EPOLLET)
	}
}

func (l *loop) watchClient(s *session, events uint32) {
	op := unix.EPOLL_CTL_MOD
	if !s.watched {
		op, s.watched = unix.EPOLL_CTL_ADD, true
	}
	if errno := sysWatch(l.ep, op, s.ends[client].fd, events, s.tag(client)); errno != 0 {
		l.b.say("cannot watch a connection: " + errno.Error())
	}
}

// leave takes a session out of the waiting ones.
func (l *loop) leave(s *session) {
	if s.state == waiting {
		l.waiting--
	}
}

// dial connects to backend i, trying its addresses one after the other; false
// if it refused, and is down from now on.
func (l *loop) dial(s *session, i int) bool {
	be, g := l.b.backends[i], &l.gates[i]
	addrs := be.addrs()
	for range max(len(addrs), 1) {
		if len(addrs) == 0 {
			break
		}
		a := &addrs[g.which%len(addrs)]
		fd, errno := l.connect(s, be, a)
		if errno == 0 || errno == unix.EINPROGRESS {
			l.leave(s)
			be.open.Add(1)
			s.ends[server].fd, s.backend = fd, int16(i)
			if errno == 0 {
				l.opened(s)
				return true
			}
			s.state = dialing
			l.enqueue(s, queueDialing)
			g.probing = g.down
			_ = sysWatch(l.ep, unix.EPOLL_CTL_ADD, fd, watchOpen|unix.EPOLLOUT, s.tag(server))
			s.ends[server].out = true
			if !s.watched {
				l.watchClient(s, unix.EPOLLET)
			}
			return true
		}
		g.why = errno
		g.which++
	}
	l.failed(i)
	return false
}

// connect begins one attempt. On loopback the three packets are exchanged
// within the call, so asking again at once saves a wake-up.
func (l *loop) connect(s *session, be *backend, a *sockaddr) (int32, unix.Errno) {
	if l.b.leadsHere(a) {
		return -1, errOwn
	}
	fd, errno := sysSocket(a.family(), unix.SOCK_STREAM)
	if errno != 0 {
		return -1, errno
	}
	if a.family() != unix.AF_UNIX {
		l.b.connOptions(fd, be.local())
		if l.b.cfg.Transparent {
			if errno := bindAs(fd, s.about, a.family()); errno != 0 {
				sysClose(fd)
				return -1, errno
			}
		}
	}
	errno = sysConnect(fd, a)
	if errno == unix.EINPROGRESS {
		if again := sysConnect(fd, a); again != unix.EALREADY {
			errno = again
		}
	}
	switch errno {
	case 0, unix.EISCONN:
		return fd, 0
	case unix.EINPROGRESS:
		return fd, errno
	default:
		sysClose(fd)
		return -1, errno
	}
}

// dialed: an attempt that took time has ended.
func (l *loop) dialed(s *session) {
	if errno := sysError(s.ends[server].fd); errno != 0 {
		l.refused(s, errno)
		return
	}
	l.opened(s)
}

// refused: an attempt came to nothing, so the next backend is tried.
func (l *loop) refused(s *session, why unix.Errno) {
	i := int(s.backend)
	l.undial(s)
	l.gates[i].why = why
	l.gates[i].which++
	l.failed(i)
	l.dequeue(s)
	s.state = greeting // it counts as waiting from await on
	if l.b.cfg.Timeout > 0 && l.now-s.start >= int64(l.b.cfg.Timeout) {
		l.tooLate(s)
		return
	}
	l.find(s)
}

// undial gives an attempt up.
func (l *loop) undial(s *session) {
	l.b.backends[s.backend].open.Add(-1)
	l.gates[s.backend].probing = false
	sysClose(s.ends[server].fd)
	s.ends[server] = end{fd: -1}
	s.backend = -1
}

// opened: both ends are there.
func (l *loop) opened(s *session) {
	g := &l.gates[s.backend]
	wasDown := g.down
	*g = gate{which: g.which}
	fresh := s.state != dialing
	s.state = open
	l.dequeue(s)
	s.moved, l.spoke = l.now, false
	if l.b.cfg.ConnIdle > 0 {
		l.enqueue(s, queueIdle)
	}
	if !l.sendHeader(s) {
		l.reset(s)
	} else {
		if fresh {
			_ = sysWatch(l.ep, unix.EPOLL_CTL_ADD, s.ends[server].fd, watchOpen, s.tag(server))
		}
		s.about = nil
		// What it said already needs no event, which comes only after it is
		// read.
		serial := s.serial
		if l.pump(s, client); s.serial == serial {
			if !l.spoke && l.b.backends[s.backend].path == "" {
				sendAck(s.ends[server].fd)
			}
			l.watchClient(s, watchOpen)
		}
	}
	if wasDown {
		l.release()
	}
}

// early deals with events of a client that has no backend yet, or has its
// page already.
func (l *loop) early(s *session, side int, events uint32) {
	if side != client {
		return
	}
	if events&unix.EPOLLERR != 0 {
		l.reset(s)
		return
	}
	switch s.state {
	case greeting:
		l.greet(s)
	case parting:
		for {
			n, errno := sysRead(s.ends[client].fd, l.buf)
			if errno == unix.EAGAIN {
				return
			}
			if n <= 0 {
				l.close(s)
				return
			}
		}
	case waiting, dialing:
		if events&unix.EPOLLHUP != 0 {
			// A unix client that is gone altogether; what it said may still
			// be wanted.
			if n, _ := sysPeek(s.ends[client].fd, l.buf[:1]); n <= 0 {
				l.reset(s)
				return
			}
		}
		if s.peeking && s.state == waiting {
			l.peek(s)
		}
	case open:
	}
}

// tooLate ends a session that got nowhere within Config.Timeout.
func (l *loop) tooLate(s *session) {
	if s.state == greeting && s.queue == queueStarting {
		l.b.say("no PROXY header came within " + l.b.cfg.Timeout.String())
	} else {
		l.b.say("no backend was ready within " + l.b.cfg.Timeout.String() + l.lastRefusal())
	}
	l.reset(s)
}

// close ends a session in order.
func (l *loop) close(s *session) {
	for i := range s.ends {
		sysClose(s.ends[i].fd)
	}
	l.forget(s)
}

// reset ends a session so that both ends can tell.
func (l *loop) reset(s *session) {
	for i := range s.ends {
		if s.ends[i].fd >= 0 {
			sysReset(s.ends[i].fd)
		}
	}
	l.forget(s)
}

func (l *loop) forget(s *session) {
	for i := range s.ends {
		if p := s.ends[i].pipe; p != (pipe{}) {
			l.pipes.drop(p)
		}
		s.ends[i].fd = -1
	}
	l.leave(s)
	l.dequeue(s)
	if s.backend >= 0 {
		l.b.backends[s.backend].open.Add(-1)
		if s.state == dialing {
			l.gates[s.backend].probing = false
		}
	}
	l.sessions.put(s)
	l.count(-1)
}
