// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/linux/poll"
)

// The limits of what is kept for a bus that is slow.
const (
	// pauseQueue is how many bytes may be unwritten before no more messages
	// are taken from the bus; at dropQueue it is disconnected.
	pauseQueue = 1 << 20
	dropQueue  = 16 << 20
	// keepChunk is the size up to which writes are put together.
	keepChunk = 64 << 10
	// kernelFDs is the most descriptors that one sendmsg(2) passes (SCM_MAX_FD).
	kernelFDs = 253
)

// link is one connection. It is made anew for every connect, so that what
// comes late for an old one finds it closed.
type link struct {
	bus *Bus
	fd  int // -1 after close
	// greeted once Hello was answered.
	greeted bool
	auth    authStep
	fds     bool // the bus passes descriptors
	unique  string

	in    []byte // what is read and not dealt with
	inFDs []int
	lost  bool // descriptors of something in in were lost
	// looked is how many bytes are unread whose ActivationRequests are dealt
	// with, see look.
	looked int
	known  bool // the messages in in are among those
	skip   int  // bytes of a message that is too large, still to come

	out     []chunk
	outSize int
	paused  bool // no messages are taken
	watched uint32
	serial  uint32
	calls   map[uint32]func(*wire.Message, error)
	waiting int // names that were asked for and not answered
}

// chunk is data to write. Descriptors go with its first byte.
type chunk struct {
	data []byte
	fds  []int
}

type authStep uint8

const (
	authOK    authStep = iota // OK and the bus's id
	authAgree                 // AGREE_UNIX_FD, or ERROR
	authDone
)

// open begins to talk with a bus at fd, which it takes.
func (b *Bus) open(fd int, now time.Duration) error {
	l := &link{bus: b, fd: fd, watched: poll.In, calls: make(map[uint32]func(*wire.Message, error))}
	if err := b.cfg.Loop.Add(fd, poll.In, l.ready); err != nil {
		_ = unix.Close(fd)
		return err
	}
	b.link, b.since = l, now
	if b.cfg.Keep != nil {
		b.cfg.Keep(fd)
	}
	uid := hex.EncodeToString([]byte(strconv.Itoa(int(b.cfg.UID))))
	l.queue(chunk{data: []byte("\x00AUTH EXTERNAL " + uid + "\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n")})
	l.flush()
	return nil
}

func (l *link) close() {
	if l.fd < 0 {
		return
	}
	l.bus.cfg.Loop.Remove(l.fd)
	_ = unix.Close(l.fd)
	l.fd = -1
	if l.bus.cfg.Forget != nil {
		l.bus.cfg.Forget()
	}
	closeAll(l.inFDs)
	for _, o := range l.out {
		closeAll(o.fds)
	}
	l.in, l.inFDs, l.out = nil, nil, nil
}

// fail ends the connection, unless it has ended.
func (l *link) fail(err error) {
	if l.fd >= 0 {
		l.bus.drop(err)
	}
}

// ready is called by the loop.
func (l *link) ready(events uint32) {
	if events&(poll.In|poll.Hup|poll.Err) != 0 {
		l.read()
	}
	l.flush()
}

// maxAuth is how long the bus's answers before the first message may be.
const maxAuth = 1024

// read takes what is there, at most one buffer of it.
func (l *link) read() {
	if l.bus.buf == nil {
		l.bus.buf, l.bus.oob = make([]byte, 32<<10), make([]byte, unix.CmsgSpace(4*kernelFDs))
	}
	if l.auth == authDone && l.looked == 0 && l.look() {
		return
	}
	buf, oob := l.bus.buf, l.bus.oob
	if l.looked > 0 {
		buf = buf[:l.looked]
	}
	n, oobn, flags, _, err := unix.Recvmsg(l.fd, buf, oob, unix.MSG_CMSG_CLOEXEC|unix.MSG_DONTWAIT)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return
	}
	l.takeFDs(oob[:max(0, oobn)])
	if flags&unix.MSG_CTRUNC != 0 {
		l.lost = true
	}
	switch {
	case err != nil:
		l.fail(fmt.Errorf("cannot read from it: %w", err))
		return
	case n == 0:
		l.fail(errors.New("it hung up"))
		return
	}
	l.in = append(l.in, buf[:n]...)
	if l.auth != authDone && !l.login() {
		return
	}
	l.known = l.looked > 0
	l.looked = max(0, l.looked-n)
	l.process()
	l.known = false
}

