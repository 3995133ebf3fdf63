// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"strings"

	"github.com/rouse-init/rouse/internal/diag"
)

// The codes of this package's diagnostics. They are stable: scripts may
// match them.
const (
	CodeSyntax      = "RS001" // a line that is neither section nor assignment
	CodeHeader      = "RS002" // a section header without its "]"
	CodeTooLong     = "RS003" // a line of more than 1 MiB
	CodeUTF8        = "RS004" // a line that is not UTF-8
	CodeNoSection   = "RS005" // an assignment before the first section
	CodeSection     = "RS006" // an unknown section
	CodeKey         = "RS007" // an unknown key
	CodeWrongKind   = "RS008" // a section that this kind of unit does not have
	CodeManyMore    = "RS009" // diagnostics left out
	CodeValue       = "RS010" // a bad value, ignored
	CodeFatal       = "RS011" // a bad value, the unit does not load
	CodeObsolete    = "RS012" // a directive that systemd ignores as well
	CodeUnsupported = "RS014" // understood, but not done by rouse
	CodeInsecure    = "RS015" // the same, and the service is less confined
	CodeEscape      = "RS016" // an unknown escape sequence, kept as it is
	CodeRefused     = "RS020" // settings that do not go together
	CodeNoEffect    = "RS021" // a setting that has no effect beside another
	CodeName        = "RS022" // not the name of a unit
)

// fileLimit is how many diagnostics one file may cause, those on directives
// that are not supported apart: `verify` names each of them.
const fileLimit = 20

// limiter adds diagnostics to a list until a file has had its share.
type limiter struct {
	list diag.List
	file string
	n    int
}

func (l *limiter) add(d diag.Diagnostic) {
	if d.Code == CodeUnsupported || d.Code == CodeInsecure || d.Severity == diag.Error {
		l.list.Add(d)
		return
	}
	if d.Pos.File != l.file {
		l.file, l.n = d.Pos.File, 0
	}
	switch l.n++; {
	case l.n <= fileLimit:
		l.list.Add(d)
	case l.n == fileLimit+1:
		l.list.Add(diag.Diagnostic{
			Pos: diag.Pos{File: d.Pos.File}, Severity: diag.Note, Code: CodeManyMore, Unit: d.Unit,
			Msg: "more of its lines are wrong: the rest is not listed",
		})
	}
}

// nearest returns the candidate that is closest to word by edit distance, ""
// when none is close enough to be what was meant.
func nearest(word string, candidates []string) string {
	best, bestD := "", len(word)/3+1
	if bestD > 4 {
		bestD = 4
	}
	lower := strings.ToLower(word)
	for _, c := range candidates {
		if diff := len(c) - len(word); diff >= bestD || -diff >= bestD {
			continue // most are, and need no letter looked at
		}
		if d := diag.Distance(lower, strings.ToLower(c), bestD-1); d < bestD {
			best, bestD = c, d
		}
	}
	return best
}
