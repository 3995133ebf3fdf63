// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"net/netip"
	"slices"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/linux/socket"
	"github.com/rouse-init/rouse/internal/unit"
)

// bound is one address that a socket unit wants.
type bound struct {
	unit *unit.Unit
	line unit.Listen
	at   socket.Address
}

// place is what two addresses share that exclude each other: whichever host.
type place struct {
	kind unit.ListenKind
	port uint16
	path string
}

// addresses reports sockets that want one address, whatever files of whatever
// formats they are in: only one of them can listen.
func (c *checker) addresses(units []*unit.Unit, own map[string]bool) {
	taken := map[place][]bound{}
	for _, u := range units {
		if u.Socket == nil || u.Load != unit.Loaded || u.Socket.MemberOf != "" {
			continue
		}
		for _, l := range u.Socket.Listens {
			if l.Kind != unit.ListenStream && l.Kind != unit.ListenDatagram && l.Kind != unit.ListenSeqpacket {
				continue
			}
			a, err := socket.Parse(l.Kind, l.Address)
			if err != nil {
				continue // loading has said so
			}
			b := bound{unit: u, line: l, at: a}
			p := place{kind: l.Kind, port: uint16(a.Port), path: a.Path}
			if i := slices.IndexFunc(taken[p], b.excludes); i >= 0 && (own[u.Name] || own[taken[p][i].unit.Name]) {
				o := taken[p][i]
				c.add(u, diag.Warning, CodeAddress, l.Pos, "cannot listen on %s: %s (%s) does", l.Address, o.unit.Name, o.line.Pos).Fix = "give one of them another address"
			}
			taken[p] = append(taken[p], b)
		}
	}
}

// excludes tells whether two units cannot listen at one time. Units that
// conflict are not meant to.
func (b bound) excludes(o bound) bool {
	s, t := b.unit.Socket, o.unit.Socket
	if b.unit == o.unit || !b.at.Excludes(o.at) || conflict(b.unit, o.unit) || conflict(o.unit, b.unit) {
		return false
	}
	x, y := optionsOf(s), optionsOf(t)
	if x.ReusePort != nil && *x.ReusePort && y.ReusePort != nil && *y.ReusePort || x.BindToDevice != y.BindToDevice {
		return false
	}
	return !(b.only6() && is4(o.at.IP) || o.only6() && is4(b.at.IP))
}

func optionsOf(s *unit.Socket) unit.SocketOptions {
	if s.Options != nil {
		return *s.Options
	}
	return unit.SocketOptions{}
}

func (b bound) only6() bool {
	return b.at.IP.Is6() && !b.at.IP.Is4In6() && (b.unit.Socket.BindIPv6Only == unit.IPv6Only || !b.at.IP.IsUnspecified())
}

func is4(a netip.Addr) bool { return a.Is4() || a.Is4In6() }

func conflict(a, b *unit.Unit) bool {
	return slices.ContainsFunc(a.Deps, func(d unit.Dep) bool { return d.Kind == unit.Conflicts && d.Name == b.Name })
}
