// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/linux/handover"
	"github.com/rouse-init/rouse/internal/linux/poll"
	"github.com/rouse-init/rouse/internal/linux/spawn"
	"github.com/rouse-init/rouse/internal/unit"
)

// handedOver is a service whose bind() is answered with our sockets.
type handedOver struct {
	fd int
	h  *handover.Handover
}

// The child of a spawn sends its notification descriptor over the pair under
// pairKey. The guardian holds both ends, so that a descriptor which is on its
// way when we die waits for the next manager; then it is kept under seccompKey.
const pairKey = "handover"

func seccompKey(name string) string { return "seccomp\x1f" + name }

// handoverPair makes the pair at its first use.
func (m *Manager) handoverPair() (int, error) {
	if m.handTx > 0 {
		return m.handTx, nil
	}
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	if err := m.guard.Store(pairKey, p[0], p[1]); err != nil {
		return 0, err
	}
	return p[1], m.watchPair(p[0], p[1])
}

func (m *Manager) watchPair(rx, tx int) error {
	m.handRx, m.handTx = rx, tx
	return m.loop.Add(rx, poll.In, func(uint32) { m.receiveHandover() })
}

// handover gives the main process its filter, where one of its sockets is to
// be had by bind().
func (p *preparation) handover() error {
	if !p.main() || p.u.Service == nil {
		return nil
	}
	held := p.m.heldFor(p.u, p.order.Sockets)
	if len(held) == 0 && !p.expectsListen() {
		return nil
	}
	if !handover.Supported() {
		p.m.sayOnce("handover", "%s: X-Handover=bind cannot be done on this architecture; the service gets LISTEN_FDS", p.u.Name)
		return nil
	}
	tx, err := p.m.handoverPair()
	if err != nil {
		return launchError{status: 228, step: "handover", directive: "X-Handover", err: fmt.Errorf("cannot hand over by bind: %w", err)}
	}
	p.m.dropHandover(p.u.Name)
	traps := handover.TrapsFor(held)
	traps.Accept = p.u.Service.Readiness == unit.ReadyHold
	p.spec.Seccomp = append(p.spec.Seccomp, spawn.Filter{
		Prog:     handover.Filter(traps),
		Listener: &spawn.Message{Fd: tx, Data: []byte(p.u.Name)},
	})
	// Without CAP_SYS_ADMIN the kernel wants no_new_privs before a filter.
	if p.m.uid != 0 || p.spec.IDs != nil && p.spec.IDs.HasUID && p.spec.IDs.UID != 0 {
		p.spec.NoNewPrivs = true
	}
	return nil
}

// heldFor are the sockets that the service may bind to. With HandoverBoth it
// has them as LISTEN_FDS too, from descriptor 3 on.
func (m *Manager) heldFor(u *unit.Unit, sockets []string) []handover.Held {
	var held []handover.Held
	fd := 3
	for _, name := range sockets {
		def := m.engine.Def(name)
		if def == nil || def.Socket == nil {
			continue
		}
		s := def.Socket
		for _, l := range m.socket(name).listeners {
			h := handover.Held{FD: l.FD, Mode: s.Mode}
			if s.Handover != unit.HandoverBind && s.Handover != unit.HandoverStdio {
				h.PassedAs = fd
				fd++
			}
			if s.Handover == unit.HandoverBind || s.Handover == unit.HandoverBoth {
				held = append(held, h)
			}
		}
	}
	return append(held, m.heldSources(u, fd)...)
}

// receiveHandover takes a notification descriptor from a child.
func (m *Manager) receiveHandover() {
	var buf [256]byte
	oob := make([]byte, unix.CmsgSpace(4))
	n, oobn, _, _, err := unix.Recvmsg(m.handRx, buf[:], oob, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return
	}
	cms, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(cms) == 0 {
		return
	}
	fds, err := unix.ParseUnixRights(&cms[0])
	if err != nil || len(fds) == 0 {
		return
	}
	name := string(buf[:n])
	m.must(m.guard.Store(seccompKey(name), fds[0]))
	m.serveHandover(name, fds[0], true)
}

func (m *Manager) serveHandover(name string, fd int, fresh bool) {
	u := m.engine.Def(name)
	if u == nil || u.Service == nil {
		unix.Close(fd)
		m.must(m.guard.Drop(seccompKey(name)))
		return
	}
	if old := m.handed[name]; old != nil && old.fd != fd {
		m.loop.Remove(old.fd)
		unix.Close(old.fd)
	}
	h := handover.New(handover.Config{
		FD: fd, Held: m.heldFor(u, m.engine.Sockets(name)), Fresh: fresh,
		Listens: u.Service != nil && u.Service.Readiness == unit.ReadyListen,
		Pids:    func() []int { return m.pidsOf(u) },
		Events: handover.Events{
			ListenCalled: func(int, int32) { m.feed(engine.ListenCalled{Unit: name}) },
			Note:         func(msg string) { m.say("%s: %s", name, msg) },
		},
	})
	m.handed[name] = &handedOver{fd: fd, h: h}
	m.holdAccepts(name)
	if err := m.loop.Add(fd, poll.In, func(uint32) { m.answerHandover(name, h) }); err != nil {
		m.say("%s: %v", name, err)
	}
}

// holdAccepts keeps clients in the queue until the service is ready, where
// X-Readiness=hold says so.
func (m *Manager) holdAccepts(name string) {
	h := m.handed[name]
	if h == nil {
		return
	}
	v, ok := m.engine.Unit(name)
	if ok && v.Unit.Service != nil && v.Unit.Service.Readiness == unit.ReadyHold {
		h.h.HoldAccepts(v.Active == engine.Activating || v.Active == engine.Deactivating)
	}
}

func (m *Manager) answerHandover(name string, h *handover.Handover) {
	err := h.Serve()
	if err == nil {
		return
	}
	if !errors.Is(err, handover.ErrGone) {
		m.say("%s: %v", name, err)
	}
	m.dropHandover(name)
}

// dropHandover ends the handover of a dead run.
func (m *Manager) dropHandover(name string) {
	h := m.handed[name]
	if h == nil {
		return
	}
	delete(m.handed, name)
	m.loop.Remove(h.fd)
	unix.Close(h.fd)
	m.must(m.guard.Drop(seccompKey(name)))
}

// resumeHandovers goes on where our predecessor died. A call that it had
// received is never offered again: its process is stopped and continued, and
// the kernel issues the call anew.
func (m *Manager) resumeHandovers(in *inheritance) {
	if p := in.stored[pairKey]; len(p) == 2 {
		if err := m.watchPair(p[0], p[1]); err != nil {
			m.say("%v", err)
		}
	}
	for key, fds := range in.stored {
		name, ok := strings.CutPrefix(key, "seccomp\x1f")
		if !ok {
			continue
		}
		m.serveHandover(name, fds[0], false)
		if u := m.engine.Def(name); u != nil {
			handover.Kick(m.pidsOf(u))
		}
	}
}

// handoverMode says in words what X-Handover=bind can do here.
func (m *Manager) handoverMode() string {
	switch {
	case !handover.Supported():
		return "not on this architecture"
	case m.uid != 0:
		return "by seccomp notification, with no_new_privs"
	}
	return "by seccomp notification"
}
