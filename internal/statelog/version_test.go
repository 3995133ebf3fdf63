// SPDX-License-Identifier: Apache-2.0

package statelog

import (
	"errors"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rename makes a codec write the name that the type of another build has.
func rename(t *testing.T, names map[string]string, values ...any) *Codec {
	t.Helper()
	c, err := NewCodec(values...)
	if err != nil {
		t.Fatal(err)
	}
	var p planner
	p.order = make([]*node, len(c.nodes))
	for _, n := range c.nodes {
		p.order[n.id] = n
	}
	for i := range c.roots {
		if name := names[c.roots[i].name]; name != "" {
			c.roots[i].name = name
		}
	}
	c.schema = appendSchema(nil, p.order, c.roots)
	return c
}

type oldState struct {
	Gone    []map1
	Name    string
	Count   uint8
	Small   int64
	Text    string
	Kept    []oldPart
	Pos     struct{ Line, Col int32 }
	Shape   shape
	Dropped shape
	Array   [4]uint16
	Ratio   float32
	Pair    *oldPart
	Bits    [9]bool
}

type map1 struct{ Deep [][]string }

type oldPart struct {
	A, Removed, B int32
	Next          *oldPart
}

type circle struct{ R uint8 }

func (circle) area() {}

type newState struct {
	Kept  []newPart
	New   *int
	Count uint32
	Small int8
	Name  string
	Text  []byte // another kind: another field
	Pos   struct{ Col, Line, End int64 }
	Shape shape
	Array [2]uint64
	Ratio float64
	Pair  *newPart
	Bits  [9]bool
}

type newPart struct {
	B, A int64
	Next *newPart
}

func TestOtherBuild(t *testing.T) {
	names := map[string]string{"statelog.oldState": "state", "statelog.newState": "state"}
	writer := rename(t, names, oldState{}, square{}, circle{})
	reader := rename(t, names, square{}, newState{})
	r, err := reader.Reader(writer.Schema())
	if err != nil {
		t.Fatal(err)
	}
	v := oldState{
		Gone: []map1{{Deep: [][]string{{"a"}, nil}}}, Name: "n", Count: 200, Small: -100, Text: "text",
		Kept: []oldPart{{A: 1, Removed: 2, B: -3}, {Next: &oldPart{B: 4}}}, Shape: square{5}, Dropped: circle{1},
		Array: [4]uint16{1, 2, 3, 4}, Ratio: 0.5, Pair: &oldPart{Removed: 1}, Bits: [9]bool{8: true},
	}
	v.Pos.Line, v.Pos.Col = 3, 4
	want := newState{
		Name: "n", Count: 200, Small: -100, Kept: []newPart{{A: 1, B: -3}, {Next: &newPart{B: 4}}}, Shape: square{5},
		Array: [2]uint64{1, 2}, Ratio: 0.5, Pair: &newPart{}, Bits: [9]bool{8: true},
	}
	want.Pos.Line, want.Pos.Col = 3, 4
	b, err := writer.Append(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, cmp.Exporter(func(reflect.Type) bool { return true })); d != "" {
		t.Error(d)
	}
	v.Small = 1000
	if b, err = writer.Append(nil, v); err != nil {
		t.Fatal(err)
	}
	if _, err = r.Decode(b); err == nil {
		t.Error("1000 was read into an int8")
	}
	v.Small, v.Shape = 0, circle{2}
	if b, err = writer.Append(nil, v); err != nil {
		t.Fatal(err)
	}
	var into newState
	if err = r.DecodeInto(b, &into); err != nil || into.Shape != nil || into.Name != "n" {
		t.Errorf("an unknown implementation: %v, %+v", err, into)
	}
	if b, err = writer.Append(nil, circle{2}); err != nil {
		t.Fatal(err)
	}
	if _, err = r.Decode(b); !errors.Is(err, ErrUnknownType) {
		t.Errorf("a value of an unknown type: %v", err)
	}
}

func TestFits(t *testing.T) {
	for _, c := range []struct {
		k   kind
		v   int64
		neg bool
		ok  bool
	}{
		{kInt8, -128, true, true},
		{kInt8, -129, true, false},
		{kInt8, 127, false, true},
		{kInt8, 128, false, false},
		{kUint8, -1, true, false},
		{kUint8, 255, true, true},
		{kUint8, 256, true, false},
		{kInt64, -1, false, false},
		{kUint64, -1, false, true},
		{kUint64, -1, true, false},
		{kInt16, -32768, true, true},
		{kInt16, 32768, true, false},
		{kUint16, 65535, false, true},
		{kUint16, 65536, false, false},
		{kInt32, -1 << 31, true, true},
		{kInt32, 1 << 31, true, false},
		{kUint32, 1<<32 - 1, true, true},
		{kUint32, 1 << 32, true, false},
		{kInt64, -1 << 63, true, true},
	} {
		if fits(c.k, uint64(c.v), c.neg) != c.ok {
			t.Errorf("fits(%d, %d, %v) is %v", c.k, c.v, c.neg, !c.ok)
		}
	}
}
