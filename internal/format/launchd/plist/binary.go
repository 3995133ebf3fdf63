// SPDX-License-Identifier: Apache-2.0

package plist

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/rouse-init/rouse/internal/diag"
)

// The binary form: "bplist00", objects, a table with the offset of each
// object, and 32 bytes that tell the sizes of all that.
const (
	magic       = "bplist00"
	trailerSize = 32
)

// binaryReader reads objects by their numbers. Objects may be shared, and a
// file may hold rings of them, so each use counts against the limits: a value,
// and the bytes of text and data that are copied for it.
type binaryReader struct {
	*fault
	text            []byte
	offsets         []byte
	offSize, refLen int
	count           uint64
	values          int
	copied          uint64
}

func parseBinary(f *fault, text []byte) (*Value, error) {
	r := &binaryReader{fault: f, text: text}
	top, err := r.trailer()
	if err != nil {
		return nil, err
	}
	return r.object(top, 0)
}

func (r *binaryReader) pos(off uint64) diag.Pos {
	return diag.Pos{File: r.path, Line: 1, Col: int32(min(off, maxSize)) + 1}
}

func (r *binaryReader) fail(off uint64, format string, args ...any) error {
	return diag.Diagnostic{
		Pos: r.pos(off), Severity: diag.Error, Code: CodeSyntax,
		Msg: "cannot read the binary property list: " + fmt.Sprintf(format, args...), Fix: "write it anew: plutil -convert xml1",
	}
}

// trailer reads the end of the file and returns the number of the first
// object.
func (r *binaryReader) trailer() (top uint64, err error) {
	size := uint64(len(r.text))
	if size < uint64(len(magic))+trailerSize || string(r.text[:len(magic)]) != magic {
		return 0, r.fail(0, "expected %q and at least %d bytes", magic, len(magic)+trailerSize)
	}
	t := r.text[size-trailerSize:]
	r.offSize, r.refLen = int(t[6]), int(t[7])
	r.count, top = binary.BigEndian.Uint64(t[8:]), binary.BigEndian.Uint64(t[16:])
	table := binary.BigEndian.Uint64(t[24:])
	end := size - trailerSize
	switch {
	case r.offSize < 1 || r.offSize > 8 || r.refLen < 1 || r.refLen > 8:
		return 0, r.fail(end, "its numbers have %d and %d bytes; expected 1 to 8", r.offSize, r.refLen)
	case table < uint64(len(magic)) || table > end || r.count > (end-table)/uint64(r.offSize):
		return 0, r.fail(end, "its table of %d objects lies outside of it", r.count)
	}
	r.offsets = r.text[table:end]
	return top, nil
}

// number reads an unsigned number of n bytes.
func number(b []byte, n int) (v uint64) {
	for _, c := range b[:n] {
		v = v<<8 | uint64(c)
	}
	return v
}

// object reads one object with all that it holds.
func (r *binaryReader) object(ref uint64, depth int) (*Value, error) {
	if ref >= r.count {
		return nil, r.fail(0, "there is no object %d", ref)
	}
	off := number(r.offsets[ref*uint64(r.offSize):], r.offSize)
	if off < uint64(len(magic)) || off >= uint64(len(r.text)-trailerSize) {
		return nil, r.fail(0, "the object %d lies outside of it", ref)
	}
	if r.values++; depth == maxDepth || r.values > maxValues {
		return nil, tooMuch(r.pos(off))
	}
	v := &Value{Pos: r.pos(off)}
	kind, low := r.text[off]>>4, int(r.text[off]&15)
	switch kind {
	case 0:
		if low != 8 && low != 9 {
			return nil, r.fail(off, "the object %d is no value", ref)
		}
		v.Kind, v.Bool = Bool, low == 9
		return v, nil
	case 1, 2, 3:
		return v, r.fixed(v, off, kind, low)
	}
	n, at, err := r.length(off, low)
	if err != nil {
		return nil, err
	}
	switch kind {
	case 4, 5, 6:
		return v, r.text456(v, off, kind, n, at)
	case 0xa, 0xc:
		v.Kind = Array
		return v, r.items(v, off, n, at, depth)
	case 0xd:
		v.Kind = Dict
		return v, r.entries(v, off, n, at, depth)
	}
	return nil, r.fail(off, "objects of kind %d are not known", kind)
}

// bytes returns n bytes at an offset, nil if they are not there.
func (r *binaryReader) bytes(at, n uint64) []byte {
	end := uint64(len(r.text) - trailerSize)
	if at > end || n > end-at {
		return nil
	}
	return r.text[at : at+n]
}

