// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"errors"
	"strings"
	"sync"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// build is the state of one Compile: the unit so far and what its parts are
// collected in before they are copied at their exact size.
type build struct {
	u     *unit.Unit
	svc   *unit.Service
	sock  *unit.Socket
	opt   *Options
	names names
	diags limiter
	fatal *diag.Diagnostic

	files []*File
	file  *File
	a     *Assign
	// at is the offset in the value of what is being read, for positions.
	at int

	exec     unit.Exec
	execUsed bool
	kill     unit.Kill
	install  unit.Install
	resource resources
	deps     []unit.Dep
	conds    []unit.Condition
	commands []unit.Command
	args     []string // of the command line being read

	unsup []diag.Diagnostic

	set     settled
	dirMode [5]uint32
	dirKeep unit.FDPreserve
	options unit.SocketOptions
	trigger string // Unit= of timers and paths
	// template is Service= of a socket as it is written, which may be a template.
	template string
	wrong    sectionSet
}

// settled notes which settings a unit makes itself, where the default
// depends on other settings.
type settled struct {
	typ, timeoutStart, oomPolicy               bool
	serviceOf, options, triggerIval, pollIval  bool
	triggerBurst, pollBurst, jobRunning, slice bool
	credential                                 bool
}

var builds = sync.Pool{New: func() any { return new(build) }}

// release gives b back for another unit. It keeps the scratch space but none
// of what stood in it.
func (b *build) release() {
	clear(b.deps)
	clear(b.conds)
	clear(b.commands)
	clear(b.args)
	clear(b.resource.attrs)
	*b = build{
		deps: b.deps[:0], conds: b.conds[:0], commands: b.commands[:0], args: b.args[:0],
		resource: resources{attrs: b.resource.attrs[:0]},
	}
	builds.Put(b)
}

// expand replaces the specifiers of s.
func (b *build) expand(s string) (string, error) {
	if strings.IndexByte(s, '%') < 0 {
		return s, nil
	}
	return expand(s, &b.names, b.opt.Facts, b.opt.User, specFull)
}

// expandName does so for fields that hold the name of a unit.
func (b *build) expandName(s string) (string, error) {
	if strings.IndexByte(s, '%') < 0 {
		return s, nil
	}
	return expand(s, &b.names, b.opt.Facts, b.opt.User, specName)
}

// pos is where the value, or the part of it at b.at, stands.
func (b *build) pos() diag.Pos { return b.a.ValuePos(b.file.Name, b.at) }

// fatalError is an error in a value without which the unit must not run.
type fatalError struct{ error }

func (e fatalError) Unwrap() error { return e.error }

func fatal(err error) error {
	if err == nil {
		return nil
	}
	return fatalError{err}
}

// hinted is an error with what to do about it.
type hinted struct {
	error
	fix string
}

// report turns the error of a setter into a diagnostic.
func (b *build) report(err error) {
	d := diag.Diagnostic{
		Pos: b.pos(), Severity: diag.Warning, Code: CodeValue, Unit: b.u.Name,
		Msg: "cannot use " + b.a.Key + "=" + brief(b.a.Value) + ": " + err.Error(),
	}
	var h hinted
	switch {
	case errors.As(err, &h):
		d.Fix = h.fix
	case b.a.dir != nil && b.a.dir.Value != "":
		d.Fix = "set " + b.a.Key + "= to a value of its kind: " + b.a.dir.Value
	}
	var f fatalError
	if errors.As(err, &f) {
		d.Severity, d.Code = diag.Error, CodeFatal
		b.fail(d)
		return
	}
	d.Msg += ", ignoring it"
	b.diags.add(d)
}

// brief is a value fit for one line of a message.
func brief(s string) string {
	if q := quote(s); len(q) != len(s)+2 {
		return q
	}
	return s
}

// fail adds an Error and remembers the first one.
func (b *build) fail(d diag.Diagnostic) {
	if b.fatal == nil {
		keep := d
		b.fatal = &keep
	}
	b.diags.add(d)
}

// warn reports on a part of the value, at b.at.
func (b *build) warn(code, msg, fix string) {
	b.diags.add(diag.Diagnostic{
		Pos: b.pos(), Severity: diag.Warning, Code: code, Unit: b.u.Name, Msg: msg, Fix: fix,
	})
}

// ignore reports that one word of a list is left out.
func (b *build) ignore(w string, err error) {
	d := hinted{}
	fix := ""
	if errors.As(err, &d) {
		fix = d.fix
	}
	b.warn(CodeValue, "cannot use "+quote(w)+" in "+b.a.Key+"=: "+err.Error()+", ignoring it", fix)
}

// refuse makes the unit bad because of settings that do not go together.
// Where there is a directive to blame it is given by name.
func (b *build) refuse(directive, msg, fix string) {
	b.fail(diag.Diagnostic{
		Pos: b.find(directive), Severity: diag.Error, Code: CodeRefused, Unit: b.u.Name, Msg: "cannot load: " + msg, Fix: fix,
	})
}

// note warns of a setting without effect.
func (b *build) note(directive, msg, fix string) {
	b.diags.add(diag.Diagnostic{
		Pos: b.find(directive), Severity: diag.Warning, Code: CodeNoEffect, Unit: b.u.Name, Msg: msg, Fix: fix,
	})
}

// find is the place of the last assignment of a directive, or the file.
func (b *build) find(directive string) diag.Pos {
	var pos diag.Pos
	for _, f := range b.files {
		if pos.File == "" {
			pos.File = f.Name
		}
		for i := range f.Assigns {
			if f.Assigns[i].Key == directive {
				pos = f.Assigns[i].KeyPos(f.Name)
			}
		}
	}
	return pos
}

// words calls do for each word of v. An open quote ends the list, as do
// errors of do only for their word.
func (b *build) words(v string, flags int, do func(w string) error) error {
	rest := v
	for {
		b.at = len(v) - len(rest)
		w, r, odd, ok, err := word(rest, flags)
		if err != nil {
			return err
		}
		if !ok {
			b.at = 0
			return nil
		}
		if odd {
			b.oddEscape(w)
		}
		rest = r
		if err := do(w); err != nil {
			var f fatalError
			if errors.As(err, &f) {
				return err
			}
			b.ignore(w, err)
		}
	}
}

func (b *build) oddEscape(w string) {
	b.warn(CodeEscape, "unknown escape sequence in "+quote(w)+", keeping it as it is", `double the backslash where one is meant: \\`)
}
