// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"sync"
	"time"
)

// The loop that has the listeners may be busy with few connections, where these
// are short: it never has so many more than another loop that it would pass the
// listeners on. It gives what it accepts to the least loaded one then.

// strainSpan is over how long at least a loop looks how busy it is.
const strainSpan = int64(10 * time.Millisecond)

// look notes whether the loop is strained: it was busy for more than two thirds
// of the time since it last looked, and from then on for more than one third,
// since half of the work goes to another one.
func (l *loop) look() {
	span, busy := l.now-l.looked, l.now-l.looked-l.slept
	if span < strainSpan {
		return
	}
	l.strained = busy > span/3*2 || l.strained && busy > span/3
	l.looked, l.slept = l.now, 0
}

// inbox is what another loop has accepted for this one.
type inbox struct {
	mu     sync.Mutex
	list   []accepted
	spare  []accepted // the room of the list before, which makes no garbage; the loop's own
	closed bool       // the loop has ended
}

type accepted struct {
	fd   int32
	from *sockaddr
}

// give has the least loaded loop serve a connection; false if that is this one.
func (l *loop) give(fd int32, from *sockaddr) bool {
	o := l.b.least(l)
	if o == l || l.b.cfg.Spread == SpreadReusePort {
		return false
	}
	o.open.Add(1)
	l.b.open.Add(1)
	l.b.start(o)
	if !o.inbox.put(o, accepted{fd, from}) {
		o.open.Add(-1)
		l.b.open.Add(-1)
		return false
	}
	return true
}

// put tells whether the loop, whose inbox it is, will see to the connection.
func (in *inbox) put(of *loop, a accepted) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed {
		return false
	}
	if in.list = append(in.list, a); len(in.list) == 1 {
		of.kick()
	}
	return true
}

// take serves what another loop has accepted.
func (l *loop) take() {
	in := &l.inbox
	in.mu.Lock()
	list := in.list
	in.list = in.spare
	in.mu.Unlock()
	for _, a := range list {
		l.serve(a.fd, a.from)
	}
	clear(list)
	in.spare = list[:0]
}

// close refuses what comes from now on; false if there is something to take
// first.
func (in *inbox) close() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed = len(in.list) == 0
	return in.closed
}
