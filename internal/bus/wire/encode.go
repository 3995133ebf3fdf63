// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/binary"
	"math"
)

// Encoder appends values in little-endian order. Its zero value is ready. The
// buffer must start at a multiple of 8 of the message, as bodies do.
type Encoder struct{ buf []byte }

// Data is what was written; it is valid until the next write.
func (e *Encoder) Data() []byte { return e.buf }

// Reset empties the encoder and keeps its memory.
func (e *Encoder) Reset() { e.buf = e.buf[:0] }

func (e *Encoder) align(n int) {
	for len(e.buf)%n != 0 {
		e.buf = append(e.buf, 0)
	}
}

// Byte writes a y.
func (e *Encoder) Byte(v byte) { e.buf = append(e.buf, v) }

// Bool writes a b.
func (e *Encoder) Bool(v bool) {
	var n uint32
	if v {
		n = 1
	}
	e.Uint32(n)
}

// Uint16 writes a q.
func (e *Encoder) Uint16(v uint16) {
	e.align(2)
	e.buf = binary.LittleEndian.AppendUint16(e.buf, v)
}

// Uint32 writes a u.
func (e *Encoder) Uint32(v uint32) {
	e.align(4)
	e.buf = binary.LittleEndian.AppendUint32(e.buf, v)
}

// Int32 writes an i.
func (e *Encoder) Int32(v int32) { e.Uint32(uint32(v)) }

// FD writes an h: the index of a descriptor of the message.
func (e *Encoder) FD(index uint32) { e.Uint32(index) }

// Uint64 writes a t.
func (e *Encoder) Uint64(v uint64) {
	e.align(8)
	e.buf = binary.LittleEndian.AppendUint64(e.buf, v)
}

// Int64 writes an x.
func (e *Encoder) Int64(v int64) { e.Uint64(uint64(v)) }

// Double writes a d.
func (e *Encoder) Double(v float64) { e.Uint64(math.Float64bits(v)) }

// String writes an s, cut at the first NUL and with what is not UTF-8
// replaced, since a bus drops a client that gets anything else.
func (e *Encoder) String(v string) {
	v = clean(v)
	e.Uint32(uint32(len(v)))
	e.buf = append(append(e.buf, v...), 0)
}

// Path writes an o.
func (e *Encoder) Path(v string) { e.String(v) }

// Signature writes a g.
func (e *Encoder) Signature(v string) {
	e.buf = append(append(append(e.buf, byte(len(v))), v...), 0)
}

// Variant begins a v of the signature; its one value follows.
func (e *Encoder) Variant(sig string) { e.Signature(sig) }

// Struct begins a struct or a dict entry; its members follow.
func (e *Encoder) Struct() { e.align(8) }

// Mark is an array that has been begun.
type Mark struct{ length, start int }

// Array begins an array whose elements start with a value of type elem, as
// in a signature; End ends it.
func (e *Encoder) Array(elem byte) Mark {
	e.Uint32(0)
	m := Mark{length: len(e.buf) - 4}
	e.align(alignment(elem))
	m.start = len(e.buf)
	return m
}

// End ends an array.
func (e *Encoder) End(m Mark) {
	binary.LittleEndian.PutUint32(e.buf[m.length:], uint32(len(e.buf)-m.start))
}

// Strings writes an as.
func (e *Encoder) Strings(v []string) {
	m := e.Array('s')
	for _, s := range v {
		e.String(s)
	}
	e.End(m)
}

// Bytes writes an ay.
func (e *Encoder) Bytes(v []byte) {
	e.Uint32(uint32(len(v)))
	e.buf = append(e.buf, v...)
}

// Raw appends what another encoder wrote. It must start at a multiple of 8.
func (e *Encoder) Raw(data []byte) { e.buf = append(e.buf, data...) }

// alignment is that of a type by the first byte of its signature.
func alignment(t byte) int {
	switch t {
	case 'y', 'g', 'v':
		return 1
	case 'n', 'q':
		return 2
	case 'x', 't', 'd', '(', '{':
		return 8
	}
	return 4
}
