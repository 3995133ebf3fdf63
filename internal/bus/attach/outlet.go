// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"strings"

	"github.com/rouse-init/rouse/internal/bus/wire"
)

// What is served, as far as it must be known which signals are wanted: a bus
// does not tell what its clients wait for.
const (
	systemdPath    = "/org/freedesktop/systemd1"
	systemdManager = "org.freedesktop.systemd1.Manager"
	upstartPath    = "/com/ubuntu/Upstart"
	rouseIface     = "dev.rouse.Manager1"
)

// Wants is part of bus.Outlet. Signals of systemd1 are for those who have
// called Subscribe, as in systemd. Upstart has no such call and always sent
// them; here somebody must have called it before, which its clients do.
func (b *Bus) Wants(path, iface, _ string) bool {
	switch {
	case !b.up || iface == rouseIface:
		return false
	case path == upstartPath || strings.HasPrefix(path, upstartPath+"/"):
		return b.cfg.Always || b.peers.upstart > 0
	}
	return b.peers.systemd > 0
}

// Listening is part of bus.Outlet.
func (b *Bus) Listening() bool {
	return b.up && (b.cfg.Always || b.peers.upstart > 0 || b.peers.systemd > 0)
}

// Send is part of bus.Outlet.
func (b *Bus) Send(m *wire.Message, fds []int) {
	if b.link == nil || !b.link.greeted {
		closeAll(fds)
		return
	}
	b.link.send(m, fds)
}

// PassesFDs is part of bus.Outlet.
func (b *Bus) PassesFDs() bool { return b.link != nil && b.link.fds }

// listen looks whether a call means that its caller wants signals. It is
// false for Subscribe where there are too many.
func (p *peers) listen(c *peer, m *wire.Message) bool {
	switch {
	case m.Path == systemdPath && (m.Interface == systemdManager || m.Interface == "") && strings.HasSuffix(m.Member, "ubscribe"):
		switch m.Member {
		case "Subscribe":
			if !c.systemd && !p.attend(c) {
				return false
			}
			if !c.systemd {
				p.follow(c)
			}
		case "Unsubscribe":
			if c.systemd {
				c.systemd = false
				p.systemd--
				p.ignore(c)
			}
		}
	case strings.HasPrefix(m.Path, systemdPath) && makesJob(m.Member) && p.trusts(c):
		// systemd sends JobRemoved to who made the job, subscribed or not.
		if !c.systemd && p.attend(c) {
			p.follow(c)
		}
	case m.Path == upstartPath || strings.HasPrefix(m.Path, upstartPath+"/"):
		if !c.upstart && p.attend(c) {
			c.upstart = true
			p.upstart++
		}
	}
	return true
}

// makesJob tells whether a method of systemd1 may make jobs: StartUnit,
// ReloadOrRestart, EnqueueUnitJob, StartTransientUnit and their kin.
func makesJob(member string) bool {
	for _, verb := range [...]string{"Start", "Stop", "Restart", "Reload", "Enqueue"} {
		if strings.Contains(member, verb) {
			return true
		}
	}
	return false
}

// follow has it get the signals of systemd1.
func (p *peers) follow(c *peer) {
	c.systemd = true
	p.systemd++
}

func (p *peers) trusts(c *peer) bool { return c.uid == 0 || c.uid == p.bus.cfg.UID }

// attend has the end of a caller watched.
func (p *peers) attend(c *peer) bool {
	if c.systemd || c.upstart {
		return true
	}
	all, same := 0, 0
	for _, o := range p.byName {
		if o.systemd || o.upstart {
			all++
			if o.uid == c.uid {
				same++
			}
		}
	}
	if all >= maxListeners || !p.trusts(c) && same >= maxOfUser {
		return false
	}
	p.bus.addRule(narrowRule(c.name))
	// It may have gone before the rule was there.
	p.bus.call("GetNameOwner", "s", texts(c.name), func(m *wire.Message, err error) {
		if m != nil && err != nil && p.byName[c.name] == c {
			p.gone(c.name)
		}
	})
	return true
}

// ignore ends that when nothing is wanted any more.
func (p *peers) ignore(c *peer) {
	if !c.systemd && !c.upstart {
		p.bus.removeRule(narrowRule(c.name))
	}
}

// deafen is Unsubscribe of everything.
func (p *peers) deafen(c *peer) {
	if !c.systemd && !c.upstart {
		return
	}
	if c.systemd {
		p.systemd--
	}
	if c.upstart {
		p.upstart--
	}
	c.systemd, c.upstart = false, false
	p.ignore(c)
}
