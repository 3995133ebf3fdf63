// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rouse-init/rouse/internal/bus/wire"
)

// below is a tree of one object at its path.
type below struct {
	path string
	last *Call
}

func (b *below) Lookup(path string) (Node, bool) {
	return Node{Interfaces: []*Interface{{Name: "t.Echo", Denied: "t.No", Methods: []Method{
		{Name: "Where", Out: "s", Open: true, Call: func(_ any, c *Call) { c.Body().String(b.path); c.Return() }},
		{Name: "Change", Call: func(_ any, c *Call) { c.Return() }},
		{Name: "Keep", Open: true, Call: func(_ any, c *Call) { b.last = c }},
		{Name: "Watch", Open: true, Call: func(_ any, c *Call) {
			if err := c.Subscribe("/a/b", "t.Echo", "Told"); err != nil {
				c.Fail(ErrNotSupported, "%v", err)
				return
			}
			c.Return()
		}},
	}}}}, path == b.path
}

func (b *below) Children(path string) []string {
	if path == b.path {
		return []string{"child"}
	}
	return nil
}

// parts is a rig with t.A at /a/b, t.C at /a/c and t.D at /d.
func parts(t *testing.T) (*rig, []*below) {
	r := newRig(t)
	r.srv.cfg.Parts = nil
	var trees []*below
	for _, p := range []string{"t.A /a/b", "t.C /a/c", "t.D /d"} {
		name, root, _ := strings.Cut(p, " ")
		trees = append(trees, &below{path: root})
		r.srv.Add(Part{Name: name, Root: root, Tree: trees[len(trees)-1]})
	}
	return r, trees
}

func to(serial uint32, path, member string) []byte {
	return wire.Append(nil, &wire.Message{Type: wire.MethodCall, Serial: serial, Path: path, Interface: "t.Echo", Member: member})
}

func TestPartsAnswerUnderTheirNames(t *testing.T) {
	r, _ := parts(t)
	p := r.login()
	p.write(wire.Append(nil, &wire.Message{Type: wire.MethodCall, Serial: 1, Path: "/", Interface: ifaceBus, Member: "Hello"}), nil)
	r.turn()
	if m := p.message(); m.Sender != "t.A" {
		t.Errorf("driver answers as %q", m.Sender)
	}
	for _, c := range []struct{ path, sender, err string }{
		{"/a/b", "t.A", ""},
		{"/a/c", "t.C", ""},
		{"/d", "t.D", ""},
		{"/a/bc", "t.A", ErrUnknownObject},
		{"/a", "t.A", ErrUnknownObject},
		{"/d/x", "t.D", ErrUnknownObject},
	} {
		p.write(to(2, c.path, "Where"), nil)
		r.turn()
		m := p.message()
		if m.Sender != c.sender || m.ErrorName != c.err || c.err == "" && m.Decoder().String() != c.path {
			t.Errorf("%s: %+v", c.path, m)
		}
	}
	p.write(wire.Append(nil, &wire.Message{Type: wire.MethodCall, Serial: 3, Path: "/", Interface: ifaceBus, Member: "ListNames"}), nil)
	r.turn()
	if names := p.message().Decoder().Strings(); fmt.Sprint(names) != "[org.freedesktop.DBus t.A t.C t.D :1.1]" {
		t.Errorf("names are %v", names)
	}
	for path, want := range map[string]string{"/": "[a d]", "/a": "[b c]", "/a/b": "[child]", "/a/x": "[]", "/d": "[child]"} {
		if got := fmt.Sprint(r.srv.children(path)); got != want {
			t.Errorf("below %s are %s, want %s", path, got, want)
		}
	}
}

