// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"strings"
	"testing"

	"github.com/rouse-init/rouse/internal/bus/wire"
)

// broken is a tree in which nothing works.
type broken struct{}

func (broken) Lookup(path string) (Node, bool) {
	if path == "/lookup" {
		panic("lookup")
	}
	return Node{Interfaces: []*Interface{{
		Name: "t.Echo",
		Methods: []Method{
			{Name: "Before", Out: "s", Call: func(any, *Call) { panic("before") }},
			{Name: "Between", Out: "a{sv}", Call: func(_ any, c *Call) { c.Body().Array('{'); panic("between") }},
			{Name: "After", Call: func(_ any, c *Call) { c.Return(); panic("after") }},
			{Name: "Nil", Call: func(s any, c *Call) { s.(*echo).fds++; c.Return() }},
			{Name: "Well", Out: "s", Call: func(_ any, c *Call) { c.Body().String("ok"); c.Return() }},
		},
		Props: []Prop{{Name: "P", Sig: "s", Change: ChangeTrue, Get: func(any, *wire.Encoder) { panic("get") }}},
	}}, Subject: (*echo)(nil)}, path == "/o"
}

func (broken) Children(string) []string { panic("children") }

// A defect behind a call is answered and recorded, and the client, like all
// others, is served on.
func TestPanicIsAnswered(t *testing.T) {
	r := newRig(t)
	var said []string
	r.srv.cfg.Parts[0].Tree, r.srv.cfg.Broken = broken{}, func(msg string) { said = append(said, msg) }
	p := r.login()
	standard := func(path, iface, member, sig string, args ...string) []byte {
		var e wire.Encoder
		for _, a := range args {
			e.String(a)
		}
		return wire.Append(nil, &wire.Message{Type: wire.MethodCall, Serial: 7, Path: path, Interface: iface, Member: member, Signature: sig, Body: e.Data()})
	}
	for _, c := range []struct {
		name  string
		data  []byte
		done  bool // answered before the panic
		cause string
	}{
		{"before", call(7, "Before", "", nil), false, "before"},
		{"between", call(7, "Between", "", nil), false, "between"},
		{"after", call(7, "After", "", nil), true, "after"},
		{"nil pointer", call(7, "Nil", "", nil), false, "nil pointer"},
		{"lookup", standard("/lookup", "t.Echo", "Well", ""), false, "lookup"},
		{"children", standard("/o", ifaceIntrospect, "Introspect", ""), false, "children"},
		{"property", standard("/o", ifaceProps, "Get", "ss", "t.Echo", "P"), false, "get"},
		{"properties", standard("/o", ifaceProps, "GetAll", "s", ""), false, "get"},
	} {
		for n := range 2 {
			before := len(said)
			p.write(c.data, nil)
			r.turn()
			m := p.message()
			if m.ReplySerial != 7 || !c.done && (m.ErrorName != ErrFailed || !strings.Contains(m.Decoder().String(), "internal error")) {
				t.Errorf("%s: answer %+v", c.name, m)
			}
			if n == 0 && (len(said) != before+1 || !strings.Contains(said[before], c.cause) || !strings.Contains(said[before], "guard_test.go")) {
				t.Errorf("%s: recorded %q", c.name, said[before:])
			}
			if n == 1 && len(said) != before {
				t.Errorf("%s: recorded again", c.name)
			}
		}
	}
	node, _ := r.srv.cfg.Parts[0].Tree.Lookup("/o")
	r.srv.Changed("/o", node.Interfaces[0], nil)
	p.write(call(8, "Well", "", nil), nil)
	r.turn()
	if m := p.message(); m.ReplySerial != 8 || m.Decoder().String() != "ok" {
		t.Errorf("after all that: %+v", m)
	}
}
