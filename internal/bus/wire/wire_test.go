// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"
)

// sample has every type in it, with arrays that need padding and are empty.
func sample() *Message {
	var e Encoder
	e.Byte(7)
	e.Bool(true)
	e.Uint16(65535)
	e.Int32(-5)
	e.Uint64(1 << 60)
	e.Double(1.5)
	e.String("snow ☃")
	e.Path("/org/x")
	e.Signature("a{sv}")
	e.Strings([]string{"a", "", "bcd"})
	e.End(e.Array('t')) // empty, and still padded to 8
	e.Bytes([]byte{1, 2, 3})
	m := e.Array('{')
	e.Struct()
	e.String("k")
	e.Variant("(ib)")
	e.Struct()
	e.Int32(9)
	e.Bool(false)
	e.End(m)
	return &Message{
		Type: MethodCall, Serial: 3, Path: "/a/b", Interface: "c.d", Member: "E", Destination: "f.g", Sender: ":1.2",
		Signature: "ybqitdsogasataya{sv}", Body: e.Data(),
	}
}

func TestMessageRoundTrip(t *testing.T) {
	m := sample()
	data := Append(nil, m)
	if n, err := Size(data); err != nil || n != len(data) {
		t.Fatalf("Size = %d, %v, want %d", n, err, len(data))
	}
	got, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(*m, got, cmp.AllowUnexported(Message{})); d != "" {
		t.Fatal(d)
	}
	if err := CheckBody(&got); err != nil {
		t.Fatal(err)
	}
	want := []any{
		byte(7), true, uint16(65535), int32(-5), uint64(1 << 60), 1.5, "snow ☃", "/org/x", "a{sv}",
		[]string{"a", "", "bcd"},
		[]any{},
		[]byte{1, 2, 3},
		[]any{[]any{"k", Variant{"(ib)", []any{int32(9), false}}}},
	}
	d := got.Decoder()
	for i, sig := range SplitSignature(m.Signature) {
		if v := d.Value(sig); !reflect.DeepEqual(v, want[i]) {
			t.Errorf("value %d (%s) = %#v, want %#v", i, sig, v, want[i])
		}
	}
}

// TestPeerReadsOurMessages and the next compare with godbus, which others use.
func TestPeerReadsOurMessages(t *testing.T) {
	m, err := dbus.DecodeMessage(bytes.NewReader(Append(nil, sample())))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Body) != 13 || m.Body[6] != "snow ☃" || m.Body[3] != int32(-5) {
		t.Errorf("godbus read %v", m.Body)
	}
	if dict, ok := m.Body[12].(map[string]dbus.Variant); !ok || dict["k"].Signature().String() != "(ib)" {
		t.Errorf("godbus read %v", m.Body[12])
	}
}

func TestWeReadMessagesOfPeer(t *testing.T) {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		out := &dbus.Message{
			Type: dbus.TypeMethodReply, Headers: map[dbus.HeaderField]dbus.Variant{
				dbus.FieldReplySerial: dbus.MakeVariant(uint32(7)),
				dbus.FieldSignature:   dbus.MakeVariant(dbus.SignatureOf("", []uint64{}, map[string]dbus.Variant{})),
			},
			Body: []any{"x", []uint64{1, 2}, map[string]dbus.Variant{"k": dbus.MakeVariant([]string{"v"})}},
		}
		var b bytes.Buffer
		if err := out.EncodeTo(&b, order); err != nil {
			t.Fatal(err)
		}
		data := b.Bytes()
		order.PutUint32(data[8:], 1) // the serial, which godbus sets in Conn only
		m, err := Parse(data)
		if err != nil {
			t.Fatalf("%v: %v", order, err)
		}
		d := m.Decoder()
		got := []any{d.Value("s"), d.Value("at"), d.Value("a{sv}")}
		want := []any{"x", []any{uint64(1), uint64(2)}, []any{[]any{"k", Variant{"as", []string{"v"}}}}}
		if !reflect.DeepEqual(got, want) || d.Err() != nil || m.ReplySerial != 7 {
			t.Errorf("%v: got %#v, %v", order, got, d.Err())
		}
	}
}

func TestSignatures(t *testing.T) {
	for sig, ok := range map[string]bool{
		"": true, "a(sasbttttuii)": true, "a{sv}": true, "(aiai)": true, "aay": true,
		"a": false, "()": false, "(s": false, "a{vs}": false, "a{s}": false, "a{sss}": false, "{sv}": false, "z": false,
		strings.Repeat("a", 70) + "s": false, strings.Repeat("s", 256): false,
	} {
		if err := CheckSignature(sig); (err == nil) != ok {
			t.Errorf("CheckSignature(%q) = %v, want ok = %v", sig, err, ok)
		}
	}
}

func TestPathsAndEscapes(t *testing.T) {
	for p, ok := range map[string]bool{"/": true, "/a/b_1": true, "": false, "a": false, "/a/": false, "//": false, "/a-b": false} {
		if ValidPath(p) != ok {
			t.Errorf("ValidPath(%q) = %v", p, !ok)
		}
	}
	for name, want := range map[string]string{"a-b.service": "a_2db_2eservice", "": "_", "0x": "_30x", "x0": "x0", "_": "_5f"} {
		if got := Escape(name); got != want {
			t.Errorf("Escape(%q) = %q, want %q", name, got, want)
		}
		if back, ok := Unescape(want); !ok || back != name {
			t.Errorf("Unescape(%q) = %q, %v", want, back, ok)
		}
	}
	for _, bad := range []string{"a_", "a_2", "a_zz"} {
		if s, ok := Unescape(bad); ok {
			t.Errorf("Unescape(%q) = %q, want failure", bad, s)
		}
	}
}

func TestNestedVariantsEnd(t *testing.T) {
	body := []byte(strings.Repeat("\x01v\x00", 200) + "\x01y\x00\x05")
	m := Message{Signature: "v", Body: body}
	if err := CheckBody(&m); err == nil {
		t.Error("variants 200 deep were accepted")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Append(nil, sample()))
	f.Add(Append(nil, &Message{Type: Signal, Serial: 1, Path: "/", Interface: "a.b", Member: "C"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse(data)
		if err != nil || CheckBody(&m) != nil || m.big {
			return
		}
		// What was accepted survives being written and read again.
		again, err := Parse(Append(nil, &m))
		if err != nil {
			t.Fatalf("%v from %+v", err, m)
		}
		if d := cmp.Diff(m, again, cmp.AllowUnexported(Message{})); d != "" {
			t.Fatal(d)
		}
	})
}

func BenchmarkGetReply(b *testing.B) {
	var e Encoder
	var buf []byte
	for b.Loop() {
		e.Reset()
		e.Variant("s")
		e.String("active")
		buf = Append(buf[:0], &Message{Type: MethodReturn, Serial: 1, ReplySerial: 2, Signature: "v", Body: e.Data()})
	}
	_ = buf
}
