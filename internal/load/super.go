// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"slices"

	"github.com/rouse-init/rouse/internal/unit"
)

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
}

// SuperSockets lists the sockets of the services of inetd and xinetd that are
// not switched off, sorted.
func (l *Loader) SuperSockets() []string { return l.index.super.on() }
