// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"bytes"
	"strings"

	"github.com/rouse-init/rouse/internal/bus"
	"github.com/rouse-init/rouse/internal/bus/wire"
)

// The limits of what others on the bus can make us hold.
const (
	// maxPeers callers are remembered; of those that want nothing the one
	// that was silent for longest is forgotten.
	maxPeers = 256
	// maxCalls is how many unanswered calls one caller may have.
	maxCalls = 256
	// Calls are held until the bus has said who the caller is.
	maxHeld, maxHeldBytes, maxHeldFDs = 512, 4 << 20, 64
	// maxListeners callers, and maxOfUser of one user that is not trusted,
	// may make us send signals.
	maxListeners, maxOfUser = 64, 8
)

// nobody is the user id of a caller of whom the bus does not say who it is.
const nobody = ^uint32(0)

// peer is a caller.
type peer struct {
	name   string
	remote *bus.Remote // nil until it is known who it is
	uid    uint32
	held   []held
	used   uint64
	// What it wants signals of; its end is watched then.
	systemd, upstart bool
}

// held is a call that waits for its caller to be known.
type held struct {
	m   wire.Message
	fds []int
}

// peers are the callers on the bus.
type peers struct {
	bus     *Bus
	byName  map[string]*peer
	used    uint64
	held    int
	bytes   int
	fds     int
	systemd int // how many want signals of systemd1
	upstart int // of com.ubuntu.Upstart
}

// call takes a method call and its descriptors.
func (p *peers) call(m *wire.Message, fds []int) {
	if p.bus.cfg.Server == nil || !strings.HasPrefix(m.Sender, ":") {
		closeAll(fds)
		p.bus.refuse(m, bus.ErrUnknownObject, "there is no object %s", m.Path)
		return
	}
	c := p.byName[m.Sender]
	if c == nil {
		if c = p.add(m.Sender); c == nil {
			closeAll(fds)
			p.bus.refuse(m, bus.ErrLimits, "there are too many callers")
			return
		}
	}
	p.used++
	c.used = p.used
	if c.remote != nil {
		p.run(c, m, fds)
		return
	}
	if p.held >= maxHeld || p.bytes+len(m.Body) > maxHeldBytes || p.fds+len(fds) > maxHeldFDs || len(c.held) >= maxCalls {
		closeAll(fds)
		p.bus.refuse(m, bus.ErrLimits, "there are too many calls at once")
		return
	}
	h := held{*m, fds}
	h.m.Body = bytes.Clone(m.Body)
	c.held = append(c.held, h)
	p.held, p.bytes, p.fds = p.held+1, p.bytes+len(m.Body), p.fds+len(fds)
}

// run calls the method.
func (p *peers) run(c *peer, m *wire.Message, fds []int) {
	if p.byName[c.name] != c { // an answer before this one ended it all
		closeAll(fds)
		return
	}
	if c.remote.Calls() >= maxCalls {
		closeAll(fds)
		p.bus.refuse(m, bus.ErrLimits, "caller has %d unanswered calls", maxCalls)
		return
	}
	if !p.listen(c, m) {
		closeAll(fds)
		p.bus.refuse(m, bus.ErrLimits, "there are too many subscribers")
		return
	}
	c.remote.Call(m, fds)
}

// add begins with a caller and asks who it is; nil where there are too many.
func (p *peers) add(name string) *peer {
	if len(p.byName) >= maxPeers && !p.evict() {
		return nil
	}
	c := &peer{name: name}
	if p.byName == nil {
		p.byName = make(map[string]*peer)
	}
	p.byName[name] = c
	p.bus.call("GetConnectionCredentials", "s", texts(name), func(m *wire.Message, err error) {
		if p.byName[name] != c {
			return
		}
		uid, pid := nobody, int32(0)
		if err == nil {
			uid, pid = credentials(m)
		}
		p.identify(c, uid, pid)
	})
	return c
}

// credentials reads an a{sv} of the D-Bus specification.
func credentials(m *wire.Message) (uid uint32, pid int32) {
	uid = nobody
	if m.Signature != "a{sv}" {
		return uid, 0
	}
	d := m.Decoder()
	for end := d.Array('{'); d.More(end); {
		d.Struct()
		key, v := d.String(), d.Variant()
		n, ok := v.Value.(uint32)
		switch {
		case !ok:
		case key == "UnixUserID":
			uid = n
		case key == "ProcessID":
			pid = int32(n)
		}
	}
	return uid, pid
}

// identify answers what a caller has asked so far.
func (p *peers) identify(c *peer, uid uint32, pid int32) {
	c.uid = uid
	c.remote = p.bus.cfg.Server.NewRemote(p.bus, c.name, uid, pid)
	list := c.held
	p.release(c)
	for i := range list {
		p.run(c, &list[i].m, list[i].fds)
	}
}

// release empties the list of held calls, whose descriptors are the caller's.
func (p *peers) release(c *peer) {
	for i := range c.held {
		p.held, p.bytes, p.fds = p.held-1, p.bytes-len(c.held[i].m.Body), p.fds-len(c.held[i].fds)
	}
	c.held = nil
}

// evict forgets a caller that waits for nothing.
func (p *peers) evict() bool {
	var oldest *peer
	for _, c := range p.byName {
		idle := c.remote != nil && c.remote.Calls() == 0 && !c.systemd && !c.upstart
		if idle && (oldest == nil || c.used < oldest.used) {
			oldest = c
		}
	}
	if oldest == nil {
		return false
	}
	p.forget(oldest)
	return true
}

// gone is told when a unique name is no longer on the bus.
func (p *peers) gone(name string) {
	if c := p.byName[name]; c != nil {
		p.deafen(c)
		p.forget(c)
	}
}

func (p *peers) forget(c *peer) {
	for i := range c.held {
		closeAll(c.held[i].fds)
	}
	p.release(c)
	if c.remote != nil {
		c.remote.Close()
	}
	delete(p.byName, c.name)
}

// clear forgets all: the bus is gone.
func (p *peers) clear() {
	for name := range p.byName {
		p.gone(name)
	}
}
