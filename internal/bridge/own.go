// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"net"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/linux/sockdiag"
)

// A bridge that leads to itself would be its own client, again and again, until
// it has no descriptor left. errOwn stands for that where an error number is
// expected; the kernel's end at 4095.
const errOwn unix.Errno = 4096

// place is where a listener can be reached.
type place struct {
	at       netip.AddrPort
	only6    bool
	abstract string // "@name"
	dev, ino uint64 // of its node; ino 0 is none
	net      uint64 // cookie of its network namespace, 0 where the kernel has none (before 5.14)
}

func (li *listener) findPlace(local *sockaddr) {
	p := &li.place
	p.at, p.net = local.inet(), netOf(li.fd)
	if local.family() == unix.AF_INET6 {
		only, err := unix.GetsockoptInt(int(li.fd), unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
		p.only6 = err == nil && only != 0
	}
	if p.at.IsValid() {
		return
	}
	name, _ := sockdiag.UnixName(int(li.fd), false)
	if strings.HasPrefix(name, "@") {
		p.abstract = name
		return
	}
	var st unix.Stat_t
	if name != "" && unix.Lstat(name, &st) == nil && sockdiag.OwnsNode(int(li.fd), name) {
		p.dev, p.ino = uint64(st.Dev), st.Ino //nolint:unconvert // uint32 on some
	}
}

func netOf(fd int32) uint64 {
	cookie, err := unix.GetsockoptUint64(int(fd), unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	if err != nil {
		return 0
	}
	return cookie
}

// leadsHere tells whether who connects to a gets to one of our own listeners.
// It asks the kernel only when a port or a kind of name is the same.
func (b *Bridge) leadsHere(a *sockaddr) bool {
	to := a.inet()
	for _, li := range b.all {
		p := &li.place
		switch {
		case to.IsValid():
			if p.reaches(to) && p.inOurNet() {
				return true
			}
		case p.abstract != "":
			if a.unixName() == p.abstract && p.inOurNet() {
				return true
			}
		case p.ino != 0:
			var st unix.Stat_t
			if unix.Stat(a.unixName(), &st) == nil && st.Ino == p.ino && uint64(st.Dev) == p.dev { //nolint:unconvert // uint32 on some
				return true
			}
		}
	}
	return false
}

// reaches tells whether a listener has what is sent to an address.
func (p *place) reaches(to netip.AddrPort) bool {
	if !p.at.IsValid() || p.at.Port() != to.Port() {
		return false
	}
	here, addr := p.at.Addr().WithZone(""), to.Addr().WithZone("")
	if addr.IsUnspecified() { // the kernel takes it for loopback
		if addr.Is4() {
			addr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		} else {
			addr = netip.IPv6Loopback()
		}
	}
	if here == addr {
		return true
	}
	return here.IsUnspecified() && (here.Is4() == addr.Is4() || here.Is6() && !p.only6) && ofThisHost(addr)
}

func ofThisHost(addr netip.Addr) bool {
	if addr.IsLoopback() {
		return true
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok && ip.Unmap() == addr {
				return true
			}
		}
	}
	return false
}

// inOurNet: a bridge may have a listener of another network namespace, where the
// same address is another one.
func (p *place) inOurNet() bool {
	if p.net == 0 {
		return true
	}
	fd, errno := sysSocket(unix.AF_UNIX, unix.SOCK_STREAM)
	if errno != 0 {
		return true
	}
	defer sysClose(fd)
	return netOf(fd) == p.net
}

// checkOwn refuses a backend all of whose addresses are our own.
func (b *Bridge) checkOwn() error {
	for _, be := range b.backends {
		list, own := be.addrs(), 0
		for i := range list {
			if b.leadsHere(&list[i]) {
				own++
			}
		}
		if own > 0 && own == len(list) {
			return diag.Diagnostic{
				Severity: diag.Error, Msg: "cannot bridge to " + be.text + ": the bridge listens there itself",
				Fix: "have the daemon listen on another address than " + strings.Join(b.Addrs(), ", "),
			}
		}
	}
	return nil
}

// reason is why an attempt came to nothing, in words.
func reason(errno unix.Errno) string {
	if errno == errOwn {
		return "the bridge listens there itself"
	}
	return errno.Error()
}
