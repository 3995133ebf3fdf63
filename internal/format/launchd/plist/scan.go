// SPDX-License-Identifier: Apache-2.0

package plist

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rouse-init/rouse/internal/diag"
)

// scanner reads the few things that the XML of property lists has. A syntax
// error is a diag.Diagnostic that is returned through all functions.
type scanner struct {
	path      string
	text      string
	at        int
	line, bol int // of at: the line, and where that begins
}

// tag is one piece of markup, or the end of the text (name "").
type tag struct {
	name       string
	pos        diag.Pos
	end, empty bool // </name>, <name/>
}

func (s *scanner) pos() diag.Pos {
	return diag.Pos{File: s.path, Line: int32(s.line), Col: int32(s.at - s.bol + 1)}
}

func (s *scanner) fail(pos diag.Pos, format string, args ...any) error {
	return diag.Diagnostic{Pos: pos, Severity: diag.Error, Code: CodeSyntax, Msg: "cannot read the property list: " + fmt.Sprintf(format, args...)}
}

// move goes n bytes on and counts lines.
func (s *scanner) move(n int) {
	for range n {
		if s.text[s.at] == '\n' {
			s.line, s.bol = s.line+1, s.at+1
		}
		s.at++
	}
}

func (s *scanner) rest() string { return s.text[s.at:] }

func (s *scanner) space() {
	for s.at < len(s.text) && strings.IndexByte(" \t\r\n", s.text[s.at]) >= 0 {
		s.move(1)
	}
}

// skip passes over what ends with end; what names it in a message.
func (s *scanner) skip(end, what string) error {
	i := strings.Index(s.rest(), end)
	if i < 0 {
		return s.fail(s.pos(), "the %s has no %q at its end", what, end)
	}
	s.move(i + len(end))
	return nil
}

// next reads the next tag. Between tags only blanks may stand, and what XML
// has that means nothing: comments, instructions and the document type.
func (s *scanner) next() (tag, error) {
	for {
		s.space()
		rest := s.rest()
		var err error
		switch {
		case rest == "":
			return tag{pos: s.pos()}, nil
		case strings.HasPrefix(rest, "<!--"):
			err = s.skip("-->", "comment")
		case strings.HasPrefix(rest, "<?"):
			err = s.instruction()
		case strings.HasPrefix(rest, "<!DOCTYPE"):
			err = s.doctype()
		case rest[0] == '<':
			return s.tag()
		default:
			word, _, _ := strings.Cut(rest, "<")
			return tag{}, s.fail(s.pos(), "expected a tag such as <string>, found %s", quote(strings.TrimSpace(word)))
		}
		if err != nil {
			return tag{}, err
		}
	}
}

// instruction passes over <?xml ...?> if its encoding is one that needs no
// conversion.
func (s *scanner) instruction() error {
	pos, begin := s.pos(), s.at
	if err := s.skip("?>", "instruction"); err != nil {
		return err
	}
	_, rest, ok := strings.Cut(s.text[begin:s.at], "encoding=")
	if !ok || rest == "" {
		return nil
	}
	name, _, _ := strings.Cut(rest[1:], rest[:1])
	switch strings.ToUpper(name) {
	case "UTF-8", "UTF8", "US-ASCII", "ASCII":
		return nil
	}
	return s.fail(pos, "its encoding is %s; expected UTF-8", quote(name))
}

// doctype passes over the document type, which nobody loads. One that defines
// anything of its own is refused.
func (s *scanner) doctype() error {
	pos, begin := s.pos(), s.at
	if err := s.skip(">", "document type"); err != nil {
		return err
	}
	if strings.Contains(s.text[begin:s.at], "[") {
		return s.fail(pos, "its document type has definitions of its own, which are not read")
	}
	return nil
}

