// SPDX-License-Identifier: Apache-2.0

package statelog

import "reflect"

// joiner makes targets from a writer's schema and the reader's types.
type joiner struct {
	codec  *Codec
	reader *Reader
	schema *schema
	seen   map[joint]*target
}

// joint is a type of the writer met with a type of the reader; nil: none.
type joint struct {
	id int
	rt reflect.Type
}

// Reader makes a reader of what a codec with the given schema writes:
// registered types and fields are found by their names, unknown ones are
// passed over, missing ones are zero. An integer may have got another size
// and a number that does not fit is an error; any other change of a field's
// type makes it another field.
func (c *Codec) Reader(b []byte) (*Reader, error) {
	if c.reader != nil && string(b) == string(c.schema) {
		return c.reader, nil
	}
	s, err := parseSchema(b)
	if err != nil {
		return nil, err
	}
	r := &Reader{roots: make([]rootReader, len(s.roots))}
	byName := make(map[string]reflect.Type, len(c.roots))
	for _, own := range c.roots {
		byName[own.name] = own.rt
	}
	for i, root := range s.roots {
		r.roots[i] = rootReader{name: root.name, rt: byName[root.name]}
	}
	j := joiner{codec: c, reader: r, schema: s, seen: make(map[joint]*target)}
	for i, root := range s.roots {
		t := j.join(root.typ, r.roots[i].rt)
		if t.held == kSkip {
			r.roots[i].rt = nil
		}
		r.roots[i].target = t
	}
	return r, nil
}

// join makes the target of the writer's type id and the reader's type rt,
// which may be nil.
func (j *joiner) join(id int, rt reflect.Type) *target {
	d := &j.schema.types[id]
	if rt != nil && !compatible(d.kind, kindOf(rt)) {
		rt = nil
	}
	if t := j.seen[joint{id, rt}]; t != nil {
		return t
	}
	t := &target{kind: d.kind, rt: rt, n: d.n}
	j.seen[joint{id, rt}] = t
	if rt != nil {
		t.held, t.size = kindOf(rt), rt.Size()
	}
	switch d.kind {
	case kSlice, kPtr, kArray:
		j.joinElem(t, d, rt)
	case kStruct:
		j.joinFields(t, d, rt)
	case kIface:
		t.all = j.reader
		t.impl = make([]bool, len(j.reader.roots))
		for i, root := range j.reader.roots {
			t.impl[i] = rt != nil && root.rt != nil && root.rt.Implements(rt)
		}
	}
	return t
}

// joinElem joins the elements. If they do not go together, the whole is
// another type: a slice of nothing would look like data.
func (j *joiner) joinElem(t *target, d *desc, rt reflect.Type) {
	var elem reflect.Type
	if rt != nil {
		elem = rt.Elem()
	}
	if rt != nil && d.kind == kArray {
		t.heldN = rt.Len()
	}
	t.elem = j.join(d.elem, elem)
	if elem != nil && t.elem.held == kSkip {
		t.held = kSkip
	}
}

func (j *joiner) joinFields(t *target, d *desc, rt reflect.Type) {
	t.bitmap = (len(d.fields) + 7) / 8
	var own map[string]field
	if rt != nil {
		own = make(map[string]field)
		for _, f := range j.codec.fieldsOf(rt) {
			own[f.name] = f
		}
	}
	t.fields = make([]targetField, len(d.fields))
	for i, f := range d.fields {
		o, ok := own[f.name]
		if !ok {
			t.fields[i].target = j.join(f.typ, nil)
			continue
		}
		delete(own, f.name) // a name counts once
		t.fields[i] = targetField{o.offset, j.join(f.typ, o.rt)}
	}
}

// compatible tells whether what was written as w can be kept as r.
func compatible(w, r kind) bool {
	switch {
	case integral(w):
		return integral(r)
	case w == kFloat32, w == kFloat64:
		return r == kFloat32 || r == kFloat64
	}
	return w == r
}
