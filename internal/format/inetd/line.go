// SPDX-License-Identifier: Apache-2.0

package inetd

import (
	"strings"

	"github.com/rouse-init/rouse/internal/diag"
)

// word is one field and where it stands.
type word struct {
	text string
	pos  diag.Pos
}

// from is the rest of a word from its byte i on.
func (w word) from(i int) word {
	w.pos.Col += int32(i)
	return word{w.text[i:], w.pos}
}

// cut cuts a word at the first of sep.
func (w word) cut(sep string) (before, after word, found bool) {
	i := strings.IndexAny(w.text, sep)
	if i < 0 {
		return w, word{}, false
	}
	return word{w.text[:i], w.pos}, w.from(i + 1), true
}

// line is an entry with its continuation lines.
type line struct {
	words []word
	// off: switched off by Debian's update-inetd(8), which leaves the line as
	// a comment.
	off bool
}

// offMark is what update-inetd(8) puts in front of a line; its -comment-chars
// may be others, which makes them mere comments here.
const offMark = "#<off>#"

// split makes lines of a text. There are no quotes. A line that begins with a
// blank goes on with the entry before it, which a comment or an empty line
// ends. A comment begins in the first column, and nowhere else.
func split(path, text string) (out []line) {
	open := false // an entry that may go on
	n := int32(0)
	for raw := range strings.Lines(text) {
		n++
		s := strings.TrimRight(raw, "\r\n")
		off := strings.HasPrefix(s, offMark)
		skip := 0
		if off {
			skip = len(offMark)
		}
		switch {
		case s == "" || s[0] == '#' && !off:
			open = false
			continue
		case open && (s[0] == ' ' || s[0] == '\t'):
			last := &out[len(out)-1]
			last.words = append(last.words, fields(path, n, s, 0)...)
			continue
		}
		words := fields(path, n, s, skip)
		open = len(words) > 0 && !off
		if len(words) > 0 {
			out = append(out, line{words: words, off: off})
		}
	}
	return out
}

// fields are the words of one line from byte skip on.
func fields(path string, n int32, s string, skip int) (out []word) {
	for i := skip; i < len(s); {
		if s[i] == ' ' || s[i] == '\t' {
			i++
			continue
		}
		start := i
		for i < len(s) && s[i] != ' ' && s[i] != '\t' {
			i++
		}
		out = append(out, word{s[start:i], diag.Pos{File: path, Line: n, Col: int32(start) + 1}})
	}
	return out
}
