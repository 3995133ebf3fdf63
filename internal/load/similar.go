// SPDX-License-Identifier: Apache-2.0

package load

import "github.com/rouse-init/rouse/internal/diag"

// Nearest returns the word that is the fewest edits away from name, the first
// of several, "" when none is near enough: one edit, two from eight letters
// on, none for a name of one or two letters.
func Nearest(name string, words []string) string {
	limit := 0
	switch {
	case len(name) >= 8:
		limit = 2
	case len(name) >= 3:
		limit = 1
	}
	best := ""
	for _, w := range words {
		if d := diag.Distance(name, w, limit); d <= limit && d > 0 {
			best, limit = w, d-1
		}
	}
	return best
}
