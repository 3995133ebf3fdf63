// SPDX-License-Identifier: Apache-2.0

package statelog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"unsafe"
)

// errMalformed is a value that no writer with this schema has written.
var errMalformed = errors.New("malformed value")

// ErrUnknownType is a value of a type that this build does not have.
var ErrUnknownType = errors.New("a type that is not registered")

// Reader reads what was written with one schema. It is immutable.
type Reader struct {
	roots []rootReader
}

// rootReader is a registered type of the writer; without rt the reader has
// no such type.
type rootReader struct {
	name string
	rt   reflect.Type
	*target
}

// target is a type as the reader walks it: the writer's type joined with the
// reader's. Where the reader has nothing, held is kSkip.
type target struct {
	kind, held kind
	rt         reflect.Type
	size       uintptr
	elem       *target
	n, heldN   int // lengths of an array
	bitmap     int
	fields     []targetField // in the writer's order
	all        *Reader       // kIface
	impl       []bool        // kIface: which roots the reader's interface takes
}

type targetField struct {
	offset uintptr
	*target
}

// decoder reads one value.
type decoder struct {
	b     []byte
	err   error
	depth int
	// mem and steps bound what corrupt input can cost, in bytes allocated
	// and in values, to a multiple of its own length.
	mem, steps int
}

func newDecoder(b []byte) decoder {
	return decoder{b: b, mem: 1<<20 + 256*len(b), steps: 1<<12 + 16*len(b)}
}

// Decode reads a value of a registered type.
func (r *Reader) Decode(b []byte) (any, error) {
	d := newDecoder(b)
	v := d.dynamic(r)
	if err := d.finish(); err != nil {
		return nil, err
	}
	return v.Elem().Interface(), nil
}

// DecodeInto reads it into the value that into points to. What the writer
// did not have is zero.
func (r *Reader) DecodeInto(b []byte, into any) error {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return fmt.Errorf("cannot read into a %T: it must be a pointer", into)
	}
	d := newDecoder(b)
	i := int(d.uvarint()) - 1
	if d.err != nil || i < 0 || i >= len(r.roots) {
		return errMalformed
	}
	if r.roots[i].rt != v.Type().Elem() {
		return fmt.Errorf("cannot read a %s into a %T", r.roots[i].name, into)
	}
	v.Elem().SetZero()
	d.value(r.roots[i].target, v.UnsafePointer())
	return d.finish()
}

func (d *decoder) finish() error {
	if d.err == nil && len(d.b) > 0 {
		d.err = errMalformed
	}
	return d.err
}

// dynamic reads the number of a type and a value of it. It returns a pointer
// to a new value.
func (d *decoder) dynamic(r *Reader) reflect.Value {
	i := int(d.uvarint()) - 1
	if d.err != nil || i < 0 || i >= len(r.roots) {
		d.fail(errMalformed)
		return reflect.Value{}
	}
	root := &r.roots[i]
	if root.rt == nil {
		d.fail(fmt.Errorf("cannot read a %s: %w", root.name, ErrUnknownType))
		return reflect.Value{}
	}
	d.allocate(root.rt.Size(), 1)
	v := reflect.New(root.rt)
	d.value(root.target, v.UnsafePointer())
	return v
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.b = nil
}

// allocate accounts for count values of size bytes; false: too much.
func (d *decoder) allocate(size uintptr, count int) bool {
	if size > 0 && count > d.mem/int(size) {
		d.fail(errMalformed)
		return false
	}
	d.mem -= int(size) * count
	return true
}

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.fail(errMalformed)
		return 0
	}
	v := d.b[0]
	d.b = d.b[1:]
	return v
}

