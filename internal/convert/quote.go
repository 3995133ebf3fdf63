// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"strings"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// escapeText makes a text fit for a setting that is taken as it stands but
// for specifiers, such as Description=.
func escapeText(s string) string {
	return strings.ReplaceAll(strings.TrimSpace(printable(s)), "%", "%%")
}

// word is one word of a command line or of Environment= (systemd.service(5),
// COMMAND LINES; systemd.syntax(7), QUOTING).
func word(s string) string {
	plain := s != ""
	for i := range len(s) {
		if !plainByte(s[i]) && s[i] != '%' {
			plain = false
			break
		}
	}
	if plain {
		return strings.ReplaceAll(s, "%", "%%")
	}
	var b strings.Builder
	quote := quoteFor(s)
	b.WriteByte(quote)
	escape(&b, s, quote)
	b.WriteByte(quote)
	return b.String()
}

func plainByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		strings.IndexByte("_-./:=@,+~^", c) >= 0
}

// quoteFor is the quote that s has less of.
func quoteFor(s string) byte {
	if strings.Count(s, "'") > strings.Count(s, `"`) {
		return '"'
	}
	return '\''
}

// escape writes s as it stands between quotes. Both kinds of quotes allow the
// escapes of C, and "%" begins a specifier in both.
func escape(b *strings.Builder, s string, quote byte) {
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		c := s[0]
		switch {
		case r == utf8.RuneError && n == 1, c < ' ' && c != '\n' && c != '\t', c == 0x7f:
			b.WriteString(`\x`)
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\\' || c == quote:
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '%':
			b.WriteString("%%")
		default:
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
}

// script is a shell script as one quoted word. Where that changes nothing for
// the shell each of its lines gets a line of the file: systemd joins them
// with a blank, so not within the script's own quotes and here-documents, nor
// after a backslash. Comments become comments of the unit file, which
// systemd skips.
func script(s string) string {
	s = strings.TrimRight(s, "\n\t ")
	if !strings.Contains(s, "\n") {
		var b strings.Builder
		quote := quoteFor(s)
		b.WriteByte(quote)
		escape(&b, s, quote)
		b.WriteByte(quote)
		return b.String()
	}
	var b strings.Builder
	quote := quoteFor(s)
	b.WriteByte(quote)
	b.WriteString("\\\n")
	var sh shellState
	fresh := true // at the start of a line of the file
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		last := i == len(lines)-1
		trimmed := strings.TrimLeft(line, " \t")
		comment := fresh && strings.HasPrefix(trimmed, "#")
		if comment && !last {
			b.WriteString(printable(line))
			b.WriteByte('\n')
			continue
		}
		if fresh && trimmed != "" && (trimmed[0] == ';' || comment) {
			// systemd would take the line for a comment.
			b.WriteString(line[:len(line)-len(trimmed)])
			b.WriteString(`\x`)
			b.WriteByte(hexDigits[trimmed[0]>>4])
			b.WriteByte(hexDigits[trimmed[0]&15])
			escape(&b, trimmed[1:], quote)
		} else {
			escape(&b, line, quote)
		}
		if last {
			break
		}
		sh.feed(line)
		b.WriteString(`\n`)
		if fresh = sh.plain() && !glued(line); fresh {
			b.WriteString("\\\n")
		}
	}
	b.WriteByte(quote)
	return b.String()
}

// glued tells whether a line ends in a backslash right after a word, which
// the next line then goes on with.
func glued(line string) bool {
	before, ok := strings.CutSuffix(line, `\`)
	return ok && before != "" && before[len(before)-1] != ' ' && before[len(before)-1] != '\t'
}

// shellState follows a shell script line by line, just enough to know where
// a line break is between commands.
type shellState struct {
	quote byte // 0 outside
	here  bool // a here-document has begun: its end is not looked for
}

func (sh *shellState) plain() bool { return sh.quote == 0 && !sh.here }

func (sh *shellState) feed(line string) {
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '\\' && sh.quote != '\'':
			i++
		case sh.quote != 0:
			if c == sh.quote {
				sh.quote = 0
			}
		case c == '\'' || c == '"':
			sh.quote = c
		case c == '<' && strings.HasPrefix(line[i:], "<<"):
			sh.here = true
		case c == '#' && (i == 0 || strings.IndexByte(" \t;&|(", line[i-1]) >= 0):
			return
		}
	}
}
