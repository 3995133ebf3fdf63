// SPDX-License-Identifier: Apache-2.0

package unit

import (
	"errors"
	"strings"
)

const hexDigits = "0123456789abcdef"

func writeHex(b *strings.Builder, c byte) {
	b.WriteString(`\x`)
	b.WriteByte(hexDigits[c>>4])
	b.WriteByte(hexDigits[c&15])
}

// Escape makes any string fit for the name of a unit: "/" becomes "-", every
// other byte that is not a letter, digit, ":", "_" or "." becomes \xNN, and
// so does a "." in front (systemd.unit(5), STRING ESCAPING).
func Escape(s string) string {
	plain := true
	for i := range len(s) {
		if !escapesToItself(s, i) {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 12)
	for i := range len(s) {
		switch {
		case s[i] == '/':
			b.WriteByte('-')
		case escapesToItself(s, i):
			b.WriteByte(s[i])
		default:
			writeHex(&b, s[i])
		}
	}
	return b.String()
}

func escapesToItself(s string, i int) bool {
	c := s[i]
	return nameByte(c) && c != '-' && c != '\\' && (c != '.' || i > 0)
}

var errEscape = errors.New(`bad escape: expected \xNN`)

// Unescape undoes Escape.
func Unescape(s string) (string, error) {
	if strings.IndexByte(s, '-') < 0 && strings.IndexByte(s, '\\') < 0 {
		return s, nil
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '-':
			b.WriteByte('/')
		case '\\':
			if i+3 >= len(s) || s[i+1] != 'x' {
				return "", errEscape
			}
			hi, lo := unhex(s[i+2]), unhex(s[i+3])
			if hi < 0 || lo < 0 {
				return "", errEscape
			}
			b.WriteByte(byte(hi<<4 | lo))
			i += 3
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), nil
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

var errPath = errors.New(`not a normalized path: it has "." or ".."`)

// EscapePath escapes a path for the name of a unit: surrounding and doubled
// slashes go, "/" and "" become "-".
func EscapePath(p string) (string, error) {
	parts := strings.FieldsFunc(p, func(r rune) bool { return r == '/' })
	kept := parts[:0]
	for _, part := range parts {
		switch part {
		case ".":
		case "..":
			return "", errPath
		default:
			kept = append(kept, part)
		}
	}
	if len(kept) == 0 {
		return "-", nil
	}
	return Escape(strings.Join(kept, "/")), nil
}

// UnescapePath undoes EscapePath. The result starts with a slash.
func UnescapePath(s string) (string, error) {
	if s == "-" {
		return "/", nil
	}
	p, err := Unescape(s)
	if err != nil {
		return "", err
	}
	for part := range strings.SplitSeq(p, "/") {
		if part == "" || part == "." || part == ".." {
			return "", errPath
		}
	}
	return "/" + p, nil
}
