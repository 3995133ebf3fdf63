// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"strconv"
	"sync"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// distributor is a socket unit that may have members, compiled once for all of
// them.
type distributor struct {
	once   sync.Once
	unit   *unit.Unit
	recipe *recipe
}

// member makes NAME@I.socket of NAME.socket with Distribute=; nil where the name
// is not that of one.
func (c *compiler) member(name string) (*unit.Unit, *recipe) {
	p := unit.Split(name)
	index, err := strconv.ParseUint(p.Instance, 10, 32)
	if p.Kind != unit.KindSocket || err != nil || strconv.FormatUint(index, 10) != p.Instance || index >= unit.MaxDistribute {
		return nil, nil
	}
	of := unit.Parts{Prefix: p.Prefix, Kind: p.Kind}.String()
	if c.x.find(name) != nil || c.x.names[of] == nil || c.x.canonical(of) != of {
		return nil, nil
	}
	d := c.distributor(of)
	if d.unit.Load != unit.Loaded || d.unit.Socket.Distribute == 0 {
		return nil, nil
	}
	leaving := uint32(index) >= d.unit.Socket.Distribute
	if leaving && !c.l.known[name] {
		u := broken(name, unit.NotFound, codeMember, fmt.Sprintf("cannot load: %s has %d sockets (Distribute=), from %s on",
			of, d.unit.Socket.Distribute, unit.InstanceOf(name, "0")))
		return u, d.recipe
	}
	u := makeMember(d.unit, name, uint32(index))
	u.Socket.Leaving = leaving
	return u, d.recipe
}

func (c *compiler) distributor(name string) *distributor {
	c.mu.Lock()
	d := c.distributors[name]
	if d == nil {
		if c.distributors == nil {
			c.distributors = map[string]*distributor{}
		}
		d = &distributor{}
		c.distributors[name] = d
	}
	c.mu.Unlock()
	d.once.Do(func() { d.unit, d.recipe, _ = c.unit(name) }) // its diagnostics come when it is loaded itself
	return d
}

// inherited are the dependencies that each member has as well: what has to be
// there before an address can be had, and the order of things.
func inherited(k unit.DepKind) bool {
	switch k {
	case unit.Requires, unit.Requisite, unit.Wants, unit.BindsTo, unit.Conflicts, unit.Before, unit.After:
		return true
	default:
		return false
	}
}

func makeMember(of *unit.Unit, name string, index uint32) *unit.Unit {
	u, s := *of, *of.Socket
	u.Name, u.Aliases, u.Install, u.Unsupported = name, nil, nil, nil
	u.Socket = &s
	yes := true
	var options unit.SocketOptions
	if s.Options != nil {
		options = *s.Options
	}
	options.ReusePort = &yes
	s.Options = &options
	s.Service = unit.InstanceOf(s.Service, unit.Split(name).Instance)
	s.Distribute, s.MemberOf = 0, of.Name
	s.Commands, s.Exec = nil, nil // they are the distributor's
	u.Deps = nil
	for _, d := range of.Deps {
		if inherited(d.Kind) && !isMember(d.Name, of.Name) {
			u.Deps = append(u.Deps, d)
		}
	}
	add := func(name string, kinds ...unit.DepKind) {
		for _, k := range kinds {
			u.Deps = append(u.Deps, unit.Dep{Kind: k, Implicit: true, Name: name})
		}
	}
	add(s.Service, unit.Before, unit.Triggers)
	add(of.Name, unit.PartOf)
	if index > 0 {
		// The kernel numbers sockets of one address as they begin to listen, and
		// those that leave are the last ones.
		add(memberOf(of.Name, index-1), unit.After)
	}
	return &u
}

// memberOf is the name of a member of a socket.
func memberOf(name string, index uint32) string {
	p := unit.Split(name)
	p.At, p.Instance = true, strconv.FormatUint(uint64(index), 10)
	return p.String()
}

func isMember(name, of string) bool {
	p := unit.Split(name)
	p.At, p.Instance = false, ""
	return name != of && p.String() == of
}

// distribute makes a socket with Distribute= start its members with it, unless
// somebody has units of those names.
func (c *compiler) distribute(u *unit.Unit, list *diag.List) {
	if u.Load != unit.Loaded || u.Socket == nil || u.Socket.Distribute == 0 {
		return
	}
	refuse := func(msg, fix string) {
		d := diag.Diagnostic{Pos: u.Socket.Pos, Severity: diag.Error, Code: codeMember, Unit: u.Name, Msg: msg, Fix: fix}
		list.Add(d)
		u.Load, u.LoadErr = unit.BadSetting, &d
	}
	last := memberOf(u.Name, u.Socket.Distribute-1)
	if !unit.ValidName(last) {
		refuse(fmt.Sprintf("cannot load: the sockets of Distribute= cannot be called %s: that is too long for the name of a unit", last), "give it a shorter name")
		return
	}
	for i := range u.Socket.Distribute {
		name := memberOf(u.Name, i)
		if e := c.x.find(name); e != nil {
			refuse(fmt.Sprintf("cannot load: Distribute= makes %s, which %s defines as well", name, e.path), "remove one of them, or give it another name")
			return
		}
		for _, k := range []unit.DepKind{unit.Requires, unit.After} {
			u.Deps = append(u.Deps, unit.Dep{Kind: k, Implicit: true, Name: name})
		}
	}
	owners := []string{unit.TemplateOf(last)}
	for i := range u.Socket.Distribute {
		owners = append(owners, memberOf(u.Name, i))
	}
	for _, o := range owners {
		for _, dir := range c.x.subs[o+".d"] {
			list.Add(diag.Diagnostic{
				Pos: diag.Pos{File: dir}, Severity: diag.Warning, Code: codeOverride, Unit: u.Name,
				Msg: "the sockets of Distribute= are all as " + u.Name + " is, ignoring the directory", Fix: "move its files to " + u.Name + ".d",
			})
		}
	}
}
