// SPDX-License-Identifier: Apache-2.0

// Package verify tells what is wrong with unit files before they are used:
// all that loading finds, and what only shows when units are seen together.
// It starts no unit and asks no manager; the shell is asked to read scripts.
package verify

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/systemd"
	"github.com/rouse-init/rouse/internal/load"
	"github.com/rouse-init/rouse/internal/unit"
)

// Codes of the diagnostics of this package.
const (
	CodeMissingUnit   = "RS401" // a unit that others need is not there
	CodeMissingBinary = "RS402" // a command that cannot be started
	CodeNoService     = "RS403" // a socket, timer or path that starts nothing
	CodeCycle         = "RS404" // units that wait for each other
	CodeAccept        = "RS405" // Accept= and the service do not fit together
	CodeMissingFile   = "RS406" // another file that starting needs
	CodeUser          = "RS407" // a User= that does not exist
	CodeDangling      = "RS408" // a link to a unit that does not exist
	CodeUnreachable   = "RS409" // an event of a job that cannot come
	CodeCalendar      = "RS410" // a time that cannot be read, or never comes
	CodeScript        = "RS411" // a script that the shell does not understand
	CodeVariable      = "RS412" // a variable that an event does not carry
	CodeSleeper       = "RS413" // a service that sleeps, and that nothing wakes
	CodeAddress       = "RS414" // an address that two sockets want
)

// Report is what Verify has found.
type Report struct {
	Units int // how many were looked at
	// Names are the units that were asked for by name or path; nil: all.
	Names []string
	List  diag.List
}

// Errors tells whether a unit would not load or not start.
func (r Report) Errors() bool { return r.List.Errors() }

// Verify looks at the named units, or at everything on the path when there is
// no name, and reports each finding once, by file and line. A name with a
// slash is the path of a unit or job file, or of a directory of them.
func Verify(cfg load.Config, names ...string) Report {
	if cfg.Options.Facts == nil {
		cfg.Options.Facts = &systemd.Facts{Lookup: facts, TotalMemory: 1 << 34, MaxTasks: 1 << 15}
	}
	all := len(names) == 0
	cfg, asked := withPaths(cfg, names)
	r := Report{Names: asked.names}
	names = asked.names
	if all {
		names = load.New(cfg).Names()
	}
	given := names
	names = instantiate(cfg, names)
	l := load.New(cfg)
	units, list := l.Load(names...)
	madeUp := map[string]bool{}
	for i, n := range names {
		madeUp[l.Canonical(n)] = n != given[i]
	}
	own := map[string]bool{}
	for _, n := range names {
		own[l.Canonical(n)] = true
	}
	c := &checker{
		root: load.Root(cfg.Root), loader: l, units: map[string]*unit.Unit{}, dirs: map[string]*binDir{},
		now: time.Now(), //nolint:forbidigo // which times are past counts for whoever reads the report
	}
	for _, u := range units {
		c.units[u.Name] = u
	}
	for _, u := range units {
		if own[u.Name] {
			r.Units++
			c.unit(u, !all)
		}
	}
	for name, path := range asked.jobs {
		c.hidden(cfg, name, path)
	}
	c.conditions(own)
	c.addresses(slices.DeleteFunc(slices.Clone(units), func(u *unit.Unit) bool { return madeUp[u.Name] }), own)
	for _, n := range names {
		c.alias(n)
	}
	c.cycles(units)
	r.List = tidy(append(list, c.list...))
	return r
}

// instances are tried for a template until one loads: a number is a port and a
// word, but no address.
var instances = []string{"1", "test-instance", "127.0.0.1", "::1", "127.0.0.1:1"}

// instantiate puts an instance in the place of each template, so that its
// lines are looked at as they will be used.
func instantiate(cfg load.Config, names []string) []string {
	trial := load.New(cfg)
	out := slices.Clone(names)
	for i, n := range names {
		if !unit.IsTemplate(n) {
			continue
		}
		out[i] = unit.InstanceOf(n, instances[0])
		for _, instance := range instances {
			name := unit.InstanceOf(n, instance)
			units, _ := trial.Instance(n, instance)
			if slices.ContainsFunc(units, func(u *unit.Unit) bool { return u.Name == trial.Canonical(name) && u.Load == unit.Loaded }) {
				out[i] = name
				break
			}
		}
	}
	return out
}

