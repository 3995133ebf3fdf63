// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// File is one parsed unit file or drop-in. It is not changed after Parse and
// may be shared by several units and goroutines.
type File struct {
	Name    string // as given to Parse, usually an absolute path
	DropIn  bool   // DIR.d/NAME.conf; told from Name
	Empty   bool   // no text at all: as a main file that means masked
	Assigns []Assign
}

// Assign is one assignment, in the order of the file.
type Assign struct {
	Section  string
	Key      string
	Value    string // continuation lines joined by a space each, trimmed
	Line     int32  // of the key
	Col      int32
	valueCol int32  // of the value, where it stands on one line
	marks    []mark // where the parts of a continued value stand

	dir *Directive
	bit sectionSet // 0: a section that nobody knows
}

// Options are the circumstances of a Compile. The zero value is a system
// manager that knows nothing of its host.
type Options struct {
	User     bool      // user manager: other slices, defaults and directories
	Facts    *Facts    // what specifiers and percentages resolve to; may be nil
	Interner *Interner // shares equal Exec values between units; may be nil
}

// Compile merges the files of one unit, the main file first and then the
// drop-ins in the order of their application, into a unit called name. With
// no main file (a built-in target, say) it yields the defaults of the kind.
//
// The unit is never nil. When a line makes it unloadable, Load is BadSetting,
// LoadErr is that line's diagnostic and the unit has no commands.
func Compile(name string, files []*File, opt Options) (*unit.Unit, diag.List) {
	t := Template{files: files, opt: opt}
	return t.Instance(name)
}

// Template is a parsed set of files from which units are made again and
// again (foo@.service). Instance may be called from several goroutines.
type Template struct {
	files []*File
	opt   Options
}

// NewTemplate keeps files for Instance.
func NewTemplate(files []*File, opt Options) *Template {
	return &Template{files: files, opt: opt}
}
