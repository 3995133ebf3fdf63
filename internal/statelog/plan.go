// SPDX-License-Identifier: Apache-2.0

package statelog

import (
	"fmt"
	"reflect"
)

// kind is how a value is written. The numbers are part of the format.
type kind uint8

const (
	kSkip kind = iota // not held by the reader
	kBool
	kInt8
	kInt16
	kInt32
	kInt64
	kUint8
	kUint16
	kUint32
	kUint64
	kFloat32
	kFloat64
	kString
	kBytes
	kSlice
	kArray
	kPtr
	kStruct
	kIface
	numKinds
)

// node is a type as the writer walks it.
type node struct {
	kind   kind
	id     int // in the schema
	rt     reflect.Type
	elem   *node   // kSlice, kArray, kPtr
	n      int     // kArray
	fields []field // kStruct: what is not a struct itself, in depth
	bitmap int     // kStruct: bytes of the presence bitmap
}

// field is a field of a struct or of a struct in it; offset counts from the
// outermost one.
type field struct {
	name   string // "Token.Unit"
	offset uintptr
	*node
}

// planner makes the nodes of a codec.
type planner struct {
	nodes map[reflect.Type]*node
	order []*node // by id
}

var scalarKinds = map[reflect.Kind]kind{
	reflect.Bool: kBool, reflect.String: kString,
	reflect.Int8: kInt8, reflect.Int16: kInt16, reflect.Int32: kInt32, reflect.Int64: kInt64,
	reflect.Uint8: kUint8, reflect.Uint16: kUint16, reflect.Uint32: kUint32, reflect.Uint64: kUint64,
	reflect.Float32: kFloat32, reflect.Float64: kFloat64,
}

// kindOf is the kind of a type, kSkip for one that cannot be written.
func kindOf(t reflect.Type) kind {
	switch t.Kind() {
	case reflect.Int:
		return [...]kind{4: kInt32, 8: kInt64}[t.Size()]
	case reflect.Uint:
		return [...]kind{4: kUint32, 8: kUint64}[t.Size()]
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return kBytes
		}
		return kSlice
	case reflect.Array:
		return kArray
	case reflect.Pointer:
		return kPtr
	case reflect.Struct:
		return kStruct
	case reflect.Interface:
		return kIface
	default:
		return scalarKinds[t.Kind()]
	}
}

// plan makes the node of t; path says where t was met, for the error.
func (p *planner) plan(t reflect.Type, path string) (*node, error) {
	if n := p.nodes[t]; n != nil {
		return n, nil
	}
	n := &node{kind: kindOf(t), id: len(p.order), rt: t}
	p.nodes[t] = n
	p.order = append(p.order, n)
	var err error
	switch n.kind {
	case kSkip:
		return nil, fmt.Errorf("cannot write %s: a %s is not plain data", path, t)
	case kArray:
		n.n = t.Len()
		n.elem, err = p.plan(t.Elem(), path+"[]")
	case kSlice:
		n.elem, err = p.plan(t.Elem(), path+"[]")
	case kPtr:
		n.elem, err = p.plan(t.Elem(), path)
	case kStruct:
		n.fields, err = p.flatten(nil, t, "", 0, path)
		n.bitmap = (len(n.fields) + 7) / 8
	}
	return n, err
}

// flatten appends the fields of t, which lies at offset, to fields.
func (p *planner) flatten(fields []field, t reflect.Type, prefix string, offset uintptr, path string) ([]field, error) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Name == "_" || f.Tag.Get("log") == "-" {
			continue
		}
		name, at := prefix+f.Name, offset+f.Offset
		var err error
		if f.Type.Kind() == reflect.Struct {
			if fields, err = p.flatten(fields, f.Type, name+".", at, path+"."+f.Name); err != nil {
				return nil, err
			}
			continue
		}
		n, err := p.plan(f.Type, path+"."+f.Name)
		if err != nil {
			return nil, err
		}
		fields = append(fields, field{name, at, n})
	}
	return fields, nil
}
