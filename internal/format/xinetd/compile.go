// SPDX-License-Identifier: Apache-2.0

package xinetd

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/pair"
	"github.com/rouse-init/rouse/internal/unit"
)

// compiler makes pairs of sections.
type compiler struct {
	*parser
	table []attribute
	taken map[string]diag.Pos
	// on and off are the lists of the defaults; on counts where listed.
	on, off []word
	listed  bool
}

func (c *compiler) attribute(name string) *attribute {
	for i := range c.table {
		if c.table[i].name == name {
			return &c.table[i]
		}
	}
	return nil
}

// lists reads enabled and disabled of the defaults and reports what may not
// stand there.
func (c *compiler) lists() {
	if c.defaults == nil {
		return
	}
	kept := c.defaults.settings[:0]
	for _, s := range c.defaults.settings {
		a := c.attribute(s.attr.text)
		switch {
		case a == nil || !a.inDefaults:
			c.report(diag.Warning, CodeAttribute, s.attr.pos, fmt.Sprintf("cannot set %q for all services, ignoring it", s.attr.text), "move it into the services")
		case s.attr.text == "enabled":
			c.on, c.listed = combine(c.on, s), true
		case s.attr.text == "disabled":
			c.off = combine(c.off, s)
		default:
			kept = append(kept, s)
		}
	}
	c.defaults.settings = kept
}

// combine puts a setting into effect on the values so far.
func combine(old []word, s setting) []word {
	switch s.op {
	case '+':
		return append(slices.Clone(old), s.values...)
	case '-':
		return slices.DeleteFunc(slices.Clone(old), func(o word) bool {
			return slices.ContainsFunc(s.values, func(v word) bool { return v.text == o.text })
		})
	}
	return s.values
}

// build is one service in the making.
type build struct {
	*pair.Pair
	c          *compiler
	name, id   word
	dgram      bool
	proto      string // "tcp" or "udp"
	portNumber uint16
	address    word // of bind
	only4      bool // flags = IPv4
	six        bool // flags = IPv6
	v6         bool // v6only
	internal   bool
	unlisted   bool
	nameInArgs bool
	waitSet    bool
	wait       bool
	args       []word
	forward    string // HOST:PORT of redirect
	access     unit.Access
	given      map[string]bool
	broken     bool
}

func (b *build) fail(code string, pos diag.Pos, msg, fix string) {
	b.broken = true
	b.Add(diag.Error, code, pos, msg, fix)
}

func (b *build) warn(code string, pos diag.Pos, msg, fix string) {
	b.Add(diag.Warning, code, pos, msg, fix)
}

// bad is an attribute with a value that is not of its kind.
func (b *build) bad(attr string, w word, expected string) {
	b.fail(CodeValue, w.pos, fmt.Sprintf("cannot read %s = %s: expected %s", attr, brief(w.text), expected), "")
}

func brief(s string) string {
	if len(s) > 64 {
		s = s[:64] + "…"
	}
	return strconv.Quote(s)
}

// service makes the pair of a section.
func (c *compiler) service(s *section) *pair.Pair {
	b := &build{Pair: pair.New(unit.FormatXinetd, s.pos.File, s.pos), c: c, name: s.name, id: s.name, given: map[string]bool{}}
	b.User = c.opt.User
	values := c.merge(b, s)
	if v := values["id"]; len(v) == 1 {
		b.id = v[0]
	}
	for i := range c.table {
		a := &c.table[i]
		v, ok := values[a.name]
		if !ok {
			continue
		}
		if !a.list && (len(v) < a.least || len(v) > a.most) {
			b.fail(CodeValue, s.at(a.name), fmt.Sprintf("cannot read %s: it has %d values and takes %s", a.name, len(v), atMost(a.least, a.most)), "")
			continue
		}
		b.given[a.name] = true
		a.read(b, v)
	}
	b.switches()
	b.finish(s)
	if b.given["id"] {
		b.Name = pair.Escape(b.id.text)
	} else {
		b.Name = pair.Escape(b.name.text) + "-" + b.proto
	}
	if !unit.ValidName(b.ServiceName()) {
		c.list = append(c.list, b.Diags...)
		c.report(diag.Error, CodeValue, b.id.pos, fmt.Sprintf("cannot load: the units would be called %q, which is no valid name", b.Name), "")
		return nil
	}
	if first, ok := c.taken[b.Name]; ok {
		c.report(diag.Error, CodeTwice, s.pos, fmt.Sprintf("cannot load the service: %v has %s already", first, b.Name), "give it an id of its own")
		return nil
	}
	c.taken[b.Name] = s.pos
	for i := range b.Diags { // found before the name was known
		b.Diags[i].Unit = b.SocketName()
	}
	return b.Pair
}

func atMost(least, most int) string {
	if least == most {
		return strconv.Itoa(least)
	}
	return fmt.Sprintf("%d to %d", least, most)
}

// at is the line that sets an attribute.
func (s *section) at(attr string) diag.Pos {
	for _, t := range s.settings {
		if t.attr.text == attr {
			return t.attr.pos
		}
	}
	return s.pos
}

// merge puts the settings of a service on top of those of the defaults.
func (c *compiler) merge(b *build, s *section) map[string][]word {
	out := map[string][]word{}
	if c.defaults != nil {
		for _, d := range c.defaults.settings {
			out[d.attr.text] = combine(out[d.attr.text], d)
		}
	}
	set := map[string]bool{}
	for _, d := range s.settings {
		a := c.attribute(d.attr.text)
		switch {
		case a == nil:
			b.warn(CodeAttribute, d.attr.pos, fmt.Sprintf("there is no attribute %q, ignoring it", d.attr.text), c.nearest(d.attr.text))
			continue
		case a.only:
			b.warn(CodeAttribute, d.attr.pos, fmt.Sprintf("%s stands in the defaults only, ignoring it", a.name), "")
			continue
		case !a.list && d.op != '=':
			b.fail(CodeSyntax, d.attr.pos, fmt.Sprintf("cannot use %c= with %s: it has one value", d.op, a.name), "write =")
			continue
		case !a.list && set[a.name]:
			b.warn(CodeTwice, d.attr.pos, fmt.Sprintf("%s is set twice, and the last one counts", a.name), "remove one of the two lines")
		}
		set[a.name] = true
		v := combine(out[a.name], d)
		if len(v) > maxValues {
			b.fail(CodeLimit, d.attr.pos, fmt.Sprintf("cannot read %s: it has more than %d values", a.name, maxValues), "")
			continue
		}
		out[a.name] = v
	}
	return out
}

// nearest guesses the attribute that was meant: one that differs in two bytes.
func (c *compiler) nearest(name string) string {
	for _, a := range c.table {
		if len(a.name) >= 4 && (strings.HasPrefix(a.name, name) && len(name) >= 4 || strings.HasPrefix(name, a.name) ||
			len(a.name) == len(name) && differ(a.name, name) <= 2) {
			return "did you mean " + a.name + "?"
		}
	}
	return ""
}

func differ(x, y string) (n int) {
	for i := range x {
		if x[i] != y[i] {
			n++
		}
	}
	return n
}

// switches applies the lists of the defaults.
func (b *build) switches() {
	in := func(list []word) bool {
		return slices.ContainsFunc(list, func(w word) bool { return w.text == b.id.text })
	}
	if b.c.listed && !in(b.c.on) || in(b.c.off) {
		b.Off = true
	}
}
