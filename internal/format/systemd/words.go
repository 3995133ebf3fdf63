// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// The ways in which a value is cut into words; they combine.
const (
	unquote   = 1 << iota // '…' and "…" hold words together
	unescape              // C escapes become what they mean
	keepSlash             // a backslash is an ordinary byte
	lenient               // an open quote ends with the text
)

var errQuote = errors.New("the quote is not closed")

// word takes the first word off s, blanks around it included. ok is false at
// the end of s. odd tells that there was an escape that systemd does not
// know; it stays in the word as it was written.
func word(s string, flags int) (w, rest string, odd, ok bool, err error) {
	s = strings.TrimLeft(s, blanks)
	if s == "" {
		return "", "", false, false, nil
	}
	// Most words need no copy.
	for i := 0; ; i++ {
		if i == len(s) || isBlank(s[i]) {
			return s[:i], strings.TrimLeft(s[i:], blanks), false, true, nil
		}
		if c := s[i]; c == '\\' && flags&keepSlash == 0 || (c == '\'' || c == '"') && flags&unquote != 0 {
			break
		}
	}
	return slowWord(s, flags)
}

func slowWord(s string, flags int) (w, rest string, odd, ok bool, err error) {
	var b strings.Builder
	quoteChar := byte(0)
	i := 0
	for i < len(s) {
		c := s[i]
		switch {
		case c == '\\' && flags&keepSlash == 0:
			if i+1 == len(s) {
				if quoteChar != 0 && flags&lenient == 0 {
					return "", "", false, false, errQuote
				}
				b.WriteByte('\\')
				i++
				continue
			}
			if flags&unescape == 0 {
				b.WriteByte(s[i+1])
				i += 2
				continue
			}
			if n := cEscape(&b, s[i+1:]); n > 0 {
				i += 1 + n
				continue
			}
			odd = true
			_, n := utf8.DecodeRuneInString(s[i+1:])
			b.WriteString(s[i : i+1+n])
			i += 1 + n
			continue
		case quoteChar != 0 && c == quoteChar:
			quoteChar = 0
		case quoteChar != 0:
			b.WriteByte(c)
		case (c == '\'' || c == '"') && flags&unquote != 0:
			quoteChar = c
		case isBlank(c):
			return b.String(), strings.TrimLeft(s[i:], blanks), odd, true, nil
		default:
			b.WriteByte(c)
		}
		i++
	}
	if quoteChar != 0 && flags&lenient == 0 {
		return "", "", false, false, errQuote
	}
	return b.String(), "", odd, true, nil
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// cEscape writes what the escape sequence s (without its backslash) means and
// returns its length, 0 when there is no such sequence.
func cEscape(b *strings.Builder, s string) int {
	switch s[0] {
	case 'a':
		b.WriteByte('\a')
	case 'b':
		b.WriteByte('\b')
	case 'f':
		b.WriteByte('\f')
	case 'n':
		b.WriteByte('\n')
	case 'r':
		b.WriteByte('\r')
	case 't':
		b.WriteByte('\t')
	case 'v':
		b.WriteByte('\v')
	case 's':
		b.WriteByte(' ')
	case '\\', '"', '\'':
		b.WriteByte(s[0])
	case 'x':
		v, ok := number(s[1:], 2, 16)
		if !ok || v == 0 {
			return 0
		}
		b.WriteByte(byte(v))
		return 3
	case 'u', 'U':
		n := 4
		if s[0] == 'U' {
			n = 8
		}
		v, ok := number(s[1:], n, 16)
		if !ok || v == 0 || v > utf8.MaxRune || !utf8.ValidRune(rune(v)) {
			return 0
		}
		b.WriteRune(rune(v))
		return 1 + n
	default:
		v, ok := number(s, 3, 8)
		if !ok || v == 0 || v > 255 {
			return 0
		}
		b.WriteByte(byte(v))
		return 3
	}
	return 1
}

// number reads exactly n digits of a base.
func number(s string, n int, base uint32) (v uint32, ok bool) {
	if len(s) < n {
		return 0, false
	}
	for i := range n {
		c, d := s[i], uint32(99)
		switch {
		case c >= '0' && c <= '9':
			d = uint32(c - '0')
		case c >= 'a' && c <= 'f':
			d = uint32(c-'a') + 10
		case c >= 'A' && c <= 'F':
			d = uint32(c-'A') + 10
		}
		if d >= base {
			return 0, false
		}
		v = v*base + d
	}
	return v, true
}
