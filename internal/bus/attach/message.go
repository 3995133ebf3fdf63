// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/rouse-init/rouse/internal/bus"
	"github.com/rouse-init/rouse/internal/bus/wire"
)

// The bus itself.
const (
	driver     = "org.freedesktop.DBus"
	driverPath = "/org/freedesktop/DBus"
)

// maxHeader is the longest header that is looked at to refuse its message
// politely.
const maxHeader = 64 << 10

// process deals with all messages that are complete. What anybody on the bus
// can send never ends the connection; what only the bus itself can get wrong
// does.
func (l *link) process() {
	for l.fd >= 0 && l.outSize < pauseQueue {
		if l.skip > 0 {
			n := min(l.skip, len(l.in))
			l.in, l.skip = l.in[n:], l.skip-n
		}
		if len(l.in) < wire.HeaderSize {
			break
		}
		size, header, err := frame(l.in)
		if err != nil {
			l.fail(err)
			return
		}
		if size > wire.MaxMessage {
			if len(l.in) < min(header, maxHeader) {
				break
			}
			l.refuseLarge(header)
			l.skip = size
			continue
		}
		if len(l.in) < size {
			break
		}
		m, err := wire.Parse(l.in[:size])
		if err == nil && m.Signature != "" {
			err = wire.CheckBody(&m)
		}
		l.in = l.in[size:]
		if err != nil && m.Type == 0 {
			l.lost = true // it may have had some, and nobody knows how many
		}
		fds, whole := l.claim(int(m.NFDs))
		l.handle(&m, fds, whole, err)
	}
	if len(l.in) == 0 && l.skip == 0 {
		closeAll(l.inFDs)
		l.in, l.inFDs, l.lost = nil, nil, false
	}
}

// frame is the length of the message that starts with head, and that of its
// header with what pads it.
func frame(head []byte) (size, header int, err error) {
	var order binary.ByteOrder = binary.LittleEndian
	switch {
	case head[3] != 1, head[0] != 'l' && head[0] != 'B':
		return 0, 0, fmt.Errorf("it sent something that is no message (% x)", head[:4])
	case head[0] == 'B':
		order = binary.BigEndian
	}
	const most = 1 << 27 // the D-Bus specification's limit for all of it
	body, fields := order.Uint32(head[4:]), order.Uint32(head[12:])
	if body > most || fields > most {
		return 0, 0, errors.New("it sent a message of more than 128 MiB")
	}
	header = int(wire.HeaderSize+fields+7) &^ 7
	return header + int(body), header, nil
}

// refuseLarge answers the call that begins here and that is not read.
func (l *link) refuseLarge(header int) {
	if header > maxHeader {
		l.lost = true
		return
	}
	head := append([]byte(nil), l.in[:header]...)
	clear(head[4:8]) // no body
	m, err := wire.Parse(head)
	if err != nil {
		l.lost = true
		return
	}
	fds, _ := l.claim(int(m.NFDs))
	closeAll(fds)
	l.bus.refuse(&m, bus.ErrLimits, "message has more than %d bytes", wire.MaxMessage)
}

// claim takes the descriptors of the message that is dealt with. A sender may
// have passed more than we could take: then it has none.
func (l *link) claim(n int) (fds []int, whole bool) {
	if n == 0 {
		return nil, true
	}
	if n > len(l.inFDs) || l.lost {
		closeAll(l.inFDs[:min(n, len(l.inFDs))])
		l.inFDs = l.inFDs[min(n, len(l.inFDs)):]
		return nil, false
	}
	fds = l.inFDs[:n:n]
	l.inFDs = l.inFDs[n:]
	return fds, true
}

// handle deals with one message, whose descriptors it takes.
func (l *link) handle(m *wire.Message, fds []int, whole bool, err error) {
	b := l.bus
	switch {
	case err != nil:
		// Our limits are narrower than the bus's.
		closeAll(fds)
		b.refuse(m, bus.ErrArgs, "cannot understand message: %v", err)
		return
	case !whole:
		b.refuse(m, bus.ErrLimits, "cannot take the message's file descriptors")
		return
	}
	switch m.Type {
	case wire.MethodCall:
		b.peers.call(m, fds)
		return
	case wire.MethodReturn, wire.Error:
		if m.Sender == driver {
			l.reply(m)
		}
	case wire.Signal:
		b.signal(m)
	}
	closeAll(fds)
}

// refuse answers a call with an error.
func (b *Bus) refuse(m *wire.Message, name, format string, args ...any) {
	if m.Type != wire.MethodCall || m.Flags&wire.NoReply != 0 || m.Sender == "" || m.Serial == 0 {
		return
	}
	var e wire.Encoder
	e.String(fmt.Sprintf(format, args...))
	b.Send(&wire.Message{
		Type: wire.Error, Flags: wire.NoReply, ReplySerial: m.Serial, Destination: m.Sender,
		ErrorName: name, Signature: "s", Body: e.Data(),
	}, nil)
}

// signal gives a signal to all that it concerns.
func (b *Bus) signal(m *wire.Message) {
	if m.Sender == driver {
		b.driverSignal(m)
	}
	for _, w := range b.matches {
		if w.rule.fits(m) {
			w.fn(m)
		}
	}
	b.events.signal(b, m)
}

// driverSignal deals with signals that only the bus itself can send.
func (b *Bus) driverSignal(m *wire.Message) {
	switch {
	case m.Interface == driver && m.Member == "NameOwnerChanged" && m.Signature == "sss":
		d := m.Decoder()
		name, _, owner := d.String(), d.String(), d.String()
		b.ownerChanged(name, owner)
		if owner == "" {
			b.peers.gone(name)
		}
	case m.Interface == driver && m.Member == "NameLost" && m.Signature == "s":
		b.nameLost(m.Decoder().String())
	case activationRequest(m) && !b.link.known:
		b.activation(m.Decoder().String())
	}
}
