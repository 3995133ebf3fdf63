// SPDX-License-Identifier: Apache-2.0

package guardian

import (
	"errors"
	"math/bits"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/guardian/wire"
)

// maxBatch is how many descriptors of several keys go into one packet. With
// more, a socket queue full of packets could pass the limit of descriptors
// in flight (ETOOMANYREFS), which is RLIMIT_NOFILE for all sockets of a user.
const maxBatch = 64

// progress is how far the present manager has been told. It is copied
// before a packet is filled and taken over when the packet was sent.
type progress struct {
	entry   int    // next entry of the store, until Go
	exit    uint64 // sequence number of the next exit
	started bool   // Go was sent
	term    bool   // Terminate was sent
	force   bool   // with Force
	signals uint64 // bit n: signal n is waiting to be sent
	refused int    // refusals that were sent
	lost    uint32 // exits lost that were sent
	stops   int    // stops that were sent
}

// refusal is a Store that could not be done.
type refusal struct{ key, why string }

// flush sends the manager everything that it does not know yet, and never
// waits: what does not fit is sent when epoll says that there is room.
// The lock is held.
func (g *guardian) flush() {
	if g.sock < 0 {
		return
	}
	for {
		p := g.told
		g.packet, g.fds = append(g.packet[:0], wire.Version), g.fds[:0]
		g.fill(&p)
		if len(g.packet) == 1 {
			g.wantRoom(false)
			return
		}
		err := wire.Send(g.sock, g.packet, g.fds)
		if err != nil {
			g.unsent(err)
			return
		}
		g.told = p
		g.settle()
	}
}

// unsent decides when to try again.
func (g *guardian) unsent(err error) {
	switch {
	case errors.Is(err, unix.EAGAIN):
		g.wantRoom(true)
	case errors.Is(err, unix.ETOOMANYREFS), errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.ENOMEM):
		g.crowded = true
		g.wantRoom(true)
	default: // The manager is gone: the reader will see it.
		g.wantRoom(false)
	}
}

// settle forgets what was told and need not be told again.
func (g *guardian) settle() {
	g.exits.lost -= g.told.lost
	g.told.lost = 0
	if g.told.refused == len(g.refused) {
		g.refused, g.told.refused = g.refused[:0], 0
	}
	if g.told.stops == len(g.traps.stops) {
		g.traps.stops, g.told.stops = g.traps.stops[:0], 0
	}
}

// fill fills one packet.
func (g *guardian) fill(p *progress) {
	m := &g.out
	if !p.started {
		g.fillStore(p)
		if p.entry < len(g.store.entries) {
			return
		}
	}
	for ; p.exit < g.exits.next(); p.exit++ {
		*m = wire.Msg{Kind: wire.Exited, Seq: p.exit, Exit: *g.exits.at(p.exit)}
		if !g.add(m) {
			return
		}
	}
	if !p.started {
		*m = wire.Msg{Kind: wire.Go, Start: g.startInfo()}
		if !g.add(m) {
			return
		}
		p.started, p.term, p.force = true, g.terminate, g.force
	}
	g.fillRest(p)
}

// fillStore fills in entries of the store, as many as one packet takes.
func (g *guardian) fillStore(p *progress) {
	m := &g.out
	for ; p.entry < len(g.store.entries); p.entry++ {
		e := &g.store.entries[p.entry]
		if len(e.fds) == 0 {
			continue
		}
		if len(g.fds) > 0 && len(g.fds)+len(e.fds) > maxBatch {
			return
		}
		have := len(g.fds)
		for _, fd := range e.fds {
			g.fds = append(g.fds, int(fd))
		}
		*m = wire.Msg{Kind: wire.Stored, Key: e.key, FDs: g.fds[have:]}
		if !g.add(m) {
			g.fds = g.fds[:have]
			return
		}
	}
}

// fillRest fills in what only a started manager is told.
func (g *guardian) fillRest(p *progress) {
	m := &g.out
	if g.terminate && (!p.term || g.force && !p.force) {
		*m = wire.Msg{Kind: wire.Terminate, Force: g.force, Sig: g.termSig}
		if g.add(m) {
			p.term, p.force = true, g.force
		}
	}
	for p.signals != 0 {
		sig := bits.TrailingZeros64(p.signals)
		*m = wire.Msg{Kind: wire.Signal, Sig: uint8(sig)}
		if !g.add(m) {
			return
		}
		p.signals &^= 1 << sig
	}
	for ; p.refused < len(g.refused); p.refused++ {
		*m = wire.Msg{Kind: wire.Refused, Key: g.refused[p.refused].key, Text: g.refused[p.refused].why}
		if !g.add(m) {
			return
		}
	}
	for ; p.stops < len(g.traps.stops); p.stops++ {
		*m = wire.Msg{Kind: wire.Stopped, Pid: g.traps.stops[p.stops].pid, Sig: g.traps.stops[p.stops].sig}
		if !g.add(m) {
			return
		}
	}
	if g.exits.lost > 0 {
		*m = wire.Msg{Kind: wire.Lost, Count: g.exits.lost}
		if g.add(m) {
			p.lost = g.exits.lost
		}
	}
}

// add adds m to the packet if there is room.
func (g *guardian) add(m *wire.Msg) bool {
	if len(g.packet)+wire.Size(m) > wire.MaxPacket {
		return false
	}
	g.packet = wire.Append(g.packet, m)
	return true
}

// wantRoom tells epoll whether to report that the socket has room.
func (g *guardian) wantRoom(want bool) {
	if want == g.blocked {
		return
	}
	g.blocked = want
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(g.sock)}
	if want {
		ev.Events |= unix.EPOLLOUT
	}
	_ = unix.EpollCtl(g.ep, unix.EPOLL_CTL_MOD, g.sock, &ev) // fails only without memory; the next message flushes
}
