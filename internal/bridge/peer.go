// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"encoding/binary"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// peer is one sender of datagrams, with its own socket towards the backend.
type peer struct {
	li      *listener
	from    sockaddr
	control []byte // for answers, from listeners on all addresses
	key     string
	fd      int32 // -1 none
	index   int32
	serial  int32
	backend int
	moved   int64
	queued  int64
	// sure: the backend took something, so that more is just sent.
	sure      bool
	held      [][]byte
	heldBytes int
	heldSince int64
	retry     int64
	delay     time.Duration
	retrying  bool
}

// peers are those of one loop.
type peers struct {
	message message
	byKey   map[string]*peer
	list    []*peer // by index; nil where free
	free    []int32
	// order begins with who was looked at longest ago. It may have holes.
	order   []*peer
	retries []*peer
	serial  int32
	key     []byte
}

func (p *peer) tag() tag { return tag{p.index<<tagBits | tagPeer, p.serial} }

func (ps *peers) at(i int32) *peer {
	if int(i) >= len(ps.list) {
		return nil
	}
	return ps.list[i]
}

// peerOf is who sent the datagram that was just received; nil if there are
// too many already.
func (l *loop) peerOf(li *listener) *peer {
	ps := &l.peers
	control := []byte(nil)
	if li.wild {
		control = ps.message.replyControl()
	}
	ps.key = binary.NativeEndian.AppendUint32(ps.key[:0], uint32(li.fd))
	ps.key = append(append(ps.key, ps.message.addr.bytes()...), control...)
	if p := ps.byKey[string(ps.key)]; p != nil {
		return p
	}
	if l.b.open.Load() >= l.b.limit || l.b.stopping.Load() != running {
		return nil
	}
	p := &peer{li: li, from: ps.message.addr, control: control, key: string(ps.key), fd: -1, backend: l.choosePeers(), queued: l.now}
	ps.serial++
	p.serial = ps.serial
	if n := len(ps.free); n > 0 {
		p.index = ps.free[n-1]
		ps.free = ps.free[:n-1]
		ps.list[p.index] = p
	} else {
		p.index = int32(len(ps.list))
		ps.list = append(ps.list, p)
	}
	if ps.byKey == nil {
		ps.byKey = make(map[string]*peer)
	}
	ps.byKey[p.key] = p
	ps.order = append(ps.order, p)
	l.b.backends[p.backend].open.Add(1)
	l.count(1)
	return p
}

// choosePeers is the backend with the fewest peers.
func (l *loop) choosePeers() int {
	best := 0
	for i, be := range l.b.backends {
		if be.open.Load() < l.b.backends[best].open.Load() {
			best = i
		}
	}
	return best
}

func (l *loop) connectPeer(p *peer) bool {
	be := l.b.backends[p.backend]
	addrs := be.addrs()
	if len(addrs) == 0 {
		be.lookUpAgain(l.b)
		return false
	}
	g := &l.gates[p.backend]
	a := &addrs[g.which%len(addrs)]
	if l.b.leadsHere(a) {
		l.b.say("cannot bridge to " + be.text + ": " + reason(errOwn))
		g.which++
		return false
	}
	fd, errno := sysSocket(a.family(), unix.SOCK_DGRAM)
	if errno != 0 {
		return false
	}
	if a.family() == unix.AF_UNIX {
		// A name of its own (unix(7), autobind), so that it can be answered.
		self := sockaddr{size: unixHead}
		self.raw.Addr.Family = unix.AF_UNIX
		_ = sysBind(fd, &self)
	} else if l.b.cfg.Transparent {
		_ = bindAs(fd, &about{from: p.from}, a.family())
	}
	if sysConnect(fd, a) != 0 {
		sysClose(fd)
		g.which++
		return false
	}
	p.fd = fd
	_ = sysWatch(l.ep, unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN|unix.EPOLLET, p.tag())
	return true
}

// unconnectPeer gives the socket up: a unix daemon that came back is another
// socket, and another address of a name may be tried.
func (l *loop) unconnectPeer(p *peer) {
	sysClose(p.fd)
	p.fd = -1
	l.gates[p.backend].which++
}

func (l *loop) retryPeer(p *peer) {
	p.delay = min(max(p.delay*3/2, firstDelay), dialDelay)
	p.retry = l.now + int64(p.delay)
	if !p.retrying {
		p.retrying = true
		l.peers.retries = append(l.peers.retries, p)
	}
}

// nextPeer is when a peer is due to be offered its datagrams again, or
// forgotten.
func (l *loop) nextPeer() int64 {
	at := int64(never)
	for _, p := range l.peers.retries {
		at = min(at, p.retry)
	}
	if span := l.peerSpan(); span > 0 && len(l.peers.order) > 0 {
		at = min(at, l.peers.order[0].queued+span)
	}
	return at
}

// forgetPeers offers again what is due, and forgets who was silent.
func (l *loop) forgetPeers() {
	ps := &l.peers
	for i := 0; i < len(ps.retries); {
		p := ps.retries[i]
		switch {
		case p.retry > l.now:
			i++
			continue
		case l.b.cfg.Timeout > 0 && l.now-p.heldSince > int64(l.b.cfg.Timeout):
			l.b.say("datagrams were dropped: no backend within " + l.b.cfg.Timeout.String())
			p.held, p.heldBytes = nil, 0
		}
		p.retrying = false
		ps.retries = slices.Delete(ps.retries, i, i+1)
		if len(p.held) > 0 {
			l.offer(p) // it may be appended again
		}
	}
	for span := l.peerSpan(); span > 0 && len(ps.order) > 0 && l.expirePeer(span); {
		continue
	}
}

// peerSpan is how long a peer may be silent. Once the bridge stops it is as
// long as an answer may take.
func (l *loop) peerSpan() int64 {
	span := l.b.cfg.UDPTimeout
	if l.b.stopping.Load() != running && (span == 0 || span > time.Second) {
		span = time.Second
	}
	return int64(span)
}

// expirePeer looks at the first in order; false if it is not due.
func (l *loop) expirePeer(span int64) bool {
	ps := &l.peers
	p := ps.order[0]
	if p.queued+span > l.now {
		return false
	}
	ps.order = ps.order[1:]
	if p.moved+span > l.now || len(p.held) > 0 {
		p.queued = l.now
		ps.order = append(ps.order, p)
		return true
	}
	l.endPeer(p)
	return true
}

func (l *loop) endPeer(p *peer) {
	sysClose(p.fd)
	l.peers.list[p.index] = nil
	l.peers.free = append(l.peers.free, p.index)
	delete(l.peers.byKey, p.key)
	l.b.backends[p.backend].open.Add(-1)
	l.count(-1)
}

func (ps *peers) endAll(l *loop) {
	for _, p := range ps.order {
		l.endPeer(p)
	}
	ps.order = nil
}
