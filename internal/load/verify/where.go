// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"bytes"
	"os"
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// where finds the line of a unit's files that assigns word, or anything where
// that is "", to key. The model
// keeps no position for each dependency, since only findings need one. When
// the word came out of a specifier or a `.requires` directory, the place is
// the file alone.
func where(u *unit.Unit, key, word string) diag.Pos {
	if job(u) != nil {
		return whereStanza(u, key, word)
	}
	if unit.KindOf(u.Fragment) == unit.KindInvalid && u.Service != nil && u.Service.Exec != nil {
		for _, w := range u.Service.Exec.Where { // a line of inetd.conf or its like
			if w.Directive == key {
				return w.Pos
			}
		}
	}
	for _, file := range append([]string{u.Fragment}, u.DropIns...) {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // a unit without a file, or one that is gone by now
		}
		inside := false // a value that is continued on the next line
		n := int32(0)
		for raw := range bytes.Lines(text) {
			n++
			line := strings.TrimRight(string(raw), "\r\n")
			k, value, ok := strings.Cut(line, "=")
			switch {
			case inside:
				value = line
			case !ok || strings.TrimSpace(k) != key:
				continue
			}
			inside = strings.HasSuffix(value, `\`)
			if word == "" || slices.Contains(strings.Fields(strings.TrimSuffix(value, `\`)), word) {
				return diag.Pos{File: file, Line: n, Col: int32(strings.Index(line, word)) + 1}
			}
		}
	}
	return diag.Pos{File: u.Fragment}
}

// stanzas are the stanzas of init(5), and of rouse, that are compiled to what
// directives of systemd are for.
var stanzas = map[string][]string{"User": {"setuid"}, "Group": {"setgid"}, "Requires": {"needs", "dbus"}, "After": {"needs", "dbus"}}

// whereStanza is where for the files of a job. The last one counts.
func whereStanza(u *unit.Unit, key, word string) diag.Pos {
	pos := diag.Pos{File: u.Fragment}
	for _, file := range append([]string{u.Fragment}, u.DropIns...) {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		n := int32(0)
		for raw := range bytes.Lines(text) {
			n++
			line := string(raw)
			f := strings.Fields(line)
			if len(f) < 2 || !slices.Contains(stanzas[key], f[0]) {
				continue
			}
			arg := strings.Trim(f[1], `"'`)
			if f[0] == "dbus" || arg == word || arg+".service" == word {
				pos = diag.Pos{File: file, Line: n, Col: int32(strings.Index(line, f[0])) + 1}
			}
		}
	}
	return pos
}

// facts stand in for those of the machine that the units are meant for, so
// that a specifier which cannot be known here is no finding.
func facts(specifier byte) (string, error) {
	switch specifier {
	case 'm', 'b':
		return strings.Repeat("0", 32), nil
	}
	return "test", nil
}
