// SPDX-License-Identifier: Apache-2.0

package statelog

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// schemaVersion is the first byte of a schema. It changes when values are
// written in another way.
const schemaVersion = 1

// The bounds of a schema: those of the codec's own types are far below.
const (
	maxTypes    = 1 << 14
	maxFields   = 1 << 10
	maxArrayLen = 1 << 16
)

// errSchema is a schema that no codec has written.
var errSchema = errors.New("malformed schema")

// desc is a type as its writer described it.
type desc struct {
	kind   kind
	elem   int
	n      int
	fields []fieldDesc
}

type fieldDesc struct {
	name string
	typ  int
}

// schema describes all types of a writer.
type schema struct {
	types []desc
	roots []fieldDesc // the registered types
}

// appendSchema describes nodes, whose index is their id, and roots.
func appendSchema(b []byte, nodes []*node, roots []root) []byte {
	b = append(b, schemaVersion)
	b = uvarint(b, uint64(len(nodes)))
	for _, n := range nodes {
		b = append(b, byte(n.kind))
		switch n.kind {
		case kArray:
			b = uvarint(uvarint(b, uint64(n.n)), uint64(n.elem.id))
		case kSlice, kPtr:
			b = uvarint(b, uint64(n.elem.id))
		case kStruct:
			b = uvarint(b, uint64(len(n.fields)))
			for i := range n.fields {
				b = appendName(b, n.fields[i].name)
				b = uvarint(b, uint64(n.fields[i].id))
			}
		}
	}
	b = uvarint(b, uint64(len(roots)))
	for _, r := range roots {
		b = uvarint(appendName(b, r.name), uint64(r.id))
	}
	return b
}

func appendName(b []byte, s string) []byte { return append(uvarint(b, uint64(len(s))), s...) }

// schemaReader takes a schema apart; after the first mistake all is zero.
type schemaReader struct {
	b   []byte
	err error
}

func parseSchema(b []byte) (*schema, error) {
	r := schemaReader{b: b}
	if v := r.byte(); r.err == nil && v != schemaVersion {
		return nil, fmt.Errorf("cannot read version %d of the state log's schema, only %d", v, schemaVersion)
	}
	s := &schema{types: make([]desc, 0, 64)}
	types := r.number(maxTypes)
	for i := 0; i < types && r.err == nil; i++ {
		s.types = append(s.types, r.desc(types))
	}
	for n := r.number(maxTypes); len(s.roots) < n && r.err == nil; {
		s.roots = append(s.roots, fieldDesc{r.name(), r.id(types)})
	}
	if r.err == nil && len(r.b) > 0 {
		r.err = errSchema
	}
	return s, r.err
}

func (r *schemaReader) desc(types int) desc {
	d := desc{kind: kind(r.byte())}
	switch d.kind {
	case kArray:
		d.n, d.elem = r.number(maxArrayLen), r.id(types)
	case kSlice, kPtr:
		d.elem = r.id(types)
	case kStruct:
		for n := r.number(maxFields); len(d.fields) < n && r.err == nil; {
			d.fields = append(d.fields, fieldDesc{r.name(), r.id(types)})
		}
	default:
		if d.kind == kSkip || d.kind >= numKinds {
			r.err = errSchema
		}
	}
	return d
}

func (r *schemaReader) byte() byte {
	if len(r.b) == 0 {
		r.err = errSchema
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

// number reads a number from 0 to limit.
func (r *schemaReader) number(limit int) int {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > uint64(limit) {
		r.b, r.err = nil, errSchema
		return 0
	}
	r.b = r.b[n:]
	return int(v)
}

// id reads the number of a type.
func (r *schemaReader) id(types int) int {
	id := r.number(types)
	if id >= types && r.err == nil {
		r.b, r.err = nil, errSchema
	}
	return id
}

func (r *schemaReader) name() string {
	n := r.number(len(r.b))
	n = min(n, len(r.b))
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}