// tidy sorts findings by place and drops repeated ones: a drop-in of many
// units is wrong once. Of equal ones that which names its unit stays.
func tidy(list diag.List) diag.List {
	slices.SortStableFunc(list, func(a, b diag.Diagnostic) int {
		return cmp.Or(strings.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Col, b.Pos.Col), strings.Compare(a.Code, b.Code), strings.Compare(a.Msg, b.Msg),
			cmp.Compare(b.Severity, a.Severity), cmp.Compare(nameless(a), nameless(b)), strings.Compare(a.Unit, b.Unit))
	})
	return slices.CompactFunc(list, func(a, b diag.Diagnostic) bool {
		return a.Pos == b.Pos && a.Pos.File != "" && a.Msg == b.Msg && a.Code == b.Code
	})
}

func nameless(d diag.Diagnostic) int {
	if d.Unit == "" {
		return 1
	}
	return 0
}

// checker looks at units together.
type checker struct {
	root   load.Root
	loader *load.Loader
	units  map[string]*unit.Unit
	dirs   map[string]*binDir
	list   diag.List
	now    time.Time
}

func (c *checker) add(u *unit.Unit, s diag.Severity, code string, pos diag.Pos, format string, args ...any) *diag.Diagnostic {
	if pos.File == "" {
		pos.File = u.Fragment
	}
	c.list.Add(diag.Diagnostic{Pos: pos, Severity: s, Code: code, Unit: u.Name, Msg: fmt.Sprintf(format, args...)})
	return &c.list[len(c.list)-1]
}

// unit checks one unit. What cannot be loaded is reported when it was asked
// for by name.
func (c *checker) unit(u *unit.Unit, named bool) {
	switch u.Load {
	case unit.Loaded:
	case unit.NotFound:
		if named {
			c.list.Add(*u.LoadErr)
		}
		return
	case unit.Masked:
		if named {
			d := *u.LoadErr
			d.Severity = diag.Note
			c.list.Add(d)
		}
		return
	default:
		if u.LoadErr != nil {
			d := *u.LoadErr
			d.Unit = u.Name
			c.list.Add(d)
		}
		return
	}
	c.needs(u)
	c.triggers(u)
	if u.Service != nil {
		c.commands(u, u.Service.Commands, u.Service.Exec)
		c.environment(u, u.Service.Exec)
		c.account(u, u.Service.Exec)
		c.sleeper(u)
	}
	if job(u) != nil {
		c.job(u)
	}
	if u.Socket != nil && u.Socket.Bridge != nil {
		c.page(u)
	}
	if u.Socket != nil {
		c.commands(u, u.Socket.Commands, u.Socket.Exec)
		c.account(u, u.Socket.Exec)
	}
}

// needs reports required units that are missing.
func (c *checker) needs(u *unit.Unit) {
	for _, d := range u.Deps {
		if d.Kind != unit.Requires && d.Kind != unit.Requisite && d.Kind != unit.BindsTo {
			continue
		}
		o := c.units[d.Name]
		if d.Implicit || o == nil || o.Load == unit.Loaded || !ours(o.Kind) {
			continue
		}
		word := [...]string{unit.Requires: "Requires", unit.Requisite: "Requisite", unit.BindsTo: "BindsTo"}
		why := "it does not load"
		switch o.Load {
		case unit.NotFound:
			why = "no file defines it"
		case unit.Masked:
			why = "it is masked"
		default:
		}
		what := word[d.Kind] + "=" + d.Name
		if j := job(u); j != nil && d.Kind == unit.Requires {
			what = "needs " + neededAs(j, d.Name)
		}
		f := c.add(u, diag.Warning, CodeMissingUnit, where(u, word[d.Kind], d.Name), "cannot start: %s: %s", what, why)
		if o.LoadErr != nil && o.LoadErr.Fix != "" {
			f.Fix = o.LoadErr.Fix
		}
	}
}

// ours tells the kinds of units that come from files; devices and mounts come
// from the kernel too.
func ours(k unit.Kind) bool {
	switch k {
	case unit.KindDevice, unit.KindMount, unit.KindSwap, unit.KindScope:
		return false
	default:
		return true
	}
}

