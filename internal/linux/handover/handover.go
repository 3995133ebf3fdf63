// SPDX-License-Identifier: Apache-2.0

// Package handover answers a daemon's own bind() with a socket that rouse
// already holds, by seccomp user notification, so that an unmodified daemon
// is socket-activated. A filter (Filter) that the daemon carries stops it in
// bind(2), listen(2) and, for unix sockets, unlink(2) and chmod(2); a
// Handover reads what it asks for, decides, and lets it go on. Everything
// else that the daemon does runs at native speed, and nothing is on the path
// of its data.
//
// The notification descriptor and the sockets may be stored anywhere: a
// Handover keeps no state that cannot be found again by looking at the
// processes. A call that was received by a manager that then died is offered
// again after Kick.
//
// Limits (Events.Note tells of those that can be noticed): io_uring and
// 32-bit programs bind unseen; a daemon that may not be looked into (ptrace
// rights: Yama, another user) binds by itself; a socket that was registered
// with epoll by more than one number keeps only the first registration.
package handover

import (
	"errors"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/linux/sockdiag"
)

// ErrGone says that no process carries the filter any more: close the
// notification descriptor.
var ErrGone = errors.New("no process carries the filter any more")

// Held is a socket that the service may bind to. FD is borrowed.
type Held struct {
	FD int
	// PassedAs is the descriptor by which the service has it from the start
	// (LISTEN_FDS), 0 if it has not.
	PassedAs int
	// Mode is SocketMode= of a unix socket: what the daemon's chmod() may
	// narrow, never widen.
	Mode uint32
}

// Events are called from within Serve; nil ones are not.
type Events struct {
	// Bound follows the handover of Config.Held[i] to a process.
	Bound func(i int, pid int32)
	// ListenCalled says that a process called listen() on Config.Held[i]: it
	// is ready. Datagram sockets have no listen(): Bound tells as much there.
	// With Config.Listens it is called once with i -1, for a socket that is
	// not held.
	ListenCalled func(i int, pid int32)
	// Note is a limit or a refusal that a person should know of, in words,
	// to follow the name of the unit: "process 7 was refused ...".
	Note func(msg string)
}

// Config is what a Handover is made from.
type Config struct {
	// FD is the notification descriptor; it stays the caller's.
	FD   int
	Held []Held
	// Listens: the first listen() of the service on a socket of its own is
	// told (expect listen). Its filter needs Traps.Listen, and no more if
	// nothing is held.
	Listens bool
	// Pids lists the live processes of the service. It is called only when
	// something binds to an address that was handed over before.
	Pids func() []int
	// Fresh says that no process of the service has run a system call yet:
	// nothing was handed over. False after the manager's own restart.
	Fresh  bool
	Events Events
}

// Handover serves the notifications of one service. It is for one goroutine.
type Handover struct {
	c      Config
	held   []heldSocket
	grants []grant
	hold   bool
	heard  bool // Listens is done with
	// after is done when the answer was sent, nil for nothing.
	after func()
}

// heldSocket is a held socket and what is known of it.
type heldSocket struct {
	Held
	at    endpoint
	inode uint64
}

// New looks at the held sockets. It never fails: one that cannot be looked
// at is not handed over.
func New(c Config) *Handover {
	h := &Handover{c: c}
	for _, s := range c.Held {
		h.held = append(h.held, lookAt(s))
	}
	wakeOnThisCPU(c.FD)
	return h
}

// FD is to be watched for reading, level-triggered.
func (h *Handover) FD() int { return h.c.FD }

// TrapsFor is what the filter of a service with these sockets must trap.
func TrapsFor(held []Held) Traps {
	t := Traps{Bind: len(held) > 0, Listen: true}
	for _, s := range held {
		if name, ok := sockdiag.UnixName(s.FD, false); ok && name != "" && name[0] == '/' {
			t.Nodes = true
		}
	}
	return t
}

func lookAt(s Held) heldSocket {
	out := heldSocket{Held: s}
	var st unix.Stat_t
	if unix.Fstat(s.FD, &st) != nil {
		return out
	}
	out.inode = st.Ino
	if out.at.typ = kindOf(s.FD); out.at.typ == 0 {
		return out
	}
	if name, ok := sockdiag.UnixName(s.FD, false); ok {
		out.at.name = name
		return out
	}
	sa, err := unix.Getsockname(s.FD)
	if err != nil {
		return out
	}
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		out.at.ip, out.at.port = netip.AddrFrom4(a.Addr), uint16(a.Port)
	case *unix.SockaddrInet6:
		out.at.ip, out.at.port = netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port)
		only, err := unix.GetsockoptInt(s.FD, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
		out.at.v6only = err == nil && only == 1
	}
	return out
}

