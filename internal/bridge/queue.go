// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"time"

	"golang.org/x/sys/unix"
)

// queueName names one of a loop's queues. A session is in one at most.
type queueName uint8

const (
	queueNone     queueName = iota
	queueStarting           // greeting or waiting: Config.Timeout
	queueDialing            // Config.Attempt
	queueIdle               // open: Config.ConnIdle
	queueParting            // reading its page: partTime
	queueCount
)

// queue is a list of sessions that all have the same time, so the first is
// always the next one due.
type queue struct {
	first, last int32
	span        time.Duration // 0 never
}

func (l *loop) enqueue(s *session, name queueName) {
	l.dequeue(s)
	q := &l.queues[name]
	s.queue, s.since, s.prev, s.next = name, l.now, q.last, -1
	if q.last >= 0 {
		l.sessions.at(q.last).next = s.index
	} else {
		q.first = s.index
	}
	q.last = s.index
}

func (l *loop) dequeue(s *session) {
	if s.queue == queueNone {
		return
	}
	q := &l.queues[s.queue]
	if s.prev >= 0 {
		l.sessions.at(s.prev).next = s.next
	} else {
		q.first = s.next
	}
	if s.next >= 0 {
		l.sessions.at(s.next).prev = s.prev
	} else {
		q.last = s.prev
	}
	s.queue, s.prev, s.next = queueNone, -1, -1
}

// due is when the first of the queue is due, never if there is none.
func (l *loop) due(name queueName) int64 {
	q := &l.queues[name]
	if q.first < 0 || q.span <= 0 {
		return never
	}
	return l.sessions.at(q.first).since + int64(q.span)
}

// expire deals with all sessions whose time is over.
func (l *loop) expire() {
	for l.due(queueStarting) <= l.now {
		s := l.sessions.at(l.queues[queueStarting].first)
		l.tooLate(s)
	}
	for l.due(queueDialing) <= l.now {
		s := l.sessions.at(l.queues[queueDialing].first)
		l.refused(s, unix.ETIMEDOUT)
	}
	for l.due(queueParting) <= l.now {
		l.close(l.sessions.at(l.queues[queueParting].first))
	}
	for l.due(queueIdle) <= l.now {
		s := l.sessions.at(l.queues[queueIdle].first)
		// It moves to the end of the queue when it would be due, and not with
		// each byte.
		if s.moved+int64(l.b.cfg.ConnIdle) <= l.now {
			l.close(s)
			continue
		}
		l.enqueue(s, queueIdle)
		s.since = s.moved
	}
}
