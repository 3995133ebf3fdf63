// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// ErrShort says that a value ends before it is complete.
var ErrShort = errors.New("message ends in the middle of a value")

// Decoder reads values one by one. The first error sticks: after it every
// read gives a zero value, so that callers check Err once at the end.
type Decoder struct {
	data  []byte
	pos   int
	order binary.ByteOrder
	err   error
}

// NewDecoder reads data, which starts at a multiple of 8 of its message.
func NewDecoder(data []byte, order binary.ByteOrder) *Decoder {
	return &Decoder{data: data, order: order}
}

// Err is the first error.
func (d *Decoder) Err() error { return d.err }

// Done tells whether everything was read.
func (d *Decoder) Done() bool { return d.pos >= len(d.data) }

// Fail makes err the error, if there is none yet.
func (d *Decoder) Fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// take returns the next n bytes after padding to a multiple of align, nil
// after an error.
func (d *Decoder) take(n, align int) []byte {
	if d.err != nil {
		return nil
	}
	start := (d.pos + align - 1) &^ (align - 1)
	if start > len(d.data) || n > len(d.data)-start {
		d.err = ErrShort
		return nil
	}
	for _, b := range d.data[d.pos:start] {
		if b != 0 {
			d.err = errors.New("padding is not zero")
			return nil
		}
	}
	d.pos = start + n
	return d.data[start:d.pos]
}

// Byte reads a y.
func (d *Decoder) Byte() byte {
	if b := d.take(1, 1); b != nil {
		return b[0]
	}
	return 0
}

// Uint16 reads a q.
func (d *Decoder) Uint16() uint16 {
	if b := d.take(2, 2); b != nil {
		return d.order.Uint16(b)
	}
	return 0
}

// Uint32 reads a u, or the index of an h.
func (d *Decoder) Uint32() uint32 {
	if b := d.take(4, 4); b != nil {
		return d.order.Uint32(b)
	}
	return 0
}

// Int32 reads an i.
func (d *Decoder) Int32() int32 { return int32(d.Uint32()) }

// Bool reads a b.
func (d *Decoder) Bool() bool {
	v := d.Uint32()
	if v > 1 {
		d.Fail(fmt.Errorf("boolean is %d, want 0 or 1", v))
	}
	return v == 1
}

// Uint64 reads a t.
func (d *Decoder) Uint64() uint64 {
	if b := d.take(8, 8); b != nil {
		return d.order.Uint64(b)
	}
	return 0
}

// Int64 reads an x.
func (d *Decoder) Int64() int64 { return int64(d.Uint64()) }

// Double reads a d.
func (d *Decoder) Double() float64 { return math.Float64frombits(d.Uint64()) }

// String reads an s.
func (d *Decoder) String() string { return d.text(int(d.Uint32())) }

// Path reads an o.
func (d *Decoder) Path() string {
	s := d.String()
	if d.err == nil && !ValidPath(s) {
		d.Fail(fmt.Errorf("%q is not an object path", s))
	}
	return s
}

// Signature reads a g.
func (d *Decoder) Signature() string {
	s := d.text(int(d.Byte()))
	if d.err == nil {
		if err := CheckSignature(s); err != nil {
			d.Fail(err)
		}
	}
	return s
}

// text reads n bytes of text and the NUL after them.
func (d *Decoder) text(n int) string {
	if d.err != nil {
		return ""
	}
	if n < 0 || n >= len(d.data) {
		d.err = ErrShort
		return ""
	}
	b := d.take(n+1, 1)
	if b == nil {
		return ""
	}
	s := string(b[:n])
	if b[n] != 0 || strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s) {
		d.Fail(errors.New("string is not UTF-8 that ends with NUL"))
		return ""
	}
	return s
}

// Struct begins a struct or a dict entry.
func (d *Decoder) Struct() { d.take(0, 8) }

// Array begins an array whose elements start with a value of type elem, and
// returns its end for More.
func (d *Decoder) Array(elem byte) int {
	n := d.Uint32()
	if n > MaxArray {
		d.Fail(fmt.Errorf("array has %d bytes, more than %d", n, MaxArray))
	}
	d.take(0, alignment(elem))
	if d.err != nil {
		return 0
	}
	if int(n) > len(d.data)-d.pos {
		d.err = ErrShort
		return 0
	}
	return d.pos + int(n)
}

// More tells whether the array that ends at end has another element.
func (d *Decoder) More(end int) bool {
	if d.err == nil && d.pos > end {
		d.err = errors.New("array element goes past the end of its array")
	}
	return d.err == nil && d.pos < end
}

// Strings reads an as.
func (d *Decoder) Strings() []string {
	var v []string
	for end := d.Array('s'); d.More(end); {
		v = append(v, d.String())
	}
	return v
}

// Bytes reads an ay. The result is part of the message.
func (d *Decoder) Bytes() []byte {
	n := d.Uint32()
	if n > MaxArray {
		d.Fail(ErrShort)
		return nil
	}
	return d.take(int(n), 1)
}

func clean(s string) string {
	if i := strings.IndexByte(s, 0); i >= 0 {
		s = s[:i]
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return s
}
