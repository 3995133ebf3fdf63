// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"slices"
	"strconv"
	"strings"
)

// commentWidth is where comments are wrapped, in bytes.
const commentWidth = 100

// section is one section of a unit file while it is written.
type section struct {
	name  string
	lines []string
}

// set adds an assignment; value is quoted already. One that ends in a
// backslash gets a blank, or the next line would belong to it.
func (s *section) set(key, value string) {
	line := key + "=" + value
	if strings.HasSuffix(line, `\`) {
		line += " "
	}
	s.lines = append(s.lines, line)
}

// list adds an assignment of several names, each once; none for no names.
func (s *section) list(key string, names []string) {
	var kept []string
	for _, n := range names {
		if !slices.Contains(kept, n) {
			kept = append(kept, n)
		}
	}
	if len(kept) > 0 {
		s.set(key, strings.Join(kept, " "))
	}
}

// comment adds comment lines, once each.
func (s *section) comment(text string) {
	if lines := wrap(text); !slices.Contains(s.lines, lines) {
		s.lines = append(s.lines, lines)
	}
}

// wrap makes comment lines of a text of any length; nothing of it can end
// the comment early.
func wrap(text string) string {
	var b strings.Builder
	width := 0
	for i, w := range strings.Fields(printable(text)) {
		switch {
		case i == 0:
			b.WriteString("# ")
			width = 2
		case width+1+len(w) > commentWidth:
			b.WriteString("\n#   ")
			width = 4
		default:
			b.WriteByte(' ')
			width++
		}
		b.WriteString(w)
		width += len(w)
	}
	return b.String()
}

// printable replaces what a unit file must not hold: control characters and
// what is not UTF-8.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
}

// text joins the header and the sections that have lines. Comments of an
// empty section would be lost: they go with the section's header line.
func (c *conversion) text(header []string, sections ...*section) string {
	var b strings.Builder
	for _, h := range header {
		b.WriteString(wrap(h))
		b.WriteByte('\n')
	}
	for _, s := range sections {
		if len(s.lines) == 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString("[" + s.name + "]\n")
		for _, l := range s.lines {
			b.WriteString(l)
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }
