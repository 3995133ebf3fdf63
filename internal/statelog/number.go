// SPDX-License-Identifier: Apache-2.0

package statelog

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"
)

func signed(k kind) bool { return k >= kInt8 && k <= kInt64 }

func integral(k kind) bool { return k >= kInt8 && k <= kUint64 }

// integer reads an integer of kind t.kind and keeps it as one of kind t.held.
func (d *decoder) integer(t *target, p unsafe.Pointer) {
	var v uint64
	switch {
	case t.kind == kUint8:
		v = uint64(d.byte())
	case t.kind == kInt8:
		v = uint64(int64(int8(d.byte())))
	case signed(t.kind):
		v = uint64(unzigzag(d.uvarint()))
	default:
		v = d.uvarint()
	}
	if p == nil {
		return
	}
	if !fits(t.held, v, signed(t.kind)) {
		d.fail(fmt.Errorf("cannot hold %d in a %s", v, t.rt))
		return
	}
	switch t.held {
	case kInt8, kUint8:
		*(*uint8)(p) = uint8(v)
	case kInt16, kUint16:
		*(*uint16)(p) = uint16(v)
	case kInt32, kUint32:
		*(*uint32)(p) = uint32(v)
	default:
		*(*uint64)(p) = v
	}
}

// fits tells whether v, which is an int64 when neg, is in the range of an
// integer of kind k.
func fits(k kind, v uint64, neg bool) bool {
	low := neg && int64(v) < 0
	if low && !signed(k) {
		return false
	}
	if low {
		v = ^v // -1 is 0, -128 is 127
	}
	switch k {
	case kInt8:
		return v <= math.MaxInt8
	case kInt16:
		return v <= math.MaxInt16
	case kInt32:
		return v <= math.MaxInt32
	case kInt64:
		return v <= math.MaxInt64
	case kUint8:
		return v <= math.MaxUint8
	case kUint16:
		return v <= math.MaxUint16
	case kUint32:
		return v <= math.MaxUint32
	default:
		return true
	}
}

func (d *decoder) float(t *target, p unsafe.Pointer) {
	var v float64
	var bits uint64
	if t.kind == kFloat32 {
		raw := d.take(4)
		if raw == nil {
			return
		}
		bits = uint64(binary.LittleEndian.Uint32(raw))
		v = float64(math.Float32frombits(uint32(bits)))
	} else {
		raw := d.take(8)
		if raw == nil {
			return
		}
		bits = binary.LittleEndian.Uint64(raw)
		v = math.Float64frombits(bits)
	}
	switch {
	case p == nil:
	case t.held == t.kind && t.kind == kFloat32: // bit for bit, a NaN too
		*(*uint32)(p) = uint32(bits)
	case t.held == t.kind:
		*(*uint64)(p) = bits
	case t.held == kFloat32:
		*(*float32)(p) = float32(v)
	default:
		*(*float64)(p) = v
	}
}
