// SPDX-License-Identifier: Apache-2.0

// Package plist reads property lists, as XML and in the binary form
// ("bplist00"), and keeps the place of every value, so that whoever uses one
// can say where it is wrong. It loads no DTD and no entity, and bounds what a
// file may cost. It imports diag only, knows nothing of launchd, and writes
// XML back.
package plist

import (
	"bytes"
	"errors"
	"time"

	"github.com/rouse-init/rouse/internal/diag"
)

// Kind is the type of a value.
type Kind uint8

// The types of plist(5).
const (
	String Kind = iota
	Integer
	Real
	Bool
	Date
	Data
	Array
	Dict
)

var kindNames = [...]string{"string", "integer", "real", "boolean", "date", "data", "array", "dictionary"}

func (k Kind) String() string { return kindNames[k] }

// Value is one value. Of a binary file the line is 1 and the column that of
// the byte, counted from 1, as it has no lines.
type Value struct {
	Kind    Kind
	Pos     diag.Pos
	Text    string // String
	Int     int64
	Real    float64
	Bool    bool
	Time    time.Time
	Data    []byte
	Items   []*Value // Array
	Entries []Entry  // Dict, in the order of the file; of a key that stands twice the last counts
}

// Entry is one key of a dictionary with its value.
type Entry struct {
	Key   string
	Pos   diag.Pos
	Value *Value
}

// Get returns the value of a key, nil for none.
func (v *Value) Get(key string) *Value {
	for i := range v.Entries {
		if v.Entries[i].Key == key {
			return v.Entries[i].Value
		}
	}
	return nil
}

// The codes of this package's diagnostics.
const (
	CodeSyntax = "RL001" // not a property list, or a broken one
	CodeLimit  = "RL002" // larger than a file may be
	CodeTwice  = "RL003" // a key that stands twice
)

// What a file may cost: real ones have less than a hundredth of it.
const (
	maxSize   = 4 << 20 // bytes
	maxDepth  = 32      // values inside one another
	maxValues = 20000
)

// Parse reads a property list of either form. The value is nil if and only if
// the list has an error.
func Parse(path string, text []byte) (*Value, diag.List) {
	f := &fault{path: path}
	if len(text) > maxSize {
		f.list.Add(tooLarge(diag.Pos{File: path, Line: 1, Col: 1}))
		return nil, f.list
	}
	parse := parseXML
	if bytes.HasPrefix(text, []byte("bplist")) {
		parse = parseBinary
	}
	v, err := parse(f, text)
	if err == nil {
		return v, f.list
	}
	var d diag.Diagnostic
	if !errors.As(err, &d) {
		d = diag.Diagnostic{Severity: diag.Error, Code: CodeSyntax, Msg: err.Error()}
	}
	f.list.Add(d)
	return nil, f.list
}

// fault collects what is found; the first error ends a parse.
type fault struct {
	path string
	list diag.List
}

func tooLarge(pos diag.Pos) diag.Diagnostic {
	return diag.Diagnostic{Pos: pos, Severity: diag.Error, Code: CodeLimit, Msg: "cannot read the property list: it is larger than 4 MiB"}
}

// enter adds an entry, in the place of an earlier one of the same key.
func (f *fault) enter(d *Value, seen map[string]int, e Entry) {
	i, twice := seen[e.Key]
	if !twice {
		seen[e.Key] = len(d.Entries)
		d.Entries = append(d.Entries, e)
		return
	}
	f.list.Add(diag.Diagnostic{
		Pos: d.Entries[i].Pos, Severity: diag.Warning, Code: CodeTwice,
		Msg: "cannot use the key " + quote(e.Key) + ": it stands again below, and the last one counts, ignoring", Fix: "remove one of the two",
	})
	d.Entries[i] = e
}
