// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

// lookupEnv finds a variable in NAME=value entries; the last one counts.
func lookupEnv(env []string, key string) (string, bool) {
	for i := len(env) - 1; i >= 0; i-- {
		if s := env[i]; len(s) > len(key) && s[len(key)] == '=' && s[:len(key)] == key {
			return s[len(key)+1:], true
		}
	}
	return "", false
}

// matches tells whether an event fits an operand of an expression (init(5)). A
// variable that the event does not have never fits, not even "!=". job is the
// environment that values are expanded with; a value that cannot be expanded
// fits nothing.
func matches(t *unit.Term, name string, env, job []string) bool {
	if t.Event != name {
		return false
	}
	position := 0
	for i := range t.Match {
		m := &t.Match[i]
		value, ok := "", false
		if m.Key == "" {
			if position < len(env) {
				_, value, ok = strings.Cut(env[position], "=")
			}
			position++
		} else {
			value, ok = lookupEnv(env, m.Key)
		}
		if !ok {
			return false
		}
		pattern := m.Value
		if strings.IndexByte(pattern, '$') >= 0 {
			var err error
			if pattern, err = expandPattern(pattern, job); err != nil {
				return false
			}
		}
		if (pattern == value || glob(pattern, value)) == m.Negate {
			return false
		}
	}
	return true
}

// glob is fnmatch(3) without flags: "*" matches "/" and leading dots too.
func glob(p, s string) bool {
	// The position after the last star and what it has swallowed so far: one
	// level of backtracking is enough, because a later star covers more.
	star, from := -1, 0
	i, k := 0, 0
	for k < len(s) {
		if i < len(p) {
			if p[i] == '*' {
				star, from = i+1, k
				i++
				continue
			}
			if n, ok := globByte(p[i:], s[k]); ok {
				i += n
				k++
				continue
			}
		}
		if star < 0 {
			return false
		}
		from++
		i, k = star, from
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

// globByte matches one byte against the first element of a pattern and tells
// how long that is.
func globByte(p string, c byte) (int, bool) {
	switch p[0] {
	case '?':
		return 1, true
	case '\\':
		if len(p) > 1 {
			return 2, p[1] == c
		}
	case '[':
		if n, in, ok := bracket(p, c); ok {
			return n, in
		}
	}
	return 1, p[0] == c
}

// bracket matches c against "[a-z]" or "[!a-z]" at the start of p. ok is false
// where there is no closing bracket, so that "[" stands for itself.
func bracket(p string, c byte) (n int, in, ok bool) {
	i := 1
	negate := i < len(p) && (p[i] == '!' || p[i] == '^')
	if negate {
		i++
	}
	for first := true; ; first = false {
		if i >= len(p) {
			return 0, false, false
		}
		if p[i] == ']' && !first {
			return i + 1, in != negate, true
		}
		lo := p[i]
		if lo == '\\' && i+1 < len(p) {
			i++
			lo = p[i]
		}
		i++
		hi := lo
		if i+1 < len(p) && p[i] == '-' && p[i+1] != ']' {
			hi = p[i+1]
			i += 2
		}
		if lo <= c && c <= hi {
			in = true
		}
	}
}