// tag reads <name>, </name> or <name/>. Attributes are passed over: only that
// of <plist> has any meaning, the version, and there is but one.
func (s *scanner) tag() (tag, error) {
	t := tag{pos: s.pos()}
	s.move(1)
	if strings.HasPrefix(s.rest(), "/") {
		t.end = true
		s.move(1)
	}
	n := 0
	for rest := s.rest(); n < len(rest) && (rest[n]|0x20 >= 'a' && rest[n]|0x20 <= 'z' || rest[n] >= '0' && rest[n] <= '9'); n++ {
	}
	if n == 0 || n > 32 {
		return t, s.fail(t.pos, "expected the name of a tag after \"<\"")
	}
	t.name = s.rest()[:n]
	s.move(n)
	for {
		s.space()
		rest := s.rest()
		switch {
		case rest == "":
			return t, s.fail(t.pos, "the tag <%s has no \">\" at its end", t.name)
		case rest[0] == '>':
			s.move(1)
			return t, nil
		case strings.HasPrefix(rest, "/>") && !t.end:
			t.empty = true
			s.move(2)
			return t, nil
		case rest[0] == '"' || rest[0] == '\'':
			s.move(1)
			if err := s.skip(rest[:1], "value of an attribute"); err != nil {
				return t, err
			}
		case rest[0] == '<':
			return t, s.fail(t.pos, "the tag <%s has no \">\" at its end", t.name)
		default:
			s.move(1)
		}
	}
}

// content reads the text of an element up to its end tag.
func (s *scanner) content(t tag) (string, error) {
	if t.empty {
		return "", nil
	}
	var b strings.Builder
	for {
		rest := s.rest()
		i := strings.IndexAny(rest, "<&")
		if i < 0 {
			return "", s.fail(t.pos, "<%s> has no </%s>", t.name, t.name)
		}
		b.WriteString(rest[:i])
		s.move(i)
		rest = rest[i:]
		switch {
		case rest[0] == '&':
			if err := s.entity(&b); err != nil {
				return "", err
			}
		case strings.HasPrefix(rest, "<!--"):
			if err := s.skip("-->", "comment"); err != nil {
				return "", err
			}
		case strings.HasPrefix(rest, "<![CDATA["):
			s.move(len("<![CDATA["))
			begin := s.at
			if err := s.skip("]]>", "CDATA section"); err != nil {
				return "", err
			}
			b.WriteString(s.text[begin : s.at-len("]]>")])
		default:
			end, err := s.tag()
			if err != nil {
				return "", err
			}
			if !end.end || end.name != t.name {
				return "", s.fail(end.pos, "expected </%s>, found <%s>: a value of this kind holds text only", t.name, slash(end)+end.name)
			}
			return b.String(), nil
		}
	}
}

func slash(t tag) string {
	if t.end {
		return "/"
	}
	return ""
}

var entities = map[string]string{"lt": "<", "gt": ">", "amp": "&", "quot": `"`, "apos": "'"}

// entity reads one of XML's five entities, or a character by its number.
func (s *scanner) entity(b *strings.Builder) error {
	const longest = 12
	pos := s.pos()
	rest := s.rest()
	i := strings.IndexByte(rest[:min(len(rest), longest)], ';')
	if i < 0 {
		return s.fail(pos, "expected an entity such as &amp;, found %s (write & as &amp;)", quote(rest[:min(len(rest), longest)]))
	}
	name := rest[1:i]
	text, ok := entities[name]
	if number, is := strings.CutPrefix(name, "#"); is {
		base := 10
		if hex, is := strings.CutPrefix(number, "x"); is {
			number, base = hex, 16
		}
		n, err := strconv.ParseUint(number, base, 21)
		if ok = err == nil && n != 0 && utf8.ValidRune(rune(n)); ok {
			text = string(rune(n))
		}
	}
	if !ok {
		return s.fail(pos, "the entity %s is not known", quote("&"+name+";"))
	}
	b.WriteString(text)
	s.move(i + 1)
	return nil
}

// quote is a word for a message, cut short.
func quote(s string) string {
	const most = 60
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strconv.Quote(s)
}
