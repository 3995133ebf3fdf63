// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"slices"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/pair"
	"github.com/rouse-init/rouse/internal/unit"
)

// pairSource is one service of inetd.conf or xinetd.conf. The files were read
// when the index was made, since their names say nothing of what is in them.
type pairSource struct{ pair *pair.Pair }

func (s pairSource) prepare(_ *compiler, r *recipe, e *entry) {
	m := pairMaker{pair: s.pair}
	for _, path := range r.dropIns {
		m.notes.Add(diag.Diagnostic{
			Pos: diag.Pos{File: path}, Severity: diag.Warning, Code: codeOverride,
			Msg: fmt.Sprintf("cannot apply the drop-in to a service of %s, ignoring", e.path), Fix: "change " + e.path,
		})
	}
	r.fragment, r.dropIns, r.maker = e.path, nil, m
}

func isPair(e *entry) bool {
	_, ok := e.source.(pairSource)
	return ok
}

type pairMaker struct {
	pair  *pair.Pair
	notes diag.List
}

func (m pairMaker) Instance(name string) (*unit.Unit, diag.List) {
	u, list := m.pair.Instance(name)
	for _, d := range m.notes {
		d.Unit = name
		list = append(slices.Clip(list), d)
		u.Unsupported = append(u.Unsupported, d)
	}
	return u, list
}

// on lists the sockets of the services that are not switched off, sorted.
func (s *superIndex) on() []string {
	var out []string
	for _, p := range s.pairs {
		if !p.Off {
			out = append(out, p.SocketName())
		}
	}
	slices.Sort(out)
	return out
}

// wanted are the dependencies of sockets.target on them: nobody enables the
// lines of inetd.conf.
func (s *superIndex) wanted() (out []unit.Dep) {
	for _, name := range s.on() {
		out = append(out, unit.Dep{Kind: unit.Wants, Name: name})
	}
	return out
}

// addSupers adds to a plan what super-servers have: sockets unless they are
// switched off.
func (l *Loader) addSupers(p *Plan, supers map[string]*unit.Unit) {
	sockets, started := 0, 0
	on := l.index.super.on()
	for _, name := range sortedKeys(supers) {
		u := supers[name]
		if u.Kind != unit.KindSocket {
			continue
		}
		sockets++
		if !slices.Contains(on, name) {
			continue
		}
		started++
		p.Start = append(p.Start, name)
		if !u.Socket.Accept && supers[u.Socket.Service] != nil {
			p.Asleep = append(p.Asleep, Sleeper{Unit: u.Socket.Service, By: []string{name}})
		}
	}
	if sockets == 0 {
		return
	}
	why := fmt.Sprintf("%d of %d services of inetd or xinetd are switched on", started, sockets)
	if len(p.Start) == started {
		p.Why = why
	} else {
		p.Why += ", and " + why
	}
	slices.Sort(p.Start)
	slices.SortFunc(p.Asleep, func(a, b Sleeper) int {
		if a.Unit < b.Unit {
			return -1
		}
		return 1
	})
}

// SuperSockets lists the sockets of the services of inetd and xinetd that are
// not switched off, sorted.
func (l *Loader) SuperSockets() []string { return l.index.super.on() }
