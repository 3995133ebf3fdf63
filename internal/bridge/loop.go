// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"math"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const never = math.MaxInt64

// yieldEvery is how often a busy loop gives way of its own accord. After twice
// that time the scheduler would send it a signal.
const yieldEvery = int64(5 * time.Millisecond)

// loop is one goroutine with its epoll set. It has no thread of its own: that
// made no difference in any measure. All but the atomic fields is its own.
type loop struct {
	b        *Bridge
	number   int
	ep       int
	wake     int // an eventfd
	events   [128]unix.EpollEvent
	buf      []byte
	pipes    pipes
	sessions slab
	live     int   // sessions
	waiting  int   // of them, those in this state
	turn     uint  // where to begin looking for a backend
	spoke    bool  // copy has sent something since somebody put this to false
	now      int64 // ns since the bridge was made, as of the last wake-up
	again    []tag // directions that had their budget
	queues   [queueCount]queue
	gates    []gate
	diag     *diagnoser
	peers    peers
	lingered int64 // the last endLingering
	pageAt   int64 // when the next client has waited long enough for a page

	listeners []*listener
	armed     bool // its listeners are watched
	retry     int64

	inbox    inbox
	strained bool  // it gives away what it accepts
	looked   int64 // when it last looked whether it is
	slept    int64 // ns since then that it waited

	// open is its number of connections; others look at it.
	open atomic.Int32
	// token: its turn to watch the shared listeners.
	token atomic.Bool
	// lastMove is when bytes moved, where Config.IdleBytes asks for it.
	lastMove atomic.Int64
	// paused: it would accept, but there are as many connections as may be.
	paused atomic.Bool
}

func newLoop(b *Bridge, number int) (*loop, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(ep)
		return nil, err
	}
	l := &loop{b: b, number: number, ep: ep, wake: wake, retry: never, pageAt: never, gates: make([]gate, len(b.backends))}
	for i := range l.queues {
		l.queues[i].first, l.queues[i].last = -1, -1
	}
	l.queues[queueStarting].span = b.cfg.Timeout
	l.queues[queueDialing].span = b.cfg.Attempt
	l.queues[queueIdle].span = b.cfg.ConnIdle
	l.queues[queueParting].span = partTime
	if errno := sysWatch(ep, unix.EPOLL_CTL_ADD, int32(wake), unix.EPOLLIN, tag{what: tagWake}); errno != 0 {
		l.closeFiles()
		return nil, errno
	}
	return l, nil
}

// kick wakes the loop; from any thread.
func (l *loop) kick() {
	one := [8]byte{1}
	_, _ = sysWrite(int32(l.wake), one[:])
}

// run is the loop; it returns when the bridge has stopped and its last
// session is gone.
func (l *loop) run() {
	growStack()
	l.buf = make([]byte, copySize)
	l.now = l.b.clock()
	l.watchDatagrams()
	l.woken()
	yielded := l.now
	for !l.finished() {
		if l.now-yielded > yieldEvery {
			yielded = l.now
			runtime.Gosched()
		}
		slept := l.b.clock()
		n, errno := sysWait(l.ep, l.events[:], l.timeout())
		if errno != 0 && errno != unix.EINTR {
			l.b.say("a loop cannot wait for events: " + errno.Error())
			break
		}
		l.now = l.b.clock()
		l.slept += l.now - slept
		for i := range max(n, 0) {
			l.dispatch(&l.events[i])
		}
		l.goOn()
		l.timers()
	}
	l.endAll()
	l.closeFiles()
}

func (l *loop) dispatch(ev *unix.EpollEvent) {
	index := ev.Fd >> tagBits
	switch kind := ev.Fd & tagMask; kind {
	case tagClient, tagServer:
		s := l.sessions.at(index)
		if s.serial != ev.Pad {
			return // gone, within this very batch
		}
		l.happened(s, int(kind), ev.Events)
	case tagListen:
		if li := l.listeners[index]; li.datagram {
			l.receive(li)
		} else if l.armed {
			l.accept(li)
		}
	case tagPeer:
		l.answered(index, ev.Pad)
	case tagWake:
		var b [8]byte
		_, _ = sysRead(int32(l.wake), b[:])
		l.woken()
	}
}

// happened deals with an event of a session's descriptor.
func (l *loop) happened(s *session, side int, events uint32) {
	serial := s.serial
	if s.state == dialing && side == server {
		// The event may tell of bytes, too.
		if l.dialed(s); s.serial != serial {
			return
		}
	}
	if s.state != open {
		l.early(s, side, events)
		return
	}
	e, o := &s.ends[side], &s.ends[1-side]
	const ends = unix.EPOLLHUP | unix.EPOLLERR | unix.EPOLLRDHUP
	if events&ends != 0 {
		e.gone = true
	}
	if events&(unix.EPOLLHUP|unix.EPOLLERR) != 0 && (e.eof || e.pending() && events&unix.EPOLLERR != 0) {
		l.reset(s)
		return
	}
	if events&(unix.EPOLLIN|ends) != 0 && !e.pending() && !e.eof {
		if l.pump(s, side); s.serial != serial {
			return
		}
	}
	if events&unix.EPOLLOUT != 0 && o.pending() {
		l.pump(s, 1-side)
	}
}

// goOn continues where one direction had its budget.
func (l *loop) goOn() {
	if len(l.again) == 0 {
		return
	}
	list := l.again
	l.again = nil
	for _, t := range list {
		if s := l.sessions.at(t.what >> tagBits); s.serial == t.serial {
			side := int(t.what & 1)
			s.ends[side].again = false
			l.pump(s, side)
		}
	}
}

// timeout is how long to wait, in milliseconds, rounded up.
func (l *loop) timeout() int {
	if len(l.again) > 0 {
		return 0
	}
	at := min(l.due(queueStarting), l.due(queueDialing), l.due(queueIdle), l.due(queueParting), l.nextGate(), l.nextPage(), l.nextPeer(), l.nextLinger(), l.retry)
	if l.number == 0 {
		at = min(at, l.b.nextDuty())
	}
	if at == never {
		return -1
	}
	wait := (at - l.now + int64(time.Millisecond) - 1) / int64(time.Millisecond)
	return int(min(max(wait, 0), math.MaxInt32))
}

func (l *loop) timers() {
	l.expire()
	l.probe()
	l.pages()
	l.forgetPeers()
	l.endLingering()
	if l.retry <= l.now {
		l.retry = never
		l.woken()
	}
	if l.number == 0 {
		l.b.duties(l.now)
	}
}

// finished tells whether there is nothing left to do after a stop.
func (l *loop) finished() bool {
	switch l.b.stopping.Load() {
	case stopNow:
		return true
	case stopDrain:
		// The first one goes last, since it watches the time.
		return l.open.Load() == 0 && !l.token.Load() && (l.number != 0 || l.b.open.Load() == 0) && l.inbox.close()
	}
	return false
}

// endAll ends what is left.
func (l *loop) endAll() {
	for !l.inbox.close() {
		l.take()
	}
	for _, piece := range l.sessions.pieces {
		for i := range piece {
			if s := &piece[i]; s.ends[client].fd > 0 {
				l.reset(s)
			}
		}
	}
	l.peers.endAll(l)
}

func (l *loop) closeFiles() {
	l.pipes.close()
	l.diag.close()
	unix.Close(l.ep)
	unix.Close(l.wake)
}
