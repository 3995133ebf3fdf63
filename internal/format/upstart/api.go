// SPDX-License-Identifier: Apache-2.0

// Package upstart reads Upstart job files (init(5)) and compiles them to
// units. It imports unit and diag only, reads no file, and rejects a job as a
// whole where Upstart would, with the position and the reason.
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

// Compile makes the unit of job name (the path below its directory, without
// ".conf") from its file and, where there are any, the overrides on top of it
// in the order of application. An override with an error has no effect at all.
//
// The unit is never nil. Where the file has an error Load is BadSetting,
// LoadErr is the first error and the unit has no commands. The list has every
// finding, errors and warnings, in the order of the lines.
func Compile(name string, conf *File, overrides []*File, opt Options) (*unit.Unit, diag.List) {
	panic("not written yet")
}

// UnitName is the name of the unit of a job.
func UnitName(job string) string { panic("not written yet") }

// File is one parsed job file or override.
type File struct {
	Path string
	// TODO fields
}

// Parse reads a job file. It never fails: errors are part of the File and
// come out of Compile.
func Parse(path string, text []byte) *File { panic("not written yet") }
