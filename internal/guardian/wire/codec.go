// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/binary"
	"errors"
)

// A packet is the byte Version and then messages: kind (1 byte), length of
// the body (2 bytes, little endian), body. Numbers in a body are fixed in
// size and little endian, strings have their length (2 bytes) before them.

// ErrMalformed is a packet that cannot be taken apart. Its descriptors are
// closed, the messages before the bad one count.
var ErrMalformed = errors.New("malformed packet")

// Append appends m to a packet that starts with Version; the caller minds
// MaxPacket (see Size) and sends m.FDs with it, in order.
func Append(b []byte, m *Msg) []byte {
	b = append(b, byte(m.Kind), 0, 0)
	start := len(b)
	switch m.Kind {
	case Store, Stored:
		b = appendText(append(b, uint8(len(m.FDs))), m.Key, MaxKey)
	case Drop:
		b = appendText(b, m.Key, MaxKey)
	case Refused:
		b = appendText(appendText(b, m.Key, MaxKey), m.Text, MaxText)
	case Exited:
		b = appendExit(u64(b, m.Seq), &m.Exit)
	case Ack:
		b = u64(b, m.Seq)
	case Go:
		b = appendStart(b, &m.Start)
	case Terminate:
		b = append(b, flag(m.Force), m.Sig)
	case Signal:
		b = append(b, m.Sig)
	case Lost:
		b = u32(b, m.Count)
	case Base:
		b = appendText(b, m.Text, MaxText)
	case Bye:
		b = appendText(append(b, m.End.Code, byte(m.End.Kind)), m.End.Arg, MaxText)
	case Reexec:
		b = append(b, uint8(len(m.FDs)), flag(m.Reexec.Self))
		b = appendText(u32(b, m.Reexec.ReadyMS), m.Text, MaxText)
	case Stopped:
		b = append(u32(b, uint32(m.Pid)), m.Sig)
	case Trap:
		b = u32(b, uint32(m.Pid))
	case Ready:
	}
	binary.LittleEndian.PutUint16(b[start-2:], uint16(len(b)-start))
	return b
}

// Size is an upper bound of what Append adds for m.
func Size(m *Msg) int {
	return 96 + len(m.Key) + len(m.Text) + len(m.Start.Death) + len(m.Start.Notice) + len(m.Start.Base) + len(m.End.Arg)
}

// decode takes the first message off a packet's rest. Its descriptors are
// counted in m.Count.
func decode(b []byte, m *Msg) (rest []byte, err error) {
	if len(b) < 3 {
		return nil, ErrMalformed
	}
	n := int(binary.LittleEndian.Uint16(b[1:]))
	if len(b) < 3+n {
		return nil, ErrMalformed
	}
	*m = Msg{Kind: Kind(b[0])}
	r := body(b[3 : 3+n])
	switch m.Kind {
	case Store, Stored:
		m.Count = uint32(r.u8())
		m.Key = r.text()
	case Drop:
		m.Key = r.text()
	case Refused:
		m.Key, m.Text = r.text(), r.text()
	case Exited:
		m.Seq = r.u64()
		r.exit(&m.Exit)
	case Ack:
		m.Seq = r.u64()
	case Go:
		r.start(&m.Start)
	case Terminate:
		m.Force, m.Sig = r.u8() != 0, r.u8()
	case Signal:
		m.Sig = r.u8()
	case Lost:
		m.Count = r.u32()
	case Base:
		m.Text = r.text()
	case Bye:
		m.End = End{Code: r.u8(), Kind: EndKind(r.u8()), Arg: r.text()}
	case Reexec:
		m.Count = uint32(r.u8())
		m.Reexec.Self = r.u8() != 0
		m.Reexec.ReadyMS = r.u32()
		m.Text = r.text()
	case Stopped:
		m.Pid, m.Sig = int32(r.u32()), r.u8()
	case Trap:
		m.Pid = int32(r.u32())
	case Ready:
	}
	return b[3+n:], nil
}

func appendExit(b []byte, e *Exit) []byte {
	b = u32(u32(b, uint32(e.Pid)), e.Uid)
	b = append(b, e.Code, e.Status)
	return u64(u64(u64(b, e.UserUS), e.SystemUS), e.MaxRSS)
}

func (r *body) exit(e *Exit) {
	e.Pid, e.Uid = int32(r.u32()), r.u32()
	e.Code, e.Status = r.u8(), r.u8()
	e.UserUS, e.SystemUS, e.MaxRSS = r.u64(), r.u64(), r.u64()
}

func appendStart(b []byte, s *Start) []byte {
	b = u32(u32(u32(b, s.Restarts), s.Fast), uint32(s.Guardian))
	b = append(b, flag(s.Crashed), flag(s.Terminate), flag(s.Force), flag(s.Pid1), s.Sig)
	b = appendText(b, s.Death, MaxText)
	b = appendText(b, s.Notice, MaxText)
	return appendText(b, s.Base, MaxText)
}

func (r *body) start(s *Start) {
	s.Restarts, s.Fast, s.Guardian = r.u32(), r.u32(), int32(r.u32())
	s.Crashed, s.Terminate = r.u8() != 0, r.u8() != 0
	s.Force, s.Pid1, s.Sig = r.u8() != 0, r.u8() != 0, r.u8()
	s.Death, s.Notice, s.Base = r.text(), r.text(), r.text()
}

func flag(v bool) uint8 {
	if v {
		return 1
	}
	return 0
}

func u32(b []byte, v uint32) []byte { return binary.LittleEndian.AppendUint32(b, v) }
func u64(b []byte, v uint64) []byte { return binary.LittleEndian.AppendUint64(b, v) }

// appendText cuts s at limit: what must not be cut was refused before.
func appendText(b []byte, s string, limit int) []byte {
	s = s[:min(len(s), limit)]
	return append(binary.LittleEndian.AppendUint16(b, uint16(len(s))), s...)
}

// body reads a message's body; what is not there is zero.
type body []byte

func (r *body) take(n int) []byte {
	if len(*r) < n {
		*r = nil
		return nil
	}
	p := (*r)[:n]
	*r = (*r)[n:]
	return p
}

func (r *body) u8() uint8 {
	if p := r.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (r *body) u16() uint16 {
	if p := r.take(2); p != nil {
		return binary.LittleEndian.Uint16(p)
	}
	return 0
}

func (r *body) u32() uint32 {
	if p := r.take(4); p != nil {
		return binary.LittleEndian.Uint32(p)
	}
	return 0
}

func (r *body) u64() uint64 {
	if p := r.take(8); p != nil {
		return binary.LittleEndian.Uint64(p)
	}
	return 0
}

func (r *body) text() string { return string(r.take(int(r.u16()))) }