// A plain client gets all signals until its first call shows whom it talks to.
func TestPlainClientHearsItsPart(t *testing.T) {
	r, _ := parts(t)
	silent, a, d := r.login(), r.login(), r.login()
	a.write(to(1, "/a/b", "Where"), nil)
	d.write(to(1, "/d", "Where"), nil)
	r.turn()
	a.message()
	d.message()
	for _, c := range []struct {
		root string
		want bool
	}{{"/a/b", true}, {"/a/b/child", true}, {"/d", true}, {"/a/c", true}, {"/elsewhere", true}} {
		if got := r.srv.WantedBelow(c.root, "t.Echo", "S"); got != c.want {
			t.Errorf("signals below %s wanted: %v", c.root, got)
		}
	}
	for _, path := range []string{"/a/b/child", "/a/c", "/d"} {
		r.srv.Emit(path, "t.Echo", "S", "", nil)
	}
	r.turn()
	for _, c := range []struct {
		p    *peer
		want string
	}{{silent, "/a/b/child /a/c /d"}, {a, "/a/b/child"}, {d, "/d"}} {
		var got []string
		for c.p.read(); len(c.p.in) > 0; {
			got = append(got, c.p.message().Path)
		}
		if g := strings.Join(got, " "); g != c.want {
			t.Errorf("heard %s, want %s", g, c.want)
		}
	}
	for c := range r.srv.conns {
		if c.speaks == nil {
			c.close()
		}
	}
	if r.srv.WantedBelow("/a/c", "t.Echo", "S") || !r.srv.WantedBelow("/d", "t.Echo", "S") {
		t.Error("remembers what a client wanted that has gone")
	}
}

func TestRulesReach(t *testing.T) {
	for _, c := range []struct {
		rule string
		want bool // of S of t.Echo below /a/b
	}{
		{"type='signal'", true},
		{"type='error'", false},
		{"path='/a/b'", true},
		{"path='/a/b/c/d'", true},
		{"path='/a'", false},
		{"path_namespace='/a'", true},
		{"path_namespace='/'", true},
		{"path_namespace='/a/b/c'", true},
		{"path_namespace='/a/bc'", false},
		{"interface='t.Echo',member='S'", true},
		{"interface='t.Echo',member='T'", false},
		{"interface='t.Other'", false},
	} {
		m, err := parseMatch(c.rule)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.reaches("/a/b", "t.Echo", "S"); got != c.want {
			t.Errorf("%s: %v", c.rule, got)
		}
	}
}

func TestSubscribers(t *testing.T) {
	r, _ := parts(t)
	watcher, other := r.login(), r.login()
	watcher.write(append(to(1, "/a/b", "Watch"), to(2, "/a/b", "Watch")...), nil)
	r.turn()
	if a, b := watcher.message(), watcher.message(); a.Type != wire.MethodReturn || b.Type != wire.MethodReturn {
		t.Fatalf("answers %+v, %+v", a, b)
	}
	if !r.srv.Subscribed("/a/b", "t.Echo", "Told") || r.srv.Subscribed("/a/b", "t.Echo", "Other") {
		t.Error("subscribers are not known")
	}
	r.srv.EmitSubscribed("/a/b", "t.Echo", "Told", "s", text("x"))
	r.srv.EmitSubscribed("/a/b", "t.Echo", "Other", "s", text("x"))
	r.turn()
	if m := watcher.message(); m.Member != "Told" {
		t.Errorf("signal %+v", m)
	}
	watcher.read()
	other.read()
	if len(watcher.in) != 0 || len(other.in) != 0 {
		t.Error("signal came twice, or to one who has not asked")
	}
}

func TestOnGone(t *testing.T) {
	r, trees := parts(t)
	gone := 0
	keep := func() *peer {
		p := r.login()
		p.write(to(1, "/d", "Keep"), nil)
		r.turn()
		trees[2].last.OnGone(func() { gone++ })
		return p
	}
	answered := keep()
	trees[2].last.Return()
	r.turn()
	if m := answered.message(); m.Type != wire.MethodReturn {
		t.Fatalf("answer %+v", m)
	}
	for c := range r.srv.conns {
		c.close()
	}
	if gone != 0 {
		t.Error("told that the client of an answered call went away")
	}
	keep()
	for c := range r.srv.conns {
		c.close()
	}
	if gone != 1 {
		t.Errorf("told %d times that a client went away", gone)
	}
	trees[2].last.OnGone(func() { gone++ }) // too late, and never called
	trees[2].last.Return()
	if gone != 1 {
		t.Errorf("told %d times that a client went away", gone)
	}
}

func TestDeniedByInterface(t *testing.T) {
	r, _ := parts(t)
	p := r.login()
	for c := range r.srv.conns {
		c.trusted = false
	}
	p.write(to(1, "/d", "Change"), nil)
	r.turn()
	if m := p.message(); m.ErrorName != "t.No" {
		t.Errorf("answer %+v", m)
	}
}
