// SPDX-License-Identifier: Apache-2.0

package load

import (
	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// FileKind says what a name on the search path stands for.
type FileKind uint8

// The kinds of names.
const (
	FileRegular FileKind = iota
	FileAlias            // a symbolic link to another name on the path
	FileMasked           // a symbolic link to /dev/null
	FileBad              // a symbolic link that no unit may have
)

// File is what the first directory of the search path that has a name says
// about it.
type File struct {
	Name string
	Kind FileKind
	// Path is the file on this host, with the link followed where the name
	// is a link to a file outside the search path.
	Path   string
	Link   string // the entry in the directory of the path
	Target string // of an alias: the other name
	Err    *diag.Diagnostic
}

// File returns what the path knows under exactly this name; built-in units
// have no file.
func (l *Loader) File(name string) (File, bool) {
	e := l.index.names[name]
	if e == nil || e.path == "" {
		return File{}, false
	}
	f := File{Name: name, Path: e.file(), Link: e.path, Target: e.target, Err: e.err}
	switch e.kind {
	case entryAlias:
		f.Kind = FileAlias
	case entryMasked:
		f.Kind = FileMasked
	case entryBad:
		f.Kind = FileBad
	case entryFile, entryBuiltin:
		f.Kind = FileRegular
	}
	return f, true
}

// One compiles one unit by itself, without what it refers to and without
// remembering it: enough for its [Install] section, for cat and for show. A
// template is compiled with an empty instance.
func (l *Loader) One(name string) (*unit.Unit, diag.List) {
	c := &compiler{l: l, x: l.index, files: files{m: map[string]*parsed{}}, templateToo: true}
	u, _, list := c.unit(l.index.canonical(name))
	c.report(&list)
	return u, list
}

// Defined tells whether a file on the path, a built-in unit or a template of
// either defines the unit; masked ones are defined too.
func (l *Loader) Defined(name string) bool {
	return l.index.find(l.index.canonical(name)) != nil
}
