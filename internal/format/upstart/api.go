// SPDX-License-Identifier: Apache-2.0

// Package upstart reads Upstart job files (init(5)) and compiles them to
// units. It imports unit and diag only, reads no file, and rejects a job as a
// whole where Upstart would, with the position and the reason.
//
// What is known of each stanza stands in one table (Stanzas), on which Parse
// dispatches and from which docs/stanzas.md is made. A stanza is read to a
// function that changes a job; Compile calls those of the file and of its
// overrides in their order.
package upstart

import (
	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// Options are the circumstances of a Compile.
type Options struct {
	// User: the jobs of a user's session.
	User bool
}

// File is one parsed job file or override. It is not changed after Parse and
// may be shared.
type File struct {
	Path string

	acts  []act
	diags diag.List // without the name of the unit
}

// act is one stanza that was read: what it does to a job, and where it stands.
type act struct {
	pos   diag.Pos
	apply apply
}

// apply puts a stanza into effect.
type apply func(b *build)

// Compile makes the unit of job name (the path below its directory, without
// ".conf") from its file and, where there are any, the overrides on top of it
// in the order of application. An override with an error has no effect at all.
//
// The unit is never nil. Where the file has an error Load is BadSetting,
// LoadErr is the first error and the unit has no commands. The list has every
// finding, errors and warnings, in the order of the lines.
func Compile(name string, conf *File, overrides []*File, opt Options) (*unit.Unit, diag.List) {
	b := newBuild(name, opt)
	b.u.Fragment, b.u.Format = conf.Path, unit.FormatUpstart
	b.report(conf.diags)
	b.run(conf)
	for _, o := range overrides {
		if i := firstError(o.diags); i >= 0 {
			b.ignoreOverride(o, o.diags[i])
			continue
		}
		b.report(o.diags)
		b.u.DropIns = append(b.u.DropIns, o.Path)
		b.run(o)
	}
	if len(conf.acts) == 0 && len(b.u.DropIns) == 0 && firstError(b.list) < 0 {
		b.list.Add(diag.Diagnostic{
			Pos: diag.Pos{File: conf.Path}, Severity: diag.Warning, Code: CodeOdd, Unit: b.u.Name,
			Msg: "the job does nothing: its file has no stanza", Fix: "write what it is to run: exec COMMAND",
		})
	}
	return b.finish(), b.list
}

func firstError(l diag.List) int {
	for i := range l {
		if l[i].Severity == diag.Error {
			return i
		}
	}
	return -1
}

// UnitName is the name of the unit of a job: net/apache is net-apache.service.
// Bytes that unit names may not hold are escaped, and so is "@", which would
// make it an instance. It may be longer than a name may be.
func UnitName(job string) string { return unitName(job) }

// ParseExpr reads an event expression as it stands after "start on". The
// positions of its terms are not set.
func ParseExpr(text string) (unit.Expr, error) {
	r := &reader{scan: scanner{text: text}, name: "the expression"}
	if why, fix := unreadable(text); why != "" {
		r.scan.fail(fault{code: CodeLimit, msg: why, fix: fix})
	}
	x := r.expr()
	if r.scan.fault == nil && r.nextStanza() {
		r.unexpected()
	}
	if r.scan.fault != nil {
		return nil, r.diagnostic()
	}
	return x, nil
}
