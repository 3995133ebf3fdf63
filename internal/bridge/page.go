// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"bytes"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// partTime is how long a client may take to read its page.
	partTime = 2 * time.Second
	// pageRetry is after how many seconds the page asks again.
	pageRetry = 2
)

const ownPage = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>starting…</title>
<style>body{font:1.2em system-ui,sans-serif;display:grid;place-content:center;min-height:90vh;text-align:center}
@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}}</style></head>
<body><p>starting…</p><p><small>This page reloads itself.</small></p></body></html>
`

// pageResponse is the whole answer. Refresh is a header, so that a page of the
// user's own reloads itself, too.
func pageResponse(html []byte) []byte {
	if html == nil {
		html = []byte(ownPage)
	}
	retry := strconv.Itoa(pageRetry)
	return append([]byte("HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: "+
		strconv.Itoa(len(html))+"\r\nRetry-After: "+retry+"\r\nRefresh: "+retry+"\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"), html...)
}

// pageDue notes when a client that begins to wait will have waited long.
func (l *loop) pageDue(s *session) {
	if l.b.cfg.Page {
		l.pageAt = min(l.pageAt, s.start+int64(l.b.cfg.PageAfter))
	}
}

func (l *loop) nextPage() int64 { return l.pageAt }

// pages looks at those that have waited long by now: who is a browser gets
// the page, and who has said nothing yet is watched.
func (l *loop) pages() {
	if l.pageAt > l.now {
		return
	}
	l.pageAt = never
	for i := l.queues[queueStarting].first; i >= 0; {
		s := l.sessions.at(i)
		i = s.next
		if s.state != waiting || s.peeking || s.judged {
			continue
		}
		if s.start+int64(l.b.cfg.PageAfter) > l.now {
			l.pageDue(s)
			return
		}
		s.peeking = true
		l.watchClient(s, watchOpen)
	}
}

// peek looks at what a waiting client has said, without taking it.
func (l *loop) peek(s *session) {
	n, _ := sysPeek(s.ends[client].fd, l.buf)
	if n <= 0 {
		return
	}
	size, ok := browserRequest(l.buf[:n])
	switch {
	case ok && size == 0 && n < len(l.buf):
		return // there is more to come
	case !ok || size == 0:
		s.peeking, s.judged = false, true
		l.watchClient(s, unix.EPOLLET)
		return
	}
	_, _ = sysRead(s.ends[client].fd, l.buf[:size])
	_, _ = sysSend(s.ends[client].fd, l.b.page)
	sysShutdown(s.ends[client].fd)
	l.leave(s)
	s.state = parting
	l.enqueue(s, queueParting)
}

// browserRequest tells whether b begins with a request that a browser makes
// for a page: GET, and text/html is welcome. size is its length, 0 when it is
// not complete.
func browserRequest(b []byte) (size int, ok bool) {
	const get = "GET "
	if k := min(len(b), len(get)); string(b[:k]) != get[:k] {
		return 0, false
	}
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return 0, true
	}
	for line := range bytes.SplitSeq(b[:end], []byte("\r\n")) {
		name, value, found := bytes.Cut(line, []byte(":"))
		if found && bytes.EqualFold(name, []byte("Accept")) && bytes.Contains(bytes.ToLower(value), []byte("text/html")) {
			return end + 4, true
		}
	}
	return 0, false
}