// look deals with ActivationRequests without taking them out of the socket,
// and tells whether there were any. They stay there until the next turn of the
// loop, when they have had their effect: the bus never sends them again, and
// what a manager has not read when it dies is read by the next one (Drain).
func (l *link) look() bool {
	if l.bus.cfg.Keep == nil || l.skip > 0 {
		return false
	}
	n, _, err := unix.Recvfrom(l.fd, l.bus.buf, unix.MSG_PEEK|unix.MSG_DONTWAIT)
	if err != nil || n <= 0 {
		return false
	}
	data := l.bus.buf[:n]
	if len(l.in) > 0 {
		data = slices.Concat(l.in, data)
	}
	if !bytes.Contains(data, []byte(activationMember)) {
		return false
	}
	units, _, _ := requests(data)
	for _, unitName := range units {
		l.bus.activation(unitName)
	}
	if len(units) > 0 {
		l.looked = n
	}
	return len(units) > 0
}

func (l *link) takeFDs(oob []byte) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return
	}
	for i := range msgs {
		if fds, err := unix.ParseUnixRights(&msgs[i]); err == nil {
			l.inFDs = append(l.inFDs, fds...)
		}
	}
}

// login reads the answers to the handshake, and then says hello.
func (l *link) login() bool {
	for l.auth != authDone {
		line, rest, ok := bytes.Cut(l.in, []byte("\r\n"))
		if !ok {
			if len(l.in) > maxAuth {
				l.fail(errors.New("what is there does not speak D-Bus"))
			}
			return false
		}
		l.in = rest
		switch {
		case l.auth == authOK && bytes.HasPrefix(line, []byte("OK ")):
			l.auth = authAgree
		case l.auth == authAgree && bytes.HasPrefix(line, []byte("AGREE_UNIX_FD")):
			l.auth, l.fds = authDone, true
		case l.auth == authAgree && bytes.HasPrefix(line, []byte("ERROR")):
			l.auth = authDone
		default:
			l.fail(fmt.Errorf("it does not let user %d in (%.40q)", l.bus.cfg.UID, line))
			return false
		}
	}
	l.hello()
	return true
}

// queue copies what is to be written behind what waits already.
func (l *link) queue(o chunk) {
	if n := len(l.out); n > 0 && len(o.fds) == 0 && len(l.out[n-1].data) < keepChunk {
		l.out[n-1].data = append(l.out[n-1].data, o.data...)
	} else {
		l.out = append(l.out, chunk{append([]byte(nil), o.data...), o.fds})
	}
	if l.outSize += len(o.data); l.outSize > dropQueue {
		l.fail(fmt.Errorf("it does not read what it is sent (%d bytes)", l.outSize))
	}
}

// flush writes what the socket takes, and goes on with messages that waited
// for room.
func (l *link) flush() {
	l.write()
	for l.fd >= 0 && l.paused && l.outSize < pauseQueue {
		l.paused = false
		l.process()
		l.write()
	}
	l.watch()
}

// write writes what the socket takes.
func (l *link) write() {
	for l.fd >= 0 && len(l.out) > 0 {
		o := &l.out[0]
		var rights []byte
		if len(o.fds) > 0 {
			rights = unix.UnixRights(o.fds...)
		}
		n, err := unix.SendmsgN(l.fd, o.data, rights, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		if err != nil {
			l.fail(fmt.Errorf("cannot write to it: %w", err))
			return
		}
		closeAll(o.fds)
		o.fds, o.data = nil, o.data[n:]
		if l.outSize -= n; len(o.data) == 0 {
			l.out = l.out[1:]
		}
	}
}

// watch watches for what may come next.
func (l *link) watch() {
	if l.fd < 0 {
		return
	}
	var events uint32
	if l.paused = l.outSize >= pauseQueue; !l.paused {
		events = poll.In
	}
	if len(l.out) > 0 {
		events |= poll.Out
	} else {
		l.out = nil
	}
	if events == l.watched {
		return
	}
	if err := l.bus.cfg.Loop.Modify(l.fd, events); err != nil {
		l.fail(err)
		return
	}
	l.watched = events
}

func closeAll(fds []int) {
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
}
