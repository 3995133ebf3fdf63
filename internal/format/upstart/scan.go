// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"slices"
	"strings"
)

// scanner cuts the text of a job file into words (init(5), Configuration File
// Format). The rules are those of Upstart 1.13, tried with it:
//
//   - Words are separated by space, tab and carriage return. A newline ends
//     the stanza, and so does a "#" outside of quotes, even in a word.
//   - Quotes of both kinds group, also in the middle of a word.
//   - A backslash protects what follows. It goes if that is a blank or another
//     backslash, and stays before everything else.
//   - A newline in quotes, or after a backslash, counts as one space together
//     with the blanks around it.
type scanner struct {
	text  string
	pos   int
	fault *fault
}

// fault is the first thing that is wrong with a stanza.
type fault struct {
	off       int
	code      string
	msg, fix  string
	endOfFile bool // nothing can be read after it
}

const blanks = " \t\r"

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }

// continued is the length of a backslash and newline at off, 0 if there is
// none. After a carriage return Upstart does not see it.
func (s *scanner) continued(off int) int {
	switch rest := s.text[off:]; {
	case strings.HasPrefix(rest, "\\\n"):
		return 2
	case strings.HasPrefix(rest, "\\\r\n"):
		return 3
	}
	return 0
}

func (s *scanner) skipBlanks() {
	for s.pos < len(s.text) {
		if isBlank(s.text[s.pos]) {
			s.pos++
		} else if n := s.continued(s.pos); n > 0 {
			s.pos += n
		} else {
			return
		}
	}
}

// atEnd skips blanks and tells whether the stanza ends there.
func (s *scanner) atEnd() bool {
	s.skipBlanks()
	return s.pos >= len(s.text) || s.text[s.pos] == '\n' || s.text[s.pos] == '#'
}

// skipLine goes behind the end of the line.
func (s *scanner) skipLine() {
	if i := strings.IndexByte(s.text[s.pos:], '\n'); i >= 0 {
		s.pos += i + 1
	} else {
		s.pos = len(s.text)
	}
}

// fail notes the first fault.
func (s *scanner) fail(f fault) {
	if s.fault == nil {
		s.fault = &f
	}
}

// word is one word as it was written and as it is meant.
type word struct {
	text string
	off  int
	// quoted: there are quotes or backslashes in it, so that it is no
	// operator.
	quoted bool
}

// word reads up to the end of a word; bytes of stop end it too. The caller
// has made sure that a word starts here.
func (s *scanner) word(stop string) word {
	w := word{off: s.pos}
	t := text{s: s}
	for t.next() {
		c := s.text[s.pos]
		if t.quote == 0 && (isBlank(c) || s.continued(s.pos) > 0 || strings.IndexByte(stop, c) >= 0) {
			break
		}
		t.take(true)
	}
	w.text, w.quoted = string(t.out), t.marked
	return w
}

// command reads the rest of the stanza. Quotes and backslashes stay: they are
// the shell's.
func (s *scanner) command() word {
	w := word{off: s.pos}
	t := text{s: s}
	for t.next() {
		t.take(false)
	}
	w.text = string(t.out[:t.solid])
	return w
}

// text collects what is read of a word or command.
type text struct {
	s     *scanner
	out   []byte
	quote byte // the quote that is open, or 0
	open  int  // where it was opened
	// solid bytes of out do not go when blanks at the end are cut.
	solid  int
	marked bool
}

// next tells whether there is more, and faults where the file ends too early.
func (t *text) next() bool {
	s := t.s
	switch {
	case s.fault != nil:
		return false
	case s.pos >= len(s.text):
		if t.quote != 0 {
			s.fail(fault{
				off: t.open, code: CodeSyntax, msg: "the quote that starts here is never closed",
				fix: "close it with " + string(t.quote) + ", or write a backslash before it",
			})
		}
		return false
	}
	c := s.text[s.pos]
	return t.quote != 0 || c != '\n' && c != '#'
}

// take reads one byte with what belongs to it. dequote: drop the quotes, and
// the backslashes that have done their work.
func (t *text) take(dequote bool) {
	s := t.s
	c := s.text[s.pos]
	switch {
	case s.continued(s.pos) > 0, c == '\n':
		t.join()
		return
	case c == '\\' && s.pos+1 == len(s.text):
		s.fail(fault{off: s.pos, code: CodeSyntax, msg: "the file ends in a backslash", fix: "remove it"})
		return
	case c == '\\':
		t.marked = true
		next := s.text[s.pos+1]
		if !dequote || !isBlank(next) && next != '\\' {
			t.out = append(t.out, c)
		}
		t.out = append(t.out, next)
		t.solid = len(t.out)
		s.pos += 2
		return
	case t.quote == 0 && (c == '"' || c == '\''):
		t.quote, t.open, t.marked = c, s.pos, true
		t.solid = len(t.out)
		if dequote {
			s.pos++
			return
		}
	case t.quote != 0 && c == t.quote:
		t.quote = 0
		t.solid = len(t.out)
		if dequote {
			s.pos++
			return
		}
	}
	t.out = append(t.out, c)
	if !isBlank(c) {
		t.solid = len(t.out)
	}
	s.pos++
}

// join makes one space of line ends and the blanks around them.
func (t *text) join() {
	s := t.s
	t.out = append(t.out[:t.solid], ' ')
	for s.pos < len(s.text) {
		switch n := s.continued(s.pos); {
		case n > 0:
			s.pos += n
		case isBlank(s.text[s.pos]), s.text[s.pos] == '\n' && t.quote != 0:
			s.pos++
		default:
			if t.quote != 0 {
				t.solid = len(t.out)
			}
			return
		}
	}
}

// lineStarts are the offsets of the lines of text.
func lineStarts(text string) []int {
	starts := []int{0}
	for i := range len(text) {
		if text[i] == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

// lineCol is the line and column of an offset, from 1, in bytes.
func lineCol(starts []int, off int) (line, col int32) {
	i, found := slices.BinarySearch(starts, off)
	if !found {
		i--
	}
	return int32(i + 1), int32(off - starts[i] + 1)
}
