// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// visible writes control characters, and bytes that are no text, as escapes
// of C, so that a line stays one and no terminal takes them for orders.
func visible(s string) string {
	hidden := func(r rune) bool {
		return unicode.IsControl(r) || r == utf8.RuneError || r == '\u2028' || r == '\u2029'
	}
	if strings.IndexFunc(s, hidden) < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1, r < utf8.RuneSelf && hidden(r):
			writeEscape(&b, s[i])
		case hidden(r) && r != utf8.RuneError:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

func writeEscape(b *strings.Builder, c byte) {
	if i := strings.IndexByte("\n\t\r", c); i >= 0 {
		b.WriteByte('\\')
		b.WriteByte("ntr"[i])
		return
	}
	fmt.Fprintf(b, `\x%02x`, c)
}

// visibleLines is visible for text of several lines, such as a failure with
// its remedy.
func visibleLines(s string) []string { return visibleAll(strings.Split(s, "\n")) }

func visibleAll(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = visible(s)
	}
	return out
}
