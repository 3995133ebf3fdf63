// SPDX-License-Identifier: Apache-2.0

package statelog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"unsafe"
)

// maxDepth bounds how deep values may lie in each other, when written and
// when read. Deeper data is normally a cycle.
const maxDepth = 100

// errDepth is data deeper than maxDepth.
var errDepth = errors.New("the data is nested too deep, or points back to itself")

// encoder writes one value.
type encoder struct {
	codec *Codec
	depth int
	err   error
}

// sliceHeader is how the runtime keeps a slice.
type sliceHeader struct {
	data     unsafe.Pointer
	len, cap int
}

// eface is how the runtime keeps an any.
type eface struct{ typ, data unsafe.Pointer }

// dynamic writes a value of a registered type, or a pointer to one: the
// number of its type from 1, then the value.
func (e *encoder) dynamic(b []byte, v any) []byte {
	t := reflect.TypeOf(v)
	i, ok := e.codec.types[t]
	data := (*eface)(unsafe.Pointer(&v)).data
	if !ok && t != nil && t.Kind() == reflect.Pointer && data != nil {
		i, ok = e.codec.types[t.Elem()]
	} else if ok && e.codec.roots[i].direct {
		// The word holds the value itself instead of its address.
		c := reflect.New(t)
		c.Elem().Set(reflect.ValueOf(v))
		data = c.UnsafePointer()
	}
	if !ok {
		e.err = fmt.Errorf("cannot write a %T: the type is not registered", v)
		return b
	}
	b = binary.AppendUvarint(b, uint64(i)+1)
	return e.value(b, e.codec.roots[i].node, data)
}

// value appends the value of type n at p.
func (e *encoder) value(b []byte, n *node, p unsafe.Pointer) []byte {
	switch n.kind {
	case kBool, kInt8, kUint8:
		return append(b, *(*byte)(p))
	case kInt16:
		return zigzag(b, int64(*(*int16)(p)))
	case kInt32:
		return zigzag(b, int64(*(*int32)(p)))
	case kInt64:
		return zigzag(b, *(*int64)(p))
	case kUint16:
		return uvarint(b, uint64(*(*uint16)(p)))
	case kUint32:
		return uvarint(b, uint64(*(*uint32)(p)))
	case kUint64:
		return uvarint(b, *(*uint64)(p))
	case kFloat32:
		return binary.LittleEndian.AppendUint32(b, *(*uint32)(p))
	case kFloat64:
		return binary.LittleEndian.AppendUint64(b, *(*uint64)(p))
	case kString:
		s := *(*string)(p)
		return append(uvarint(b, uint64(len(s))), s...)
	case kBytes:
		s := *(*[]byte)(p)
		return append(length(b, unsafe.Pointer(unsafe.SliceData(s)), len(s)), s...)
	}
	if e.depth++; e.depth > maxDepth {
		e.err = errDepth
	}
	if e.err == nil {
		b = e.compound(b, n, p)
	}
	e.depth--
	return b
}

// compound appends a value that has others in it.
func (e *encoder) compound(b []byte, n *node, p unsafe.Pointer) []byte {
	switch n.kind {
	case kStruct:
		return e.structure(b, n, p)
	case kSlice:
		h := (*sliceHeader)(p)
		b = length(b, h.data, h.len)
		return e.elements(b, n.elem, h.data, h.len)
	case kArray:
		return e.elements(b, n.elem, p, n.n)
	case kPtr:
		to := *(*unsafe.Pointer)(p)
		if to == nil {
			return append(b, 0)
		}
		return e.value(append(b, 1), n.elem, to)
	case kIface:
		v := reflect.NewAt(n.rt, p).Elem().Elem()
		if !v.IsValid() {
			return append(b, 0)
		}
		if v.Kind() == reflect.Pointer {
			// It would be read again as the value that it points to.
			e.err = fmt.Errorf("cannot write a %s in a %s: register and use the value", v.Type(), n.rt)
			return b
		}
		return e.dynamic(b, v.Interface())
	}
	return b
}

func (e *encoder) elements(b []byte, n *node, p unsafe.Pointer, count int) []byte {
	size := n.rt.Size()
	for i := range count {
		b = e.value(b, n, unsafe.Add(p, uintptr(i)*size))
		if e.err != nil {
			return b
		}
	}
	return b
}

// structure appends a bitmap of the fields that are not zero, then those
// fields; a bool is all said by its bit.
func (e *encoder) structure(b []byte, n *node, p unsafe.Pointer) []byte {
	at := len(b)
	for range n.bitmap {
		b = append(b, 0)
	}
	for i := range n.fields {
		f := &n.fields[i]
		q := unsafe.Add(p, f.offset)
		if isZero(f.node, q) {
			continue
		}
		b[at+i>>3] |= 1 << (i & 7)
		if f.kind != kBool {
			b = e.value(b, f.node, q)
		}
	}
	return b
}

// isZero tells whether the value is what the reader gets if it is left out.
// A slice that is empty but not nil is not.
func isZero(n *node, p unsafe.Pointer) bool {
	switch n.kind {
	case kBool, kInt8, kUint8:
		return *(*uint8)(p) == 0
	case kInt16, kUint16:
		return *(*uint16)(p) == 0
	case kInt32, kUint32, kFloat32:
		return *(*uint32)(p) == 0
	case kInt64, kUint64, kFloat64:
		return *(*uint64)(p) == 0
	case kString:
		return len(*(*string)(p)) == 0
	case kBytes, kSlice, kPtr, kIface:
		return *(*unsafe.Pointer)(p) == nil // the first word
	case kArray:
		for i := range n.n {
			if !isZero(n.elem, unsafe.Add(p, uintptr(i)*n.elem.rt.Size())) {
				return false
			}
		}
		return true
	case kStruct:
		for i := range n.fields {
			if !isZero(n.fields[i].node, unsafe.Add(p, n.fields[i].offset)) {
				return false
			}
		}
		return true
	}
	return false
}

// length appends the length of a slice: 0 for nil, else one more than it is.
func length(b []byte, data unsafe.Pointer, n int) []byte {
	if data == nil {
		return append(b, 0)
	}
	return uvarint(b, uint64(n)+1)
}

func uvarint(b []byte, v uint64) []byte {
	if v < 0x80 {
		return append(b, byte(v))
	}
	return binary.AppendUvarint(b, v)
}

// zigzag appends small negative numbers as small as positive ones.
func zigzag(b []byte, v int64) []byte { return uvarint(b, uint64(v)<<1^uint64(v>>63)) }

func unzigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }
