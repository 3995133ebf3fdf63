// SPDX-License-Identifier: Apache-2.0

package bridge

import "time"

// After a stop connections may go on, but not those that only wait for the
// other side: a daemon that has died would keep its successor waiting for
// clients that have not noticed. Who has no daemon yet gets the time that one
// which is started again may take.
const (
	lingerTime  = 200 * time.Millisecond
	lingerStart = 5 * time.Second
	lingerEvery = 100 * time.Millisecond
)

// nextLinger is when endLingering has something to do.
func (l *loop) nextLinger() int64 {
	if l.live == 0 || l.b.stopping.Load() != stopDrain {
		return never
	}
	return l.lingered + int64(lingerEvery)
}

// endLingering ends the sessions to which the daemon has said its last word, and
// in which nothing moves any more, and those that wait for a daemon still.
func (l *loop) endLingering() {
	if l.nextLinger() > l.now {
		return
	}
	l.lingered = l.now
	before := l.now - int64(lingerTime)
	for _, piece := range l.sessions.pieces {
		for i := range piece {
			s := &piece[i]
			switch {
			case s.ends[client].fd <= 0 || s.moved > before:
			case s.state == open && s.ends[server].eof && !s.ends[server].pending() && !s.ends[client].pending():
				l.close(s)
			case s.state == waiting && l.b.stopped.Load()+int64(lingerStart) <= l.now:
				l.reset(s)
			}
		}
	}
}
