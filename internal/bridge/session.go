// SPDX-License-Identifier: Apache-2.0

package bridge

import "golang.org/x/sys/unix"

// The two ends of a session.
const (
	client = 0
	server = 1
)

// state of a session; see the package comment.
type state uint8

const (
	greeting state = iota
	waiting
	dialing
	open
	parting
)

// session is one connection and its other half. There are tens of thousands
// of them, so what is rare is behind a pointer.
type session struct {
	ends [2]end
	// about is known where somebody asks for it, and forgotten once it was
	// told.
	about  *about
	serial int32 // tells it from those that had its place before
	index  int32
	// prev and next are its neighbors in the queue that it is in.
	prev, next int32
	since      int64 // when it got into that queue
	start      int64 // when it was accepted
	moved      int64 // when the last bytes moved; kept up where it matters
	backend    int16 // -1 none
	queue      queueName
	state      state
	watched    bool // its client is in the epoll set
	peeking    bool // its client is watched for what it says, before there is a backend
	judged     bool // what it says was looked at: it is no browser
}

// end is one of its sockets, with what came from there and is on its way to
// the other.
type end struct {
	held *held // read, but not yet written
	fd   int32 // -1 none
	// pipe is borrowed while piped bytes are in it; the zero pipe is none.
	pipe  pipe
	piped int32
	eof   bool // it says no more
	ended bool // it was told that the other says no more
	gone  bool // an end or an error was announced, so a short read is not the last
	bulk  bool // much comes from here: splice
	plain bool // it cannot be spliced
	out   bool // it is watched for room
	again bool // it is in loop.again
}

// held are bytes in memory.
type held struct {
	data []byte
	done int
}

// about are the two ends of the client's connection, as a header of the PROXY
// protocol said it or as the socket says.
type about struct {
	from, to sockaddr
}

func (e *end) pending() bool { return e.piped > 0 || e.held != nil }

// slab holds sessions by number: an epoll event can carry a number, but no
// pointer. Pieces are never given back; an idle bridge ends as a whole.
type slab struct {
	pieces []*[slabSize]session
	free   []int32
}

const slabSize = 64

func (s *slab) at(i int32) *session { return &s.pieces[i/slabSize][i%slabSize] }

func (s *slab) get() *session {
	if len(s.free) == 0 {
		first := int32(len(s.pieces) * slabSize)
		s.pieces = append(s.pieces, new([slabSize]session))
		for i := int32(slabSize) - 1; i >= 0; i-- {
			s.free = append(s.free, first+i)
		}
	}
	i := s.free[len(s.free)-1]
	s.free = s.free[:len(s.free)-1]
	x := s.at(i)
	serial := x.serial + 1
	*x = session{index: i, serial: serial, backend: -1, prev: -1, next: -1}
	x.ends[client].fd, x.ends[server].fd = -1, -1
	return x
}

func (s *slab) put(x *session) {
	x.serial++
	x.next, x.state = -1, parting
	x.about, x.ends[0].held, x.ends[1].held = nil, nil, nil
	s.free = append(s.free, x.index)
}

// tag is what an event carries: the kind of the descriptor in the lowest
// three bits, above them the number of its session or listener.
type tag struct{ what, serial int32 }

const (
	tagClient = client
	tagServer = server
	tagListen = 2
	tagWake   = 3
	tagPeer   = 4 // the backend's socket of a datagram session
)

const (
	tagBits   = 3
	tagMask   = 1<<tagBits - 1
	watchOpen = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET
)

func (s *session) tag(side int) tag { return tag{s.index<<tagBits | int32(side), s.serial} }
