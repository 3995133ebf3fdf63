// SPDX-License-Identifier: Apache-2.0

package diag

import (
	"strings"
	"testing"
)

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b        string
		limit, want int
	}{
		{"", "", 2, 0}, {"", "ab", 2, 2}, {"exec", "exec", 0, 0}, {"exec", "exce", 2, 1}, {"exec", "exe", 2, 1}, {"exec", "execs", 2, 1},
		{"exec", "task", 2, 3}, {"kitten", "sitting", 9, 3}, {"a", "abcdef", 2, 3}, {"x" + strings.Repeat("y", 255), strings.Repeat("y", 255), 2, 3},
		{strings.Repeat("y", 255), strings.Repeat("y", 254), 2, 1},
	} {
		if got := Distance(c.a, c.b, c.limit); got != c.want {
			t.Errorf("%.20q and %.20q, up to %d: %d, want %d", c.a, c.b, c.limit, got, c.want)
		}
	}
}
