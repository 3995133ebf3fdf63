// SPDX-License-Identifier: Apache-2.0

package load

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// Codes of the diagnostics of this package.
const (
	codePath     = "RS301" // a directory or file of the path cannot be used
	codeAlias    = "RS302" // a symbolic link that no unit may have
	codeNotFound = "RS303" // no file defines the unit
	codeMasked   = "RS304"
	codeRead     = "RS305" // the file cannot be read
	codeName     = "RS306" // not the name of a unit
	codeDropIn   = "RS307" // a drop-in or .wants entry that cannot be used
	codeTemplate = "RS308" // a template where a unit is needed
	codeJob      = "RS309" // an Upstart job file that can be no unit
	codeShadowed = "RS310" // a job that a unit of another format hides
	codeOverride = "RS311" // an override or drop-in that applies to nothing
	codeUnsafe   = "RS312" // a property list that others than root may write
	codeAccount  = "RS313" // a service of a super-server for somebody whom the manager cannot become
	codeMember   = "RS314" // a socket that Distribute= cannot make, or does not any more
)

var errNotDir error = syscall.ENOTDIR

// reason is the errno in words, without the path that the message has anyway.
func reason(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}

// link says what the symbolic link called name in d means: a mask, another
// name of a unit on the path, or a unit file that lies elsewhere.
func (x *index) link(d *dir, name string) *entry {
	e := &entry{path: filepath.Join(d.host, name), source: systemdSource{}}
	bad := func(format string, args ...any) *entry {
		e.kind = entryBad
		e.err = &diag.Diagnostic{
			Pos: diag.Pos{File: e.path}, Severity: diag.Error, Code: codeAlias, Unit: name,
			Msg: fmt.Sprintf(format, args...),
		}
		x.diags.Add(*e.err)
		return e
	}
	target, err := x.root.Target(filepath.Join(d.inside, name))
	if err != nil {
		return bad("cannot read the link: %s", reason(err))
	}
	if target == "/dev/null" {
		e.kind = entryMasked
		return e
	}
	if base := filepath.Base(target); base != name && x.onPath(filepath.Dir(target)) {
		if why := aliasFault(name, base); why != "" {
			return bad("cannot be an alias of %q: %s", base, why)
		}
		e.kind, e.target = entryAlias, base
		return e
	}
	final, err := x.root.Resolve(target)
	if err != nil {
		return bad("cannot follow the link: %s", reason(err))
	}
	if final == "/dev/null" {
		e.kind = entryMasked
		return e
	}
	e.kind, e.real = entryFile, x.root.Host(final)
	return e
}

// onPath tells whether a directory, given by its path inside the root, is
// one of the search path, under whatever name.
func (x *index) onPath(d string) bool {
	if known, ok := x.real[d]; ok {
		return known
	}
	p, err := x.root.Resolve(d)
	ok := err == nil && x.real[p]
	x.real[d] = ok
	return ok
}

// aliasFault says why name may not be an alias of target, "" if it may
// (systemd.unit(5): the kind stays, an instance keeps its instance).
func aliasFault(name, target string) string {
	if !unit.ValidName(target) {
		return "that is no valid unit name"
	}
	a, t := unit.Split(name), unit.Split(target)
	if a.Kind != t.Kind {
		return fmt.Sprintf("a %s cannot be another name of a %s", a.Kind.Suffix(), t.Kind.Suffix())
	}
	switch a.Kind {
	case unit.KindSlice, unit.KindMount, unit.KindSwap, unit.KindAutomount:
		return fmt.Sprintf("a %s cannot have another name", a.Kind.Suffix())
	default:
	}
	switch {
	case t.At && t.Instance == "" && !a.At:
		return "a unit cannot be another name of a template"
	case a.At && a.Instance == "" && (!t.At || t.Instance != ""):
		return "a template can only be another name of a template"
	case a.Instance != "" && !t.At:
		return "an instance can only be another name of an instance or template"
	case a.Instance != "" && t.Instance != "" && a.Instance != t.Instance:
		return fmt.Sprintf("the instances %q and %q differ", a.Instance, t.Instance)
	}
	return ""
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