// Serve deals with one notification, if there is one, without blocking. Its
// only errors are ErrGone and those of a descriptor that is no notification
// descriptor.
func (h *Handover) Serve() error {
	p := []unix.PollFd{{Fd: int32(h.c.FD), Events: unix.POLLIN}}
	if _, err := unix.Poll(p, 0); err != nil {
		if errors.Is(err, unix.EINTR) {
			return nil
		}
		return fmt.Errorf("cannot look for handover calls: %w", err)
	}
	switch ev := p[0].Revents; {
	case ev&unix.POLLIN != 0:
	case ev&unix.POLLHUP != 0:
		return ErrGone
	default:
		return nil
	}
	var n notif
	err := ioctl(h.c.FD, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n))
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINTR) {
		return nil // its process is gone, or was interrupted and will ask again
	}
	if err != nil {
		return fmt.Errorf("cannot receive a handover call: %w", err)
	}
	r := h.answer(&n)
	r.id = n.id
	// A process that has died or was interrupted has no use for an answer
	// (ENOENT).
	_ = ioctl(h.c.FD, unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&r))
	if h.after != nil {
		h.after()
		h.after = nil
	}
	return nil
}

// goOn lets the kernel perform the call as if there were no filter.
func goOn() response { return response{flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE} }

func refuse(e unix.Errno) response { return response{err: -int32(e)} }

func done() response { return response{} }

func (h *Handover) answer(n *notif) response {
	t := &target{notify: h.c.FD, id: n.id, tid: int(n.tid), pidfd: -1}
	if n.tid == 0 {
		return goOn()
	}
	defer t.close()
	switch int(n.nr) {
	case unix.SYS_BIND:
		return h.bind(t, int(int32(n.args[0])), n.args[1], n.args[2])
	case unix.SYS_LISTEN:
		return h.listen(t, int(int32(n.args[0])), int(int32(n.args[1])))
	case unix.SYS_ACCEPT, unix.SYS_ACCEPT4:
		return h.accept(t, int(int32(n.args[0])))
	case sysUnlink:
		return h.unlink(t, unix.AT_FDCWD, n.args[0], 0)
	case unix.SYS_UNLINKAT:
		return h.unlink(t, int(int32(n.args[0])), n.args[1], n.args[2])
	case sysChmod:
		return h.chmod(t, unix.AT_FDCWD, n.args[0], n.args[1])
	case unix.SYS_FCHMODAT, unix.SYS_FCHMODAT2:
		return h.chmod(t, int(int32(n.args[0])), n.args[1], n.args[2])
	}
	return goOn()
}

// note says something about a process of the service.
func (h *Handover) note(t *target, format string, args ...any) {
	if h.c.Events.Note != nil {
		h.c.Events.Note(fmt.Sprintf("process %d ", t.tid) + fmt.Sprintf(format, args...))
	}
}

// listen tells that the process is ready. The held socket listens already,
// so the call succeeds without being performed: the kernel would put the
// daemon's backlog in the place of the unit's.
func (h *Handover) listen(t *target, fd, backlog int) response {
	if len(h.held) == 0 && (h.heard || !h.c.Listens) {
		return goOn()
	}
	inode := t.inode(fd)
	for i := range h.held {
		s := &h.held[i]
		if inode == 0 || s.inode != inode || !t.waits() {
			continue
		}
		on, err := unix.GetsockoptInt(s.FD, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
		if h.c.Events.ListenCalled != nil {
			h.c.Events.ListenCalled(i, int32(t.tid))
		}
		if err == nil && on == 1 {
			return done()
		}
	}
	if h.c.Listens && !h.heard {
		h.firstListen(t, fd, backlog)
	}
	return goOn()
}

// HoldAccepts makes the service's accept(2) on held sockets fail with EAGAIN,
// so that clients stay in the queue: before the service is ready, or while it
// is being stopped. It needs Traps.Accept, and does nothing about a call that
// sleeps in the kernel already.
func (h *Handover) HoldAccepts(on bool) { h.hold = on }

func (h *Handover) accept(t *target, fd int) response {
	if !h.hold {
		return goOn()
	}
	inode := t.inode(fd)
	for i := range h.held {
		if inode != 0 && h.held[i].inode == inode {
			return refuse(unix.EAGAIN)
		}
	}
	return goOn()
}
