// SPDX-License-Identifier: Apache-2.0

// Package bus is a D-Bus server on a listening unix socket: authentication,
// connections, object tables, properties, introspection and signals. It has
// no goroutine: everything runs on the goroutine of its poll.Loop, nothing
// blocks, and what a peer can make it hold is limited. It knows nothing of
// units; bus/systemd1 puts objects on it.
package bus

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/linux/poll"
)

// The limits of a server.
const (
	// maxConns and maxConnsPerUID are how many clients are served at once;
	// root and the manager's own user count only for the first.
	maxConns       = 1024
	maxConnsPerUID = 64
	// maxCalls is how many unanswered calls one client may have.
	maxCalls = 256
	// pauseQueue is how many bytes a client may leave unread before its
	// further calls have to wait; at dropQueue it is disconnected.
	pauseQueue = 256 << 10
	dropQueue  = 8 << 20
	// authTime is how long a client may take to authenticate.
	authTime = 30 * time.Second
	// keepBuffer is the size above which a buffer is not kept for reuse.
	keepBuffer = 64 << 10
)

// Config is what a server is made with.
type Config struct {
	Loop *poll.Loop
	// Listener is the listening socket, non-blocking; it is borrowed.
	Listener int
	// UID is the user who may do everything, besides root.
	UID uint32
	// Parts are what is served from the start; Add adds to them.
	Parts []Part
	// Now reads a clock that does not jump.
	Now func() time.Duration
	// Broken records that a call made the program panic, with the stack; the
	// client got an error. nil: it is written to standard error.
	Broken func(msg string)
}

// Server serves the objects of its parts.
type Server struct {
	cfg  Config
	guid string
	// The methods that every object has, and those of the driver.
	standard []standardMethod
	driver   []Method
	conns    map[*conn]struct{}
	dirty    []*conn // have something to write
	waiting  int     // not authenticated yet
	serial   uint32
	names    uint32 // unique names given out
	enc      wire.Encoder
	msg      []byte
	in       []byte
	paused   bool                // the listener is not watched, for lack of descriptors
	told     map[string]struct{} // defects that were recorded
	wanted   map[topic]bool      // what WantedBelow has found out
	outlets  []Outlet
}

// New starts to serve. Close ends it.
func New(cfg Config) (*Server, error) {
	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, fmt.Errorf("cannot make a bus id: %w", err)
	}
	s := &Server{cfg: cfg, guid: hex.EncodeToString(id[:]), conns: make(map[*conn]struct{}), wanted: make(map[topic]bool), standard: standardMethods(), driver: driverMethods()}
	if err := cfg.Loop.Add(cfg.Listener, poll.In, s.accept); err != nil {
		return nil, err
	}
	return s, nil
}

// Close disconnects all clients and stops listening. The listener stays open.
func (s *Server) Close() {
	s.cfg.Loop.Remove(s.cfg.Listener)
	s.Flush()
	for c := range s.conns {
		c.close()
	}
}

// Clients is the number of connections.
func (s *Server) Clients() int { return len(s.conns) }

// accept takes the connections that wait, a few at a time, so that a flood
// of them cannot hold up the loop.
func (s *Server) accept(uint32) {
	for range 16 {
		fd, _, err := unix.Accept4(s.cfg.Listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch {
		case err == nil:
			s.admit(fd)
		case errors.Is(err, unix.EINTR) || errors.Is(err, unix.ECONNABORTED):
		case errors.Is(err, unix.EAGAIN):
			return
		default:
			// Mostly EMFILE: the client stays in the queue, so epoll would
			// report it without end. Tick or a disconnect tries again.
			s.cfg.Loop.Remove(s.cfg.Listener)
			s.paused = true
			return
		}
	}
}

// resume watches the listener again.
func (s *Server) resume() {
	if s.paused && s.cfg.Loop.Add(s.cfg.Listener, poll.In, s.accept) == nil {
		s.paused = false
	}
}

// admit begins to talk with a client, which it takes, or closes it where
// there are too many.
func (s *Server) admit(fd int) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil || len(s.conns) >= maxConns {
		_ = unix.Close(fd)
		return
	}
	c := &conn{srv: s, fd: fd, uid: cred.Uid, pid: cred.Pid, deadline: s.cfg.Now() + authTime, events: poll.In}
	c.trusted = c.uid == 0 || c.uid == s.cfg.UID
	c.auth.uid = c.uid
	if !c.trusted && s.countUID(c.uid) >= maxConnsPerUID {
		_ = unix.Close(fd)
		return
	}
	if s.cfg.Loop.Add(fd, poll.In, c.ready) != nil {
		_ = unix.Close(fd)
		return
	}
	s.conns[c] = struct{}{}
	s.waiting++
	// sd-bus sends authentication and first call in one write, which is
	// mostly there by now: one turn of the loop is saved.
	c.ready(poll.In)
}

func (s *Server) countUID(uid uint32) int {
	n := 0
	for c := range s.conns {
		if c.uid == uid {
			n++
		}
	}
	return n
}

// Tick drops clients that have not authenticated in time. It returns when to
// call it next; false means that there is no need until a client connects.
// A turn of the loop that calls it always, with the timeout that it returns,
// costs nothing while there is no client.
func (s *Server) Tick(now time.Duration) (next time.Duration, ok bool) {
	s.resume()
	if s.paused {
		next, ok = now+time.Second, true
	}
	if s.waiting == 0 {
		return next, ok
	}
	for c := range s.conns {
		switch {
		case c.auth.done:
		case c.deadline <= now:
			c.close()
		case !ok || c.deadline < next:
			next, ok = c.deadline, true
		}
	}
	return next, ok
}

// Flush writes what is queued. To be called once per turn of the loop, after
// all that may have queued something.
func (s *Server) Flush() {
	list := s.dirty
	s.dirty = nil // a write that fails closes its connection, which forgets it
	for i, c := range list {
		c.queued = false
		c.write()
		list[i] = nil
	}
	if s.dirty == nil {
		s.dirty = list[:0]
	}
}

// nextSerial numbers messages; 0 is not a serial.
func (s *Server) nextSerial() uint32 {
	s.serial++
	if s.serial == 0 {
		s.serial = 1
	}
	return s.serial
}

// scratch is the buffer that all connections read into.
func (s *Server) scratch() []byte {
	if s.in == nil {
		s.in = make([]byte, 32<<10)
	}
	return s.in
}

// trim gives back large buffers after a large reply.
func (s *Server) trim() {
	if cap(s.enc.Data()) > keepBuffer {
		s.enc = wire.Encoder{}
	}
	if cap(s.msg) > keepBuffer {
		s.msg = nil
	}
}

func (s *Server) forget(c *conn) {
	delete(s.conns, c)
	s.interestChanged()
	if !c.auth.done {
		s.waiting--
	}
	if i := slices.Index(s.dirty, c); i >= 0 {
		s.dirty[i] = s.dirty[len(s.dirty)-1]
		s.dirty = s.dirty[:len(s.dirty)-1]
	}
	s.resume()
}
