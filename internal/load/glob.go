// SPDX-License-Identifier: Apache-2.0

package load

import "strings"

// Glob tells whether the shell pattern matches the whole name, as fnmatch(3)
// does with FNM_NOESCAPE: "*", "?" and "[…]" with ranges and "!"; a backslash
// is itself, since unit names are full of them.
func Glob(pattern, name string) bool {
	// Where to go back to when a match after the last "*" fails.
	star, mark := -1, 0
	p, n := 0, 0
	for n < len(name) {
		if p < len(pattern) {
			if pattern[p] == '*' {
				star, mark = p, n
				p++
				continue
			}
			if size := matchOne(pattern[p:], name[n]); size > 0 {
				p += size
				n++
				continue
			}
		}
		if star < 0 {
			return false
		}
		mark++
		p, n = star+1, mark
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// matchOne returns the length of the element at the start of the pattern that
// matches c, 0 if it does not.
func matchOne(pattern string, c byte) int {
	switch pattern[0] {
	case '?':
		return 1
	case '[':
		if size, ok := matchSet(pattern, c); size > 0 {
			if ok {
				return size
			}
			return 0
		}
	}
	if pattern[0] == c {
		return 1
	}
	return 0
}

// matchSet reads a bracket expression and returns its length, 0 when it has
// no end and the bracket is itself.
func matchSet(pattern string, c byte) (size int, ok bool) {
	i := 1
	not := i < len(pattern) && (pattern[i] == '!' || pattern[i] == '^')
	if not {
		i++
	}
	for first := true; i < len(pattern); first = false {
		lo := pattern[i]
		if lo == ']' && !first {
			return i + 1, ok != not
		}
		hi := lo
		if i+2 < len(pattern) && pattern[i+1] == '-' && pattern[i+2] != ']' {
			hi = pattern[i+2]
			i += 2
		}
		ok = ok || lo <= c && c <= hi
		i++
	}
	return 0, false
}
