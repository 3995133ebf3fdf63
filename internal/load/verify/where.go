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

// where finds the line of a unit's files that assigns word to key. The model
// keeps no position for each dependency, since only findings need one. When
// the word came out of a specifier or a `.requires` directory, the place is
// the file alone.
func where(u *unit.Unit, key, word string) diag.Pos {
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
			if slices.Contains(strings.Fields(strings.TrimSuffix(value, `\`)), word) {
				return diag.Pos{File: file, Line: n, Col: int32(strings.Index(line, word)) + 1}
			}
		}
	}
	return diag.Pos{File: u.Fragment}
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