// triggers checks that what a socket, timer or path starts is there.
func (c *checker) triggers(u *unit.Unit) {
	for _, d := range u.Deps {
		if d.Kind != unit.Triggers || u.Socket != nil && u.Socket.Accept {
			continue
		}
		o := c.units[d.Name]
		if o == nil || o.Load == unit.Loaded {
			continue
		}
		if u.Socket != nil && u.Socket.MemberOf != "" {
			continue // the one with Distribute= says it for all
		}
		f := c.add(u, diag.Warning, CodeNoService, sectionOf(u), "cannot start %s when it is due: %s", d.Name, plainWhy(o))
		f.Fix = "add " + d.Name
		if o.LoadErr != nil && o.LoadErr.Fix != "" {
			f.Fix = o.LoadErr.Fix
		}
	}
	switch {
	case u.Socket != nil && u.Socket.Accept:
		c.acceptor(u)
	case u.Socket != nil && u.Socket.Distribute > 0:
		c.distributor(u)
	}
}

// distributor checks the instances that the members of a socket with
// Distribute= start: none of them is opened without its own.
func (c *checker) distributor(u *unit.Unit) {
	template := u.Socket.Service
	for i := range u.Socket.Distribute {
		name := unit.InstanceOf(template, strconv.FormatUint(uint64(i), 10))
		o := c.units[c.loader.Canonical(name)]
		if o == nil || o.Load == unit.Loaded {
			continue
		}
		f := c.add(u, diag.Error, CodeNoService, sectionOf(u), "cannot start: Distribute= starts instances of %s, and %s is not loaded: %s", template, name, plainWhy(o))
		if o.Load == unit.NotFound {
			f.Fix = "add " + template
			if own := unit.WithKind(u.Name, unit.KindService); c.loader.Defined(own) {
				f.Fix += ", as a copy of " + own
			}
		}
		return
	}
}

// acceptor checks the template that a socket with Accept=yes makes services
// from. Starting the socket does not load it, so nobody would notice before
// the first connection.
func (c *checker) acceptor(u *unit.Unit) {
	service := u.Socket.Service
	if !unit.IsTemplate(service) {
		f := c.add(u, diag.Error, CodeAccept, u.Socket.Pos, "cannot serve connections: Accept=yes needs a template, and Service=%s is none", service)
		f.Fix = "remove Service= and write " + unit.InstanceOf(unit.WithKind(u.Name, unit.KindService), "")
		return
	}
	why := ""
	name := c.loader.Canonical(service)
	if file, ok := c.loader.File(name); ok && file.Kind == load.FileMasked {
		why = "it is masked"
	} else if !c.loader.Defined(name) {
		why = "no file defines it"
	}
	if why != "" {
		f := c.add(u, diag.Error, CodeAccept, sectionOf(u), "cannot serve connections: Accept=yes starts instances of %s: %s", service, why)
		f.Fix = "add " + service
	}
}

// page reports a page of a bridge that is not there: the bridge would not start.
func (c *checker) page(u *unit.Unit) {
	for _, o := range u.Socket.Bridge.Options {
		path, ok := strings.CutPrefix(o, "--starting-page=")
		if !ok {
			continue
		}
		in, err := c.root.Resolve(path)
		if err == nil {
			_, err = os.Stat(c.root.Host(in))
		}
		if err != nil {
			f := c.add(u, diag.Error, CodeMissingFile, u.Socket.Bridge.Pos, "cannot start its bridge: starting-page=%s: no such file or directory", path)
			f.Fix = "add the file, or write starting-page for a page of rouse's own"
		}
	}
}

// alias reports a link to another name on the path that nothing defines.
func (c *checker) alias(name string) {
	file, ok := c.loader.File(name)
	if !ok || file.Kind != load.FileAlias || c.loader.Defined(name) {
		return
	}
	c.list.Add(diag.Diagnostic{
		Pos: diag.Pos{File: file.Link}, Severity: diag.Error, Code: CodeDangling, Unit: name,
		Msg: fmt.Sprintf("cannot load: the link leads to %s, which no file defines", file.Target),
		Fix: "remove the link, or add " + file.Target,
	})
}

func sectionOf(u *unit.Unit) diag.Pos {
	if u.Socket != nil {
		return u.Socket.Pos
	}
	return diag.Pos{}
}

func plainWhy(u *unit.Unit) string {
	switch u.Load {
	case unit.NotFound:
		return "no file defines it"
	case unit.Masked:
		return "it is masked"
	default:
		return "it does not load"
	}
}