// length reads how many bytes or objects an object has, and where they begin.
func (r *binaryReader) length(off uint64, low int) (n, at uint64, err error) {
	if low < 15 {
		return uint64(low), off + 1, nil
	}
	b := r.bytes(off+1, 1)
	if b == nil || b[0]>>4 != 1 || b[0]&15 > 3 {
		return 0, 0, r.fail(off, "the length of an object is no number")
	}
	size := uint64(1) << (b[0] & 15)
	if b = r.bytes(off+2, size); b == nil {
		return 0, 0, r.fail(off, "an object goes beyond its end")
	}
	return number(b, int(size)), off + 2 + size, nil
}

// fixed reads numbers and dates.
func (r *binaryReader) fixed(v *Value, off uint64, kind byte, low int) error {
	if low > 4 || kind == 3 && low != 3 {
		return r.fail(off, "a number has 2^%d bytes", low)
	}
	size := uint64(1) << low
	b := r.bytes(off+1, size)
	if b == nil {
		return r.fail(off, "an object goes beyond its end")
	}
	if kind == 1 {
		v.Kind = Integer
		if size == 16 {
			b, size = b[8:], 8
		}
		v.Int = int64(number(b, int(size)))
		return nil
	}
	var real float64
	switch size {
	case 4:
		real = float64(math.Float32frombits(uint32(number(b, 4))))
	case 8:
		real = math.Float64frombits(number(b, 8))
	default:
		return r.fail(off, "a real number has %d bytes", size)
	}
	if math.IsNaN(real) || math.IsInf(real, 0) || kind == 3 && math.Abs(real) > 1e11 {
		return r.fail(off, "a number or date is out of range")
	}
	v.Kind, v.Real = Real, real
	if kind == 3 { // seconds since 2001
		v.Kind, v.Real, v.Time = Date, 0, time.Unix(978307200+int64(real), 0).UTC()
	}
	return nil
}

// text456 reads data, text in ASCII and text in UTF-16.
func (r *binaryReader) text456(v *Value, off uint64, kind byte, n, at uint64) error {
	size := n
	if kind == 6 {
		if size *= 2; n > maxSize {
			size = math.MaxUint64
		}
	}
	b := r.bytes(at, size)
	if b == nil {
		return r.fail(off, "an object goes beyond its end")
	}
	if r.copied += size; r.copied > maxSize {
		return tooLarge(r.pos(off))
	}
	switch kind {
	case 4:
		v.Kind, v.Data = Data, append([]byte(nil), b...)
	case 5:
		v.Text = string(b)
		if !utf8.ValidString(v.Text) {
			return r.fail(off, "a string is not ASCII")
		}
	case 6:
		units := make([]uint16, n)
		for i := range units {
			units[i] = binary.BigEndian.Uint16(b[2*i:])
		}
		v.Text = string(utf16.Decode(units))
	}
	return nil
}

// refs returns the numbers of the objects in an array or dictionary.
func (r *binaryReader) refs(off, n, at uint64) ([]byte, error) {
	if n > maxValues {
		return nil, tooMuch(r.pos(off))
	}
	b := r.bytes(at, n*uint64(r.refLen))
	if b == nil {
		return nil, r.fail(off, "an object goes beyond its end")
	}
	return b, nil
}

func (r *binaryReader) items(v *Value, off, n, at uint64, depth int) error {
	b, err := r.refs(off, n, at)
	if err != nil {
		return err
	}
	for ; len(b) > 0; b = b[r.refLen:] {
		item, err := r.object(number(b, r.refLen), depth+1)
		if err != nil {
			return err
		}
		v.Items = append(v.Items, item)
	}
	return nil
}

func (r *binaryReader) entries(v *Value, off, n, at uint64, depth int) error {
	if n > maxValues {
		return tooMuch(r.pos(off))
	}
	b, err := r.refs(off, 2*n, at)
	if err != nil {
		return err
	}
	seen := map[string]int{}
	half := int(n) * r.refLen
	for i := 0; i < half; i += r.refLen {
		key, err := r.object(number(b[i:], r.refLen), depth+1)
		if err != nil {
			return err
		}
		if key.Kind != String {
			return r.fail(off, "a key of a dictionary is no string")
		}
		item, err := r.object(number(b[half+i:], r.refLen), depth+1)
		if err != nil {
			return err
		}
		r.enter(v, seen, Entry{key.Text, key.Pos, item})
	}
	return nil
}
