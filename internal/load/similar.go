// SPDX-License-Identifier: Apache-2.0

package load

import "slices"

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
		if d := distance(name, w, limit); d <= limit && d > 0 {
			best, limit = w, d-1
		}
	}
	return best
}

// distance is the edit distance of a and b (with a swap of neighbours as one
// edit), or anything above limit when it is above.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	before, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		if slices.Min(row) > limit {
			return limit + 1
		}
		before, prev, row = prev, row, before
	}
	return prev[len(b)]
}
