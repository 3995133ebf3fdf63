// SPDX-License-Identifier: Apache-2.0

package handover

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// endpoint is one address: what a daemon asks for, or what is held.
type endpoint struct {
	// typ is SOCK_STREAM and so on (kindOf); 0: it could not be found out.
	typ int
	// ip and port of an IP socket; ip unmapped, so that it is IPv4 where
	// that is meant.
	ip     netip.Addr
	port   uint16
	v6only bool
	// name of a unix socket: "@abstract", or the path as held.
	name string
	// shares: SO_REUSEPORT, or SO_REUSEADDR of a datagram socket.
	shares bool
}

func (e endpoint) String() string {
	if e.name != "" {
		return e.name
	}
	return netip.AddrPortFrom(e.ip, e.port).String()
}

func (e endpoint) isIP() bool { return e.ip.IsValid() }

func (e endpoint) isAny() bool { return e.isIP() && e.ip.IsUnspecified() }

// coversV4 tells whether the endpoint receives for IPv4 addresses.
func (e endpoint) coversV4() bool { return e.ip.Is4() || (e.isAny() && !e.v6only) }

// overlaps tells whether the kernel would refuse the two side by side.
func (e endpoint) overlaps(o endpoint) bool {
	if e.name != "" || o.name != "" {
		return e.name == o.name
	}
	switch {
	case e.port != o.port:
		return false
	case e.ip == o.ip:
		return true
	case e.isAny():
		return e.ip.Is4() == o.ip.Is4() || (e.coversV4() && o.coversV4())
	case o.isAny():
		return o.overlaps(e)
	}
	return false
}

// How well a held socket serves a request; more is better.
const (
	fitNone = iota
	// fitUnsafe: it would serve, but not for the address families asked for.
	fitUnsafe
	fitLoopback // the loopback address of the other family
	fitInside   // a wildcard is held, one of its addresses asked for
	fitAcross   // a wildcard is asked for, something of the other family held
	fitWithin   // a wildcard is asked for, something of its family held
	fitExact
)

func fit(want, have endpoint) int {
	switch {
	case want.typ != 0 && want.typ != have.typ:
		return fitNone
	case want.name != "" || have.name != "":
		if want.name == have.name {
			return fitExact
		}
		return fitNone
	case want.port != have.port || want.port == 0:
		return fitNone
	case want.isAny() && !want.ip.Is4() && want.v6only && have.ip.Is4():
		// It would open to IPv4 clients a daemon that wants none; without
		// it the daemon would be open to all of IPv6.
		return fitUnsafe
	case want.ip == have.ip:
		if want.isAny() && have.v6only && !want.v6only {
			return fitWithin
		}
		return fitExact
	case want.isAny() && (want.ip.Is4() == have.ip.Is4() || (want.ip.Is4() && have.coversV4())):
		return fitWithin
	case want.isAny():
		return fitAcross
	case have.isAny() && (want.ip.Is4() == have.ip.Is4() || (want.ip.Is4() && have.coversV4())):
		return fitInside
	case want.ip.IsLoopback() && have.ip.IsLoopback() && want.ip.Is4() != have.ip.Is4():
		return fitLoopback
	}
	return fitNone
}

// grant is one bind() that was answered with a held socket.
type grant struct {
	held int
	as   endpoint
	// pid and fd say where it went.
	pid, fd int
}

// verdict is how a bind() is answered.
type verdict struct {
	// held is the socket that is handed over, -1 for none.
	held int
	// errno refuses; with 0 and no socket the call goes its own way.
	errno unix.Errno
	note  string
}

// decide finds the held socket for a bind(). grants are those so far; known
// is false after a restart of the manager, when grants may be missing. inUse
// looks whether any process has held socket i; it is asked only if needed.
// It changes nothing.
func decide(want endpoint, held []endpoint, grants []grant, known bool, inUse func(i int) bool) verdict {
	best, how := -1, fitNone
	onPort := ""
	for i, h := range held {
		if h.isIP() && want.isIP() && h.port == want.port && want.port != 0 {
			onPort = h.String()
		}
		f := fit(want, h)
		if f > how || (f == how && f > fitNone && isGranted(grants, best) && !isGranted(grants, i)) {
			best, how = i, f
		}
	}
	switch {
	case how == fitNone && onPort != "":
		return verdict{held: -1, note: fmt.Sprintf("bound %s itself: on this port only %s is held", want, onPort)}
	case how == fitNone:
		return verdict{held: -1}
	case how == fitUnsafe:
		return verdict{held: -1, errno: unix.EADDRNOTAVAIL, note: fmt.Sprintf(
			"was refused %s for IPv6 only: the socket held on this port is %s", want, held[best])}
	case isTaken(want, best, grants, known) && inUse(best):
		return verdict{held: -1, errno: unix.EADDRINUSE}
	}
	v := verdict{held: best}
	switch {
	case isForeign(want, held[best]):
		v.note = fmt.Sprintf("asked for %s and was given %s: unless it binds an address of IPv6 too, it sees IPv4 clients "+
			"as ::ffff:1.2.3.4, which some daemons (nginx) refuse; ListenStream=%s would suit it", want, held[best], want)
	case how < fitAcross:
		v.note = fmt.Sprintf("asked for %s and was given %s", want, held[best])
	}
	return v
}

// isForeign tells whether a daemon that wants IPv4 would get addresses of
// IPv6 from the held socket. (The other way round every daemon copes.)
func isForeign(want, have endpoint) bool {
	return want.isIP() && want.ip.Is4() && have.isIP() && !have.ip.Is4()
}

func isGranted(grants []grant, held int) bool {
	for _, g := range grants {
		if g.held == held {
			return true
		}
	}
	return false
}

// isTaken tells whether the kernel would refuse the request beside what was
// granted, as a second instance must be: for many daemons bind() is the lock
// that keeps them from running twice.
func isTaken(want endpoint, held int, grants []grant, known bool) bool {
	for _, g := range grants {
		if g.held == held && g.as.overlaps(want) && !(g.as.shares && want.shares) {
			return true
		}
	}
	return !known && !want.shares && !isGranted(grants, held)
}
