// SPDX-License-Identifier: Apache-2.0

package handover

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// bind answers bind(fd, addr, size).
func (h *Handover) bind(t *target, fd int, addr, size uint64) response {
	const smallest, largest = 2, unix.SizeofSockaddrAny
	if size < smallest || size > largest {
		return goOn()
	}
	raw, err := t.memory(addr, int(size))
	if err != nil || uint64(len(raw)) < size {
		if errors.Is(err, unix.EPERM) {
			h.note(t, "binds by itself: it may not be looked into (%v)", err)
		}
		return goOn()
	}
	want, ok := h.parse(t, raw)
	if !ok {
		return goOn()
	}
	inode := t.inode(fd)
	for i := range h.held {
		if inode != 0 && h.held[i].inode == inode {
			// It has the socket: by LISTEN_FDS, or from a manager that
			// died before it could answer.
			if !t.waits() {
				return goOn()
			}
			h.granted(t, grant{held: i, as: want, fd: fd})
			return done()
		}
	}
	sock, err := t.descriptor(fd)
	if err == nil {
		defer unix.Close(sock)
		want.ask(sock)
	} else {
		sock = -1
	}
	ends := make([]endpoint, len(h.held))
	for i := range h.held {
		ends[i] = h.held[i].at
	}
	v := decide(want, ends, h.grants, h.c.Fresh, h.inUse)
	if v.held >= 0 && isForeign(want, ends[v.held]) {
		if len(h.twins(t, v.held, false)) > 0 {
			return h.decoy(t, fd, v.held)
		}
	}
	if v.note != "" {
		h.note(t, "%s", v.note)
	}
	if v.errno != 0 {
		return refuse(v.errno)
	}
	if v.held < 0 || !t.waits() {
		return goOn()
	}
	return h.hand(t, sock, grant{held: v.held, as: want, fd: fd})
}

// hand puts a held socket in the place of the daemon's own, sock, which is a
// copy or -1.
func (h *Handover) hand(t *target, sock int, g grant) response {
	s := &h.held[g.held]
	flags, err := t.flags(g.fd)
	if err == nil {
		// O_NONBLOCK belongs to the open file description, which all that
		// have the socket share: so the daemon's wish is also ours.
		setNonblock(s.FD, flags&unix.O_NONBLOCK != 0)
	}
	var regs []registration
	if sock >= 0 {
		copyOptions(sock, s.FD)
		regs = t.registrations(g.fd)
	} else {
		h.note(t, "was given %s, without the options of its own socket: it may not be looked into", s.at)
	}
	if err := t.install(s.FD, g.fd, flags&unix.O_CLOEXEC != 0); err != nil {
		if !errors.Is(err, unix.ENOENT) {
			h.note(t, "could not be given %s: %v", s.at, err)
		}
		return goOn()
	}
	for _, r := range regs {
		if err := t.register(r, s.FD, g.fd); err != nil {
			h.note(t, "loses its registration of %s with epoll: %v", s.at, err)
		}
	}
	if !isForeign(g.as, s.at) {
		for _, old := range h.twins(t, g.held, true) {
			if old != g.fd {
				h.decoy(t, old, g.held)
			}
		}
	}
	h.granted(t, g)
	return done()
}

// maxGrants is how many handovers are remembered before those are looked for
// whose descriptors are closed: daemons start workers for ever.
const maxGrants = 64

// granted remembers a handover. Those that it excludes are over, as decide
// has found out.
func (h *Handover) granted(t *target, g grant) {
	g.pid = t.processOrZero()
	full := len(h.grants) >= maxGrants
	h.grants = slices.DeleteFunc(h.grants, func(o grant) bool {
		switch {
		case o.held != g.held:
			return false
		case o.pid == g.pid && o.fd == g.fd:
			return true
		case o.as.overlaps(g.as) && !(o.as.shares && g.as.shares):
			return true
		}
		return full && !h.isOpen(o)
	})
	h.grants = append(h.grants, g)
	if h.c.Events.Bound != nil {
		h.c.Events.Bound(g.held, int32(t.tid))
	}
}

func setNonblock(fd int, on bool) {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil || (flags&unix.O_NONBLOCK != 0) == on {
		return
	}
	// It cannot fail on a descriptor that F_GETFL worked on.
	_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETFL, flags^unix.O_NONBLOCK)
}

// parse reads a socket address; false for families that are never held.
func (h *Handover) parse(t *target, raw []byte) (endpoint, bool) {
	switch binary.NativeEndian.Uint16(raw) {
	case unix.AF_INET:
		if len(raw) < unix.SizeofSockaddrInet4 {
			return endpoint{}, false
		}
		ip := netip.AddrFrom4([4]byte(raw[4:8]))
		return endpoint{ip: ip, port: binary.BigEndian.Uint16(raw[2:])}, true
	case unix.AF_INET6:
		// The kernel takes 24 bytes, without the scope, as well.
		if len(raw) < unix.SizeofSockaddrInet6-4 {
			return endpoint{}, false
		}
		ip := netip.AddrFrom16([16]byte(raw[8:24])).Unmap()
		return endpoint{ip: ip, port: binary.BigEndian.Uint16(raw[2:])}, true
	case unix.AF_UNIX:
		name := string(raw[2:])
		if name == "" {
			return endpoint{}, false
		}
		if name[0] == 0 {
			return endpoint{name: "@" + name[1:]}, true
		}
		i, ok := h.node(t, unix.AT_FDCWD, untilNUL(name))
		if !ok {
			return endpoint{}, false
		}
		return endpoint{name: h.held[i].at.name}, true
	}
	return endpoint{}, false
}

// ask completes the endpoint with what the daemon's own socket says.
func (e *endpoint) ask(sock int) {
	get := func(level, opt int) int {
		v, err := unix.GetsockoptInt(sock, level, opt)
		if err != nil {
			return 0
		}
		return v
	}
	e.typ = kindOf(sock)
	e.shares = get(unix.SOL_SOCKET, unix.SO_REUSEPORT) == 1 ||
		(e.typ == unix.SOCK_DGRAM && get(unix.SOL_SOCKET, unix.SO_REUSEADDR) == 1)
	if e.isIP() && !e.ip.Is4() {
		e.v6only = get(unix.IPPROTO_IPV6, unix.IPV6_V6ONLY) == 1
	}
}

// kindOf is the type of a socket, with its protocol in the higher bits where
// that is not the usual one: SCTP and UDP-Lite have ports of their own. MPTCP,
// which Go uses for every listener, is TCP to its clients.
func kindOf(sock int) int {
	typ, err := unix.GetsockoptInt(sock, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return 0
	}
	proto, err := unix.GetsockoptInt(sock, unix.SOL_SOCKET, unix.SO_PROTOCOL)
	if err == nil && proto != 0 && proto != unix.IPPROTO_TCP && proto != unix.IPPROTO_UDP && proto != unix.IPPROTO_MPTCP {
		return typ | proto<<8
	}
	return typ
}
