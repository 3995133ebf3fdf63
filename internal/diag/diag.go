// SPDX-License-Identifier: Apache-2.0

// Package diag is the one form in which rouse says that something is wrong:
// a position, a unit, what could not be done, why, and what to do next.
// It imports nothing of rouse; every other package may import it.
package diag

import (
	"fmt"
	"strings"
)

// Pos is a place in a file. The zero Pos means that there is none.
type Pos struct {
	File string
	Line int32
	Col  int32
}

// String prints file:line:col, leaving out what is not known.
func (p Pos) String() string {
	switch {
	case p.File == "":
		return ""
	case p.Line == 0:
		return p.File
	case p.Col == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Severity orders diagnostics by what they cost the unit.
type Severity uint8

// The severities. Error means that the unit does not load; Warning that the
// line is ignored or works differently; Note that it is worth knowing.
const (
	Note Severity = iota
	Warning
	Error
)

func (s Severity) String() string {
	switch s {
	case Note:
		return "note"
	case Warning:
		return "warning"
	case Error:
		return "error"
	}
	return "unknown"
}

// Diagnostic is one finding.
type Diagnostic struct { //nolint:errname // it is a diagnostic first and an error second
	Pos      Pos
	Severity Severity
	Code     string // stable, such as "RS014"; may be empty
	Unit     string // may be empty
	Msg      string // "cannot do what: cause", without a final full stop
	Fix      string // what to type or change; may be empty
}

// String prints the diagnostic in its two lines (one where there is no fix).
func (d Diagnostic) String() string {
	var b strings.Builder
	if p := d.Pos.String(); p != "" {
		b.WriteString(p)
		b.WriteString(": ")
	}
	if d.Unit != "" {
		b.WriteString(d.Unit)
		b.WriteString(": ")
	}
	if d.Severity != Error {
		b.WriteString(d.Severity.String())
		b.WriteString(": ")
	}
	b.WriteString(d.Msg)
	if d.Fix != "" {
		b.WriteString("\n    fix: ")
		b.WriteString(d.Fix)
	}
	return b.String()
}

// Error makes a Diagnostic usable as an error.
func (d Diagnostic) Error() string { return d.String() }

// List collects the diagnostics of one load, in the order of finding.
type List []Diagnostic

// Add appends d.
func (l *List) Add(d Diagnostic) { *l = append(*l, d) }

// Errors tells whether any of them is an Error.
func (l List) Errors() bool {
	for i := range l {
		if l[i].Severity == Error {
			return true
		}
	}
	return false
}
