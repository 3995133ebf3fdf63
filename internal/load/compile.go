// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"sync"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// recipe is all that is needed to make one unit: what a load has found out
// before it compiles, and what a template is instantiated from later.
type recipe struct {
	once     sync.Once
	fragment string
	dropIns  []string
	maker    maker
	fault    *diag.Diagnostic // why there is nothing to compile
	load     unit.LoadState   // with fault
	read     []*parsed
	job      string // the name of the Upstart job
}

// template is the recipe of a template and its instances that have no files
// of their own.
type template = recipe

// compiler makes the units of one load. Several goroutines call unit.
type compiler struct {
	l     *Loader
	x     *index
	files files
	mu    sync.Mutex // guards templates and the listings of x
	// templateToo lets a template be compiled as it stands.
	templateToo bool
	suggested   int // see suggest
	// distributors are the sockets whose members were asked for; mu guards it.
	distributors map[string]*distributor
	stems        map[unit.Kind][]string // names on the path without their suffixes, for suggest
}

// unit makes the unit with the canonical name. It is never nil.
func (c *compiler) unit(name string) (*unit.Unit, *recipe, diag.List) {
	if !unit.ValidName(name) {
		return broken(name, unit.BadSetting, codeName, "cannot load: that is not the name of a unit"), nil, nil
	}
	if unit.IsTemplate(name) && !c.templateToo {
		u := broken(name, unit.BadSetting, codeTemplate, "cannot load: a template needs an instance")
		u.LoadErr.Fix = "name an instance, such as " + unit.InstanceOf(name, "1")
		return u, nil, nil
	}
	if u, r := c.member(name); u != nil {
		return u, r, nil
	}
	c.mu.Lock()
	aliases := c.x.aliasesOf(name)
	r := c.recipeFor(name, aliases)
	c.mu.Unlock()
	r.once.Do(func() { c.prepare(r, name) })
	if r.fault != nil {
		d := *r.fault
		d.Unit = name
		u := &unit.Unit{Name: name, Kind: unit.KindOf(name), Aliases: aliases, Load: r.load, LoadErr: &d, Fragment: r.fragment, DropIns: r.dropIns}
		if u.Load != unit.Masked {
			u.DropIns = nil
		}
		if r.job != "" {
			u.Service = &unit.Service{Job: &unit.Job{Name: r.job}}
		}
		return u, r, nil
	}
	u, list := r.maker.Instance(name)
	u.Aliases, u.Fragment, u.DropIns = aliases, r.fragment, r.dropIns
	for _, p := range r.read {
		for i := range p.list {
			if p.list[i].Severity == diag.Error && u.Load == unit.Loaded {
				u.Load, u.LoadErr = unit.BadSetting, &p.list[i]
			}
		}
	}
	hides := c.x.shadows(u)
	list = append(list, hides...)
	u.Unsupported = append(u.Unsupported, hides...)
	c.mu.Lock()
	links := c.x.linkDeps(name, aliases, &list)
	if e := c.x.class(name); e != nil && c.x.names[name] == nil {
		links = append(links, c.x.linkDeps(unit.WithKind(unit.Split(name).Prefix, unit.KindService), nil, &list)...)
	}
	c.mu.Unlock()
	if name == "sockets.target" {
		links = append(links, c.x.super.wanted()...)
	}
	links = append(links, c.x.agents.wanted(name, c.l.cfg.Scope)...)
	addDeps(u, links)
	c.addMounts(u)
	c.distribute(u, &list)
	return u, r, list
}

// recipeFor returns the recipe of a unit, shared with the other instances of
// its template unless it has files or directories of its own.
func (c *compiler) recipeFor(name string, aliases []string) *recipe {
	t := unit.TemplateOf(name)
	own := t == "" || unit.BridgedBy(name) != "" || c.x.names[name] != nil || len(aliases) > 0 || len(c.x.subs[name+".d"]) > 0
	if !own {
		if r := c.l.templates[t]; r != nil {
			return r
		}
	}
	r := &recipe{dropIns: c.x.dropIns(name, aliases)}
	if !own {
		c.l.templates[t] = r
	}
	return r
}

// prepare finds what defines a unit and lets its source read it.
func (c *compiler) prepare(r *recipe, name string) {
	e := c.x.find(name)
	switch {
	case e == nil && c.x.jobs.refused[name] != nil:
		r.load, r.fault = unit.NotFound, c.x.jobs.refused[name]
	case e == nil && !impliedKind(unit.KindOf(name)):
		r.refuse(unit.NotFound, codeNotFound, "cannot load: no file on the search path defines it")
	case e == nil:
		systemdSource{}.prepare(c, r, nil)
	case e.kind == entryMasked:
		r.refuse(unit.Masked, codeMasked, fmt.Sprintf("cannot load: it is masked by %s", e.path))
		r.fragment = e.path
	case e.kind == entryBad: // systemd overlooks such links
		r.load, r.fault = unit.NotFound, e.err
	case e.kind == entryAlias: // its chain of links is a ring or too long
		r.refuse(unit.NotFound, codeAlias, fmt.Sprintf("cannot load: the link %s leads nowhere", e.path))
	default:
		e.source.prepare(c, r, e)
	}
}

func (r *recipe) refuse(s unit.LoadState, code, msg string) {
	r.load = s
	r.fault = &diag.Diagnostic{Severity: diag.Error, Code: code, Msg: msg}
}

func broken(name string, s unit.LoadState, code, msg string) *unit.Unit {
	return &unit.Unit{
		Name: name, Kind: unit.KindOf(name), Load: s,
		LoadErr: &diag.Diagnostic{Severity: diag.Error, Code: code, Unit: name, Msg: msg},
	}
}
