// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/upstart"
	"github.com/rouse-init/rouse/internal/unit"
)

// jobSource is one Upstart job: a file and at most one override.
type jobSource struct {
	job      string
	override string // path, "" for none
}

// prepare reads the files. r may be the recipe of the job's unit or that of
// its instances.
func (s jobSource) prepare(c *compiler, r *recipe, e *entry) {
	ignored := r.dropIns
	r.fragment, r.dropIns, r.job = e.path, nil, s.job
	conf := c.files.job(e.path, false)
	if conf.fault != nil {
		r.load, r.fault = unit.LoadFailed, conf.fault
		return
	}
	r.read = append(r.read, conf)
	m := &jobMaker{job: s.job, unit: upstart.UnitName(s.job), conf: conf.job, opt: upstart.Options{User: c.l.cfg.Scope != System}}
	if s.override != "" {
		p := c.files.job(s.override, true)
		r.read = append(r.read, p)
		r.dropIns = []string{s.override}
		if p.fault == nil {
			m.overrides = []*upstart.File{p.job}
		}
	}
	for _, path := range ignored {
		m.notes.Add(diag.Diagnostic{
			Pos: diag.Pos{File: path}, Severity: diag.Warning, Code: codeOverride, Unit: m.unit,
			Msg: fmt.Sprintf("cannot apply the drop-in to the Upstart job %q, ignoring", s.job),
			Fix: "write " + s.job + overrideSuffix + " beside " + e.path,
		})
	}
	r.maker = m
}

// jobMaker makes the unit of a job and those of its instances.
type jobMaker struct {
	job, unit string
	conf      *upstart.File
	overrides []*upstart.File
	opt       upstart.Options
	notes     diag.List
}

// Instance makes the unit called name: the job's own, or that of an instance,
// which is a copy of it.
func (m *jobMaker) Instance(name string) (*unit.Unit, diag.List) {
	u, list := upstart.Compile(m.job, m.conf, m.overrides, m.opt)
	if u.Service == nil {
		u.Service = &unit.Service{}
	}
	if u.Service.Job == nil { // so that who asks by the job's name learns why it does not load
		u.Service.Job = &unit.Job{Name: m.job}
	}
	if name == m.unit {
		list = append(list, m.notes...)
		u.Unsupported = append(u.Unsupported, m.notes...)
		return u, list
	}
	u.Name = name
	if u.Load == unit.Loaded && u.Service.Job.Instance == "" {
		u = broken(name, unit.NotFound, codeNotFound, fmt.Sprintf("cannot load: the job %q has no instance stanza, so it has no instances", m.job))
		u.LoadErr.Pos.File = m.conf.Path
	}
	return u, nil // the findings are those of the job
}

// isJob tells the units of Upstart jobs and of their instances.
func isJob(u *unit.Unit) bool { return u.Service != nil && u.Service.Job != nil }

// class returns the entry of the job that a unit called name would be an
// instance of, nil for none.
func (x *index) class(name string) *entry {
	p := unit.Split(name)
	if p.Instance == "" || p.Kind != unit.KindService {
		return nil
	}
	e := x.names[p.Prefix+".service"]
	if e == nil {
		return nil
	}
	if _, ok := e.source.(jobSource); !ok {
		return nil
	}
	return e
}

// overrideOf is the override of the job of an entry, "" for everything else.
func overrideOf(e *entry) string {
	s, _ := e.source.(jobSource)
	return s.override
}

// shadows says of a unit that it hides jobs of the same name.
func (x *index) shadows(u *unit.Unit) diag.List {
	var list diag.List
	for _, path := range x.jobs.shadowed[u.Name] {
		list.Add(diag.Diagnostic{
			Pos: diag.Pos{File: path}, Severity: diag.Note, Code: codeShadowed, Unit: u.Name,
			Msg: fmt.Sprintf("cannot load the job: %s defines %s already, ignoring", definedBy(u), u.Name),
		})
	}
	return list
}

// definedBy is the file of a unit in words.
func definedBy(u *unit.Unit) string {
	if u.Fragment == "" {
		return "another unit"
	}
	return u.Fragment
}
