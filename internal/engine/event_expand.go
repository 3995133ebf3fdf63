// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"errors"
	"strings"
)

// The errors of the expansion language (init(5)), in initctl's words.
var (
	errParameter = errors.New("Illegal parameter")  //nolint:staticcheck // clients know these words
	errOperator  = errors.New("Expected operator")  //nolint:staticcheck // likewise
	errBraces    = errors.New("Mismatched braces")  //nolint:staticcheck // likewise
	errTooLong   = errors.New("Expansion too long") //nolint:staticcheck // likewise
)

// unknownParameterError names a variable that is not set.
type unknownParameterError struct{ name string }

func (u unknownParameterError) Error() string { return "Unknown parameter: " + u.name }

// maxExpansion bounds what an instance name or a pattern can become.
const maxExpansion = 64 << 10

// expander expands $K ${K} ${K-x} ${K:-x} ${K+x} ${K:+x}, nested.
type expander struct {
	env []string
	// pattern: values are put in so that they match only themselves.
	pattern bool
	depth   int
}

// expand is the text with the variables of env.
func expand(text string, env []string) (string, error) {
	x := expander{env: env}
	return x.expand(text)
}

// expandPattern is expand for a pattern of fnmatch(3): what comes from a
// variable is meant literally.
func expandPattern(text string, env []string) (string, error) {
	x := expander{env: env, pattern: true}
	return x.expand(text)
}

func (x *expander) expand(text string) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "$")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		value, after, err := x.variable(rest)
		if err != nil {
			return "", err
		}
		b.WriteString(value)
		if b.Len() > maxExpansion {
			return "", errTooLong
		}
		text = after
	}
}

// variable expands what follows a "$" and returns what comes after it.
func (x *expander) variable(s string) (value, rest string, err error) {
	if !strings.HasPrefix(s, "{") {
		n := nameLen(s)
		if n == 0 {
			return "", "", errParameter
		}
		value, ok := lookupEnv(x.env, s[:n])
		if !ok {
			return "", "", unknownParameterError{s[:n]}
		}
		return x.quote(value), s[n:], nil
	}
	end := closing(s)
	if end < 0 {
		return "", "", errBraces
	}
	value, err = x.braced(s[1:end])
	return value, s[end+1:], err
}

// closing is the index of the brace that ends the one at the start of s, -1
// if there is none.
func closing(s string) int {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// maxNesting bounds ${A-${B-${C...}}}.
const maxNesting = 32

// braced expands the inside of ${...}.
func (x *expander) braced(s string) (string, error) {
	if x.depth >= maxNesting {
		return "", errTooLong
	}
	x.depth++
	defer func() { x.depth-- }()
	n := nameLen(s)
	if n == 0 && strings.HasPrefix(s, "$") {
		// The name itself comes from a variable.
		name, rest, err := (&expander{env: x.env, depth: x.depth}).variable(s[1:])
		if err != nil {
			return "", err
		}
		if nameLen(name) != len(name) {
			return "", errParameter
		}
		s, n = name+rest, len(name)
	}
	if n == 0 {
		return "", errParameter
	}
	name, op := s[:n], s[n:]
	value, set := lookupEnv(x.env, name)
	if op == "" {
		if !set {
			return "", unknownParameterError{name}
		}
		return x.quote(value), nil
	}
	if op[0] == ':' {
		set = set && value != ""
		op = op[1:]
	}
	switch {
	case strings.HasPrefix(op, "-"):
		if set {
			return x.quote(value), nil
		}
		return x.expand(op[1:])
	case strings.HasPrefix(op, "+"):
		if !set {
			return "", nil
		}
		return x.expand(op[1:])
	}
	return "", errOperator
}

// quote protects the characters of a pattern.
func (x *expander) quote(s string) string {
	if !x.pattern || !strings.ContainsAny(s, `*?[\`) {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if strings.IndexByte(`*?[\`, s[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// nameLen is how much of s is the name of a variable.
func nameLen(s string) int {
	for i := range len(s) {
		c := s[i]
		if c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && c >= '0' && c <= '9' {
			continue
		}
		return i
	}
	return len(s)
}
