// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Type is the type of a message.
type Type byte

// The message types.
const (
	MethodCall Type = iota + 1
	MethodReturn
	Error
	Signal
)

// The flags of a message.
const (
	NoReply       = 1
	NoAutoStart   = 2
	AllowInteract = 4
)

// The codes of header fields.
const (
	fieldPath = iota + 1
	fieldInterface
	fieldMember
	fieldErrorName
	fieldReplySerial
	fieldDestination
	fieldSender
	fieldSignature
	fieldFDs
)

// Message is one message. Empty fields are left out of its header.
type Message struct {
	Type        Type
	Flags       byte
	Serial      uint32
	ReplySerial uint32
	Path        string
	Interface   string
	Member      string
	ErrorName   string
	Destination string
	Sender      string
	Signature   string
	// NFDs is how many descriptors come with it.
	NFDs uint32
	// Body of a parsed message is part of the buffer it was parsed from.
	Body []byte

	big bool
}

// Decoder reads the body.
func (m *Message) Decoder() *Decoder {
	var order binary.ByteOrder = binary.LittleEndian
	if m.big {
		order = binary.BigEndian
	}
	return NewDecoder(m.Body, order)
}

// HeaderSize is what Size needs to see.
const HeaderSize = 16

// Size is the length of the message that starts with head.
func Size(head []byte) (int, error) {
	if len(head) < HeaderSize {
		return 0, ErrShort
	}
	var order binary.ByteOrder
	switch head[0] {
	case 'l':
		order = binary.LittleEndian
	case 'B':
		order = binary.BigEndian
	default:
		return 0, fmt.Errorf("message starts with byte %#x, want l or B", head[0])
	}
	if head[3] != 1 {
		return 0, fmt.Errorf("message has protocol version %d, want 1", head[3])
	}
	body, fields := uint64(order.Uint32(head[4:])), uint64(order.Uint32(head[12:]))
	size := (HeaderSize+fields+7)&^7 + body
	if size > MaxMessage {
		return 0, fmt.Errorf("message has %d bytes, more than %d", size, MaxMessage)
	}
	return int(size), nil
}

// Parse reads the one message that data holds. The body is not looked at.
func Parse(data []byte) (Message, error) {
	size, err := Size(data)
	if err != nil {
		return Message{}, err
	}
	if size != len(data) {
		return Message{}, ErrShort
	}
	m := Message{Type: Type(data[1]), Flags: data[2], big: data[0] == 'B'}
	var order binary.ByteOrder = binary.LittleEndian
	if m.big {
		order = binary.BigEndian
	}
	body := int(order.Uint32(data[4:]))
	m.Serial = order.Uint32(data[8:])
	m.Body = data[size-body:]
	d := Decoder{data: data[:size-body], pos: 12, order: order}
	for end := d.Array('('); d.More(end); {
		m.field(&d)
	}
	d.take(0, 8)
	if d.err != nil {
		return Message{}, d.err
	}
	return m, m.check()
}

// field reads one header field.
func (m *Message) field(d *Decoder) {
	d.Struct()
	code := d.Byte()
	sig := d.Signature()
	want := func(s string) bool {
		if sig != s {
			d.Fail(fmt.Errorf("header field %d has signature %q, want %q", code, sig, s))
		}
		return d.err == nil
	}
	str := func(to *string) {
		if want("s") {
			*to = d.String()
		}
	}
	switch code {
	case fieldPath:
		if want("o") {
			m.Path = d.Path()
		}
	case fieldInterface:
		str(&m.Interface)
	case fieldMember:
		str(&m.Member)
	case fieldErrorName:
		str(&m.ErrorName)
	case fieldReplySerial:
		if want("u") {
			m.ReplySerial = d.Uint32()
		}
	case fieldDestination:
		str(&m.Destination)
	case fieldSender:
		str(&m.Sender)
	case fieldSignature:
		if want("g") {
			m.Signature = d.Signature()
		}
	case fieldFDs:
		if want("u") {
			m.NFDs = d.Uint32()
		}
	default:
		if n, err := next(sig, 0); err != nil || n != len(sig) {
			d.Fail(fmt.Errorf("header field %d has signature %q, want one complete type", code, sig))
			return
		}
		d.Value(sig)
	}
}

// check tells whether the header has what its type needs.
func (m *Message) check() error {
	if m.Serial == 0 {
		return errors.New("message has serial 0")
	}
	if m.NFDs > MaxFDs {
		return fmt.Errorf("message has %d descriptors, more than %d", m.NFDs, MaxFDs)
	}
	ok := true
	switch m.Type {
	case MethodCall:
		ok = m.Path != "" && m.Member != ""
	case MethodReturn:
		ok = m.ReplySerial != 0
	case Error:
		ok = m.ReplySerial != 0 && m.ErrorName != ""
	case Signal:
		ok = m.Path != "" && m.Interface != "" && m.Member != ""
	}
	if !ok {
		return fmt.Errorf("message of type %d lacks a header field", m.Type)
	}
	if m.Signature == "" && len(m.Body) > 0 {
		return errors.New("message has a body without a signature")
	}
	return nil
}

// Append writes the message to buf in little-endian order. Its Body must be.
func Append(buf []byte, m *Message) []byte {
	start := len(buf)
	e := Encoder{buf: buf[start:start:cap(buf)]}
	e.buf = append(e.buf, 'l', byte(m.Type), m.Flags, 1)
	e.Uint32(uint32(len(m.Body)))
	e.Uint32(m.Serial)
	fields := e.Array('(')
	text := func(code byte, sig, v string) {
		if v == "" {
			return
		}
		e.Struct()
		e.Byte(code)
		e.Variant(sig)
		if sig == "g" {
			e.Signature(v)
		} else {
			e.String(v)
		}
	}
	number := func(code byte, v uint32) {
		if v == 0 {
			return
		}
		e.Struct()
		e.Byte(code)
		e.Variant("u")
		e.Uint32(v)
	}
	text(fieldPath, "o", m.Path)
	text(fieldInterface, "s", m.Interface)
	text(fieldMember, "s", m.Member)
	text(fieldErrorName, "s", m.ErrorName)
	number(fieldReplySerial, m.ReplySerial)
	text(fieldDestination, "s", m.Destination)
	text(fieldSender, "s", m.Sender)
	text(fieldSignature, "g", m.Signature)
	number(fieldFDs, m.NFDs)
	e.End(fields)
	e.align(8)
	e.buf = append(e.buf, m.Body...)
	if start == 0 {
		return e.buf
	}
	return append(buf[:start], e.buf...)
}