func (d *decoder) take(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.fail(errMalformed)
		return nil
	}
	v := d.b[:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) uvarint() uint64 {
	if len(d.b) > 0 && d.b[0] < 0x80 {
		v := d.b[0]
		d.b = d.b[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail(errMalformed)
		return 0
	}
	d.b = d.b[n:]
	return v
}

// length reads what encode's length wrote; -1: nil.
func (d *decoder) length() int {
	v := d.uvarint()
	if v > uint64(d.steps)+1 { // every element is a step
		d.fail(errMalformed)
		return -1
	}
	return int(v) - 1
}

// value reads a value into p, or past it when p is nil.
func (d *decoder) value(t *target, p unsafe.Pointer) {
	if d.steps--; d.steps < 0 {
		d.fail(errMalformed)
	}
	if d.err != nil {
		return
	}
	if t.held == kSkip {
		p = nil
	}
	switch t.kind {
	case kBool:
		v := d.byte()
		if p != nil {
			*(*bool)(p) = v != 0
		}
	case kInt8, kInt16, kInt32, kInt64, kUint8, kUint16, kUint32, kUint64:
		d.integer(t, p)
	case kFloat32, kFloat64:
		d.float(t, p)
	case kString:
		v := d.take(int(min(d.uvarint(), 1<<31-1)))
		if p != nil && d.allocate(1, len(v)) {
			*(*string)(p) = string(v)
		}
	case kBytes:
		if n := d.length(); n >= 0 {
			v := d.take(n)
			if p != nil && d.allocate(1, len(v)) {
				*(*[]byte)(p) = append(make([]byte, 0, len(v)), v...)
			}
		}
	default:
		if d.depth++; d.depth > maxDepth {
			d.fail(errDepth)
			return
		}
		d.compound(t, p)
		d.depth--
	}
}

func (d *decoder) compound(t *target, p unsafe.Pointer) {
	switch t.kind {
	case kStruct:
		d.structure(t, p)
	case kSlice:
		d.slice(t, p)
	case kArray:
		for i := range t.n {
			q := unsafe.Pointer(nil)
			if p != nil && i < t.heldN {
				q = unsafe.Add(p, uintptr(i)*t.elem.size)
			}
			if d.value(t.elem, q); d.err != nil {
				return
			}
		}
	case kPtr:
		if d.byte() == 0 {
			return
		}
		if p == nil {
			d.value(t.elem, nil)
		} else if d.allocate(t.elem.size, 1) {
			v := reflect.New(t.elem.rt)
			*(*unsafe.Pointer)(p) = v.UnsafePointer()
			d.value(t.elem, v.UnsafePointer())
		}
	case kIface:
		d.iface(t, p)
	}
}

func (d *decoder) structure(t *target, p unsafe.Pointer) {
	bitmap := d.take(t.bitmap)
	if d.err != nil {
		return
	}
	for i := range t.fields {
		if bitmap[i>>3] == 0 || bitmap[i>>3]&(1<<(i&7)) == 0 {
			continue
		}
		f := &t.fields[i]
		q := unsafe.Pointer(nil)
		if p != nil && f.held != kSkip {
			q = unsafe.Add(p, f.offset)
		}
		if f.kind != kBool {
			d.value(f.target, q)
		} else if q != nil {
			*(*bool)(q) = true
		}
	}
}

func (d *decoder) slice(t *target, p unsafe.Pointer) {
	n := d.length()
	if n < 0 {
		return
	}
	if p == nil {
		for range n {
			if d.value(t.elem, nil); d.err != nil {
				return
			}
		}
		return
	}
	if !d.allocate(t.elem.size, n) {
		return
	}
	data := reflect.MakeSlice(t.rt, n, n).UnsafePointer()
	*(*sliceHeader)(p) = sliceHeader{data, n, n}
	for i := range n {
		if d.value(t.elem, unsafe.Add(data, uintptr(i)*t.elem.size)); d.err != nil {
			return
		}
	}
}

// iface reads a value of a registered type into an interface; one that the
// reader does not have, or cannot keep there, is nil.
func (d *decoder) iface(t *target, p unsafe.Pointer) {
	if len(d.b) > 0 && d.b[0] == 0 {
		d.b = d.b[1:]
		return
	}
	rest := d.b
	i := int(d.uvarint()) - 1
	if d.err != nil || i < 0 || i >= len(t.all.roots) {
		d.fail(errMalformed)
		return
	}
	if p == nil || !t.impl[i] {
		d.value(t.all.roots[i].target, nil)
		return
	}
	d.b = rest
	if v := d.dynamic(t.all); d.err == nil {
		reflect.NewAt(t.rt, p).Elem().Set(v.Elem())
	}
}
