// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"fmt"
	"strings"

	"github.com/rouse-init/rouse/internal/bus/wire"
)

// callError is an error that the bus answered with.
type callError struct{ name, msg string }

func (e *callError) Error() string { return e.msg + " (" + e.name + ")" }

// call calls a method of the bus itself, if it is there. reply may be nil; it
// is called once, with an error when the connection ends before.
func (b *Bus) call(member, sig string, args func(*wire.Encoder), reply func(*wire.Message, error)) {
	l := b.link
	if l == nil || l.auth != authDone {
		return // hello asks for all that is wanted
	}
	var e wire.Encoder
	if args != nil {
		args(&e)
	}
	m := wire.Message{
		Type: wire.MethodCall, Flags: wire.NoAutoStart, Path: driverPath, Interface: driver, Member: member,
		Destination: driver, Signature: sig, Body: e.Data(),
	}
	if reply == nil {
		m.Flags |= wire.NoReply
		l.send(&m, nil)
		return
	}
	serial := l.send(&m, nil)
	if l.fd >= 0 {
		l.calls[serial] = reply
	}
}

// texts writes the arguments of a call that are all strings.
func texts(v ...string) func(*wire.Encoder) {
	return func(e *wire.Encoder) {
		for _, s := range v {
			e.String(s)
		}
	}
}

// send queues a message and takes its descriptors. It returns its serial.
func (l *link) send(m *wire.Message, fds []int) uint32 {
	if l.fd < 0 {
		closeAll(fds)
		return 0
	}
	if l.serial++; l.serial == 0 {
		l.serial = 1 // 0 is not a serial
	}
	m.Serial, m.NFDs, m.Sender = l.serial, uint32(len(fds)), ""
	serial := l.serial
	l.queue(chunk{data: wire.Append(nil, m), fds: fds})
	return serial
}

// reply gives an answer of the bus to who waits for it.
func (l *link) reply(m *wire.Message) {
	fn := l.calls[m.ReplySerial]
	if fn == nil {
		return
	}
	delete(l.calls, m.ReplySerial)
	if m.Type != wire.Error {
		fn(m, nil)
		return
	}
	failed := &callError{name: m.ErrorName, msg: "no reason given"}
	if m.Signature != "" && m.Signature[0] == 's' {
		failed.msg = m.Decoder().String()
	}
	fn(m, failed)
}

// failCalls answers all calls that were still open when the link ended.
func (l *link) failCalls(why error) {
	calls := l.calls
	l.calls = nil
	for _, fn := range calls {
		fn(nil, fmt.Errorf("message bus: %w", why))
	}
}

// hello registers with the bus and asks at once for all that we want of it:
// the bus deals with it in order.
func (l *link) hello() {
	b := l.bus
	b.call("Hello", "", nil, func(m *wire.Message, err error) {
		if err != nil {
			if l == b.link {
				l.fail(err)
			}
			return
		}
		l.unique, l.greeted = m.Decoder().String(), true
	})
	l.waiting = len(b.cfg.Names)
	for _, name := range b.cfg.Names {
		b.call("RequestName", "su", func(e *wire.Encoder) { e.String(name); e.Uint32(0) }, func(m *wire.Message, err error) {
			if l != b.link {
				return
			}
			b.requested(name, m, err)
			if l.waiting--; l.waiting == 0 {
				b.arrived()
			}
		})
	}
	if l.waiting == 0 {
		b.call("GetId", "", nil, func(*wire.Message, error) {
			if l == b.link {
				b.arrived()
			}
		})
	}
	b.askAgain(true)
	for _, n := range b.names {
		b.ask(n)
	}
	b.askAgain(false)
}

// askAgain gives the bus our match rules: those for names, which must be there
// before it is asked who has them, or the others.
func (b *Bus) askAgain(forNames bool) {
	for rule := range b.rules {
		if strings.HasPrefix(rule, wideRule) == forNames {
			b.call("AddMatch", "s", texts(rule), b.ruleAdded(rule))
		}
	}
}

// The answers to RequestName.
const (
	nameOwner   = 1
	nameQueued  = 2
	nameAlready = 4
)

// requested looks at the bus's answer to the request for a name.
func (b *Bus) requested(name string, m *wire.Message, err error) {
	if err != nil {
		b.trouble(fmt.Sprintf("message bus: cannot own the name %s: %v\n    fix: install the policy file dev.rouse.conf in /usr/share/dbus-1/system.d", name, err))
		return
	}
	switch m.Decoder().Uint32() {
	case nameOwner, nameAlready:
	case nameQueued:
		b.trouble(fmt.Sprintf("message bus: name %s has another owner; waiting for it", name))
	}
}

// nameLost says so when somebody took a name of ours.
func (b *Bus) nameLost(name string) {
	for _, n := range b.cfg.Names {
		if n == name && b.up {
			b.trouble(fmt.Sprintf("message bus: the name %s was taken away", name))
		}
	}
}

// Reload has the bus read its configuration and .service files again. done,
// which may be nil, is told how it went; where there is no bus it is not
// called, since the next bus reads them anyhow.
func (b *Bus) Reload(done func(error)) {
	if done == nil {
		done = func(error) {}
	}
	b.call("ReloadConfig", "", nil, func(_ *wire.Message, err error) { done(err) })
}
