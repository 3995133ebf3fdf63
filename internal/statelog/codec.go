// SPDX-License-Identifier: Apache-2.0

package statelog

import (
	"fmt"
	"reflect"
	"slices"
	"unsafe"
)

// Codec writes and reads values of the types that it was made for. It is
// immutable, and safe for concurrent use.
//
// Every struct is a bitmap of the fields that are not zero, followed by
// those; structs in structs are one with it. Equal values have equal bytes.
// A pointer is written as what it points to, so two pointers to one thing
// come back as two things.
type Codec struct {
	types  map[reflect.Type]int // number in roots
	roots  []root
	nodes  map[reflect.Type]*node
	schema []byte
	reader *Reader
}

// root is a registered type.
type root struct {
	name string
	*node
	// direct: the runtime may keep such a value in the data word of an
	// interface, which it does only with what is one pointer.
	direct bool
}

// NewCodec makes a codec for values of the types of the given ones: state
// types (given as values or pointers) and the implementations of interfaces.
// Types are known by their name with the last part of the package path
// ("engine.Exited"), fields by their names; exported or not makes no
// difference, and the tag `log:"-"` leaves one out. It fails on types that
// cannot be written: maps, functions, channels.
func NewCodec(values ...any) (*Codec, error) {
	c := &Codec{types: make(map[reflect.Type]int)}
	p := planner{nodes: make(map[reflect.Type]*node)}
	names := make(map[string]bool)
	for _, v := range values {
		t := reflect.TypeOf(v)
		if t != nil && t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t == nil || t.Name() == "" {
			return nil, fmt.Errorf("cannot register a %T: it has no name", v)
		}
		if names[t.String()] {
			return nil, fmt.Errorf("cannot register %s twice", t)
		}
		n, err := p.plan(t, t.String())
		if err != nil {
			return nil, err
		}
		names[t.String()] = true
		c.types[t] = len(c.roots)
		c.roots = append(c.roots, root{t.String(), n, t.Size() == unsafe.Sizeof(uintptr(0)) && hasPointer(n)})
	}
	c.nodes = p.nodes
	c.schema = appendSchema(nil, p.order, c.roots)
	r, err := c.Reader(c.schema)
	if err != nil {
		return nil, fmt.Errorf("cannot read what this codec writes: %w", err)
	}
	c.reader = r
	return c, nil
}

func hasPointer(n *node) bool {
	switch n.kind {
	case kPtr:
		return true
	case kArray:
		return hasPointer(n.elem)
	case kStruct:
		return slices.ContainsFunc(n.fields, func(f field) bool { return hasPointer(f.node) })
	}
	return false
}

// Append appends v, a value of a registered type or a pointer to one.
func (c *Codec) Append(b []byte, v any) ([]byte, error) {
	e := encoder{codec: c}
	out := e.dynamic(b, v)
	if e.err != nil {
		return b, e.err
	}
	return out, nil
}

// Decode reads what a codec of the same types has written.
func (c *Codec) Decode(b []byte) (any, error) { return c.reader.Decode(b) }

// DecodeInto reads it into the value that into points to.
func (c *Codec) DecodeInto(b []byte, into any) error { return c.reader.DecodeInto(b, into) }

// Schema describes the types of the codec, for a Reader of another build.
func (c *Codec) Schema() []byte { return c.schema }

// fieldsOf are the fields of a struct type that is part of the codec.
func (c *Codec) fieldsOf(t reflect.Type) []field { return c.nodes[t].fields }
