// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/linux/sockdiag"
)

// gate is what one loop knows of one backend. While it is down one question
// at a time is asked, whoever waits: a daemon that starts is not met by all
// its clients before it can answer one.
type gate struct {
	down    bool
	probing bool // an attempt is under way, by a session that is dialing
	next    int64
	delay   time.Duration
	which   int // of its addresses
	why     unix.Errno
}

// The pause between two questions. Asking the kernel whether somebody listens
// takes 5 µs, so it may be done often; a refused connection is seen by others.
const (
	firstDelay  = 2 * time.Millisecond
	lookupDelay = 10 * time.Millisecond  // at most, on this machine
	dialDelay   = 250 * time.Millisecond // at most, elsewhere
)

// failed closes the gate, for longer each time.
func (l *loop) failed(i int) {
	g, be := &l.gates[i], l.b.backends[i]
	longest := dialDelay
	if be.local() {
		longest = lookupDelay
	}
	g.delay = min(max(g.delay*3/2, firstDelay), longest)
	g.down, g.probing, g.next = true, false, l.now+int64(g.delay)
	be.lookUpAgain(l.b)
}

// nextGate is when the next question is due.
func (l *loop) nextGate() int64 {
	if l.waiting == 0 {
		return never
	}
	at := int64(never)
	for i := range l.gates {
		if g := &l.gates[i]; !g.down {
			at = l.now
		} else if !g.probing {
			at = min(at, g.next)
		}
	}
	return at
}

// probe asks the backends whose pause is over, for the client that has waited
// longest.
func (l *loop) probe() {
	if l.waiting == 0 {
		return
	}
	for i := range l.gates {
		g := &l.gates[i]
		if g.probing || g.down && g.next > l.now {
			continue
		}
		if !l.listens(l.b.backends[i]) {
			g.why = unix.ECONNREFUSED
			l.failed(i)
			continue
		}
		if s := l.firstWaiting(); s != nil {
			l.dial(s, i)
		}
	}
}

func (l *loop) firstWaiting() *session {
	for i := l.queues[queueStarting].first; i >= 0; {
		s := l.sessions.at(i)
		if s.state == waiting {
			return s
		}
		i = s.next
	}
	return nil
}

// release lets all that wait have their connections.
func (l *loop) release() {
	if l.waiting == 0 {
		return
	}
	for i := l.queues[queueStarting].first; i >= 0; {
		s := l.sessions.at(i)
		i = s.next
		if s.state != waiting {
			continue
		}
		k := l.choose()
		if k < 0 {
			return
		}
		l.dial(s, k)
	}
}

// lastRefusal says why there is no backend.
func (l *loop) lastRefusal() string {
	for i := range l.gates {
		if why := l.gates[i].why; why != 0 {
			return ": " + l.b.backends[i].text + ": " + reason(why)
		}
	}
	return ""
}

// diagnoser asks the kernel who listens; nil until it is needed.
type diagnoser struct{ d *sockdiag.Diag }

func (d *diagnoser) close() {
	if d != nil {
		d.d.Close()
	}
}

// listens tells whether it is worth trying to connect: false only if the
// kernel says that nobody listens there.
func (l *loop) listens(be *backend) bool {
	if !be.local() {
		return true
	}
	if l.diag == nil {
		l.diag = &diagnoser{sockdiag.Open()}
	}
	for _, a := range be.addrs() {
		ap := a.inet()
		_, _, err := l.diag.d.Queue(sockdiag.Key{Addr: ap.Addr(), Port: ap.Port()})
		if !errors.Is(err, unix.ENOENT) {
			return true
		}
	}
	return false
}
