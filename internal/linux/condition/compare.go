// SPDX-License-Identifier: Apache-2.0

package condition

import (
	"cmp"
	"strconv"
	"strings"
)

// comparison splits a leading operator off: "" where there is none.
func comparison(s string) (op, rest string) {
	s = strings.TrimSpace(s)
	for _, o := range []string{"<=", ">=", "==", "!=", "<>", "$=", "!$=", "<", ">", "="} {
		if strings.HasPrefix(s, o) {
			return o, strings.TrimSpace(s[len(o):])
		}
	}
	return "", s
}

func holds(op string, order int) bool {
	switch op {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case "=", "==":
		return order == 0
	case "!=", "<>":
		return order != 0
	case ">=":
		return order >= 0
	case ">":
		return order > 0
	}
	return false
}

func compare[T cmp.Ordered](a, b T) int { return cmp.Compare(a, b) }

// size reads "512M": multiples of 1024.
func size(s string) (uint64, error) {
	shift := 0
	if s != "" {
		if i := strings.IndexByte("KMGTPE", s[len(s)-1]); i >= 0 {
			shift, s = 10*(i+1), s[:len(s)-1]
		}
	}
	n, err := strconv.ParseUint(s, 10, 64)
	return n << shift, err
}

// compareVersions orders versions as the UAPI version format does, without
// its rarer separators: digits by value, letters by byte, "~" before all.
func compareVersions(a, b string) int {
	for a != "" || b != "" {
		if strings.HasPrefix(a, "~") || strings.HasPrefix(b, "~") {
			x, y := strings.HasPrefix(a, "~"), strings.HasPrefix(b, "~")
			if x != y {
				if x {
					return -1
				}
				return 1
			}
			a, b = a[1:], b[1:]
			continue
		}
		a, b = strings.TrimLeft(a, ".-+_"), strings.TrimLeft(b, ".-+_")
		var x, y string
		if isDigit(a) || isDigit(b) {
			x, a = span(a, digit)
			y, b = span(b, digit)
			x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
			if c := compare(len(x), len(y)); c != 0 {
				return c
			}
		} else {
			x, a = span(a, letter)
			y, b = span(b, letter)
			if x == "" && y == "" {
				return compare(a, b)
			}
		}
		if c := compare(x, y); c != 0 {
			return c
		}
	}
	return 0
}

func isDigit(s string) bool { return s != "" && digit(s[0]) }
func digit(c byte) bool     { return c >= '0' && c <= '9' }
func letter(c byte) bool    { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func span(s string, in func(byte) bool) (head, tail string) {
	i := 0
	for i < len(s) && in(s[i]) {
		i++
	}
	return s[:i], s[i:]
}
