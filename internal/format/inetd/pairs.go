// SPDX-License-Identifier: Apache-2.0

package inetd

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/pair"
	"github.com/rouse-init/rouse/internal/unit"
)

// pairs makes the units of all entries. A server that gets a listening socket
// as its standard input can have but one, so such an entry has a pair for
// each of its addresses.
func (f *file) pairs() []*pair.Pair {
	f.settle()
	var out []*pair.Pair
	taken := map[string]bool{}
	emit := func(p *pair.Pair) {
		base := p.Name
		for n := 2; taken[p.Name]; n++ {
			p.Name = base + "-" + strconv.Itoa(n)
		}
		taken[p.Name] = true
		for i := range p.Diags {
			p.Diags[i].Unit = p.SocketName()
		}
		out = append(out, p)
	}
	for _, off := range []bool{false, true} { // names are those of what is on first
		for _, e := range f.entries {
			if e.Off != off {
				continue
			}
			if off && taken[e.Name] {
				continue
			}
			for _, p := range e.split() {
				emit(p)
			}
		}
	}
	return out
}

// split makes the pairs of one entry.
func (e *entry) split() []*pair.Pair {
	if e.path != "" || e.broken {
		if e.path != "" {
			e.Socket.Listens = []unit.Listen{{Kind: e.kind, Address: e.path, Pos: e.service.pos}}
		}
		return []*pair.Pair{e.Pair}
	}
	var out []*pair.Pair
	for i, a := range e.addrs {
		l := unit.Listen{Kind: e.kind, Address: a.String(), Pos: e.service.pos}
		if i == 0 {
			e.Socket.Listens = []unit.Listen{l}
			out = append(out, e.Pair)
			continue
		}
		if e.Socket.Accept || e.OneProcess {
			e.Socket.Listens = append(e.Socket.Listens, l)
			continue
		}
		p := *e.Pair
		p.Diags = nil
		p.Socket.Listens = []unit.Listen{l}
		if a.implied && !strings.ContainsAny(e.proto, "46") {
			p.Name += "6" // tftp-udp and tftp-udp6
		} else {
			p.Name += "-" + pair.Escape(a.Addr().String())
		}
		out = append(out, &p)
	}
	return out
}

// settle gives each address to one line: to the one that names the family
// where another one has it implied, else to the last, as inetd does.
func (f *file) settle() {
	type key struct {
		addr string
		kind unit.ListenKind
	}
	type claim struct {
		e       *entry
		implied bool
	}
	owners := map[key]claim{}
	for _, e := range f.entries {
		if e.broken || e.Off {
			continue
		}
		if e.path != "" {
			k := key{e.path, e.kind}
			if old, ok := owners[k]; ok {
				f.replaced(old.e, e, e.path)
			}
			owners[k] = claim{e, false}
		}
		for i := 0; i < len(e.addrs); i++ {
			a := e.addrs[i]
			k := key{a.AddrPort.String(), e.kind}
			old, ok := owners[k]
			switch {
			case !ok:
			case a.implied && !old.implied || old.e == e:
				e.drop(i)
				i--
				continue
			default:
				for j := range old.e.addrs {
					if old.e.addrs[j].AddrPort == a.AddrPort {
						old.e.drop(j)
						break
					}
				}
				if !old.implied || a.implied {
					f.replaced(old.e, e, k.addr)
				}
			}
			owners[k] = claim{e, a.implied}
		}
	}
	kept := f.entries[:0]
	for _, e := range f.entries {
		if e.broken || e.path != "" || len(e.addrs) > 0 {
			kept = append(kept, e)
		}
	}
	f.entries = kept
}

// replaced says that a later line takes an address away from an earlier one.
func (f *file) replaced(old, by *entry, addr string) {
	old.path = ""
	f.report(diag.Warning, CodeTwice, old.service.pos,
		fmt.Sprintf("cannot listen on %s: line %d has the same address, and the last line counts", addr, by.Pos.Line), "remove one of the two lines")
}

func (e *entry) drop(i int) { e.addrs = append(e.addrs[:i], e.addrs[i+1:]...) }
