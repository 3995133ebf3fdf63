// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"strings"
)

// CheckSignature tells what is wrong with a signature.
func CheckSignature(sig string) error {
	if len(sig) > MaxSignature {
		return fmt.Errorf("signature has %d bytes, more than %d", len(sig), MaxSignature)
	}
	for rest := sig; rest != ""; {
		n, err := next(rest, 0)
		if err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// SplitSignature returns the complete types of a signature that was checked.
func SplitSignature(sig string) []string {
	var types []string
	for sig != "" {
		n, err := next(sig, 0)
		if err != nil {
			break
		}
		types = append(types, sig[:n])
		sig = sig[n:]
	}
	return types
}

// next is the length of the first complete type of sig.
func next(sig string, depth int) (int, error) {
	if depth > maxDepth {
		return 0, fmt.Errorf("signature is nested more than %d deep", maxDepth)
	}
	if sig == "" {
		return 0, fmt.Errorf("signature ends too early")
	}
	switch c := sig[0]; c {
	case 'y', 'b', 'n', 'q', 'i', 'u', 'x', 't', 'd', 's', 'o', 'g', 'h', 'v':
		return 1, nil
	case 'a':
		if strings.HasPrefix(sig, "a{") {
			return dict(sig, depth)
		}
		n, err := next(sig[1:], depth+1)
		return n + 1, err
	case '(':
		i := 1
		for i < len(sig) && sig[i] != ')' {
			n, err := next(sig[i:], depth+1)
			if err != nil {
				return 0, err
			}
			i += n
		}
		if i == 1 || i >= len(sig) {
			return 0, fmt.Errorf("signature %q has an empty or open struct", sig)
		}
		return i + 1, nil
	default:
		return 0, fmt.Errorf("signature has unknown type %q", c)
	}
}

// dict is the length of "a{kv}" at the start of sig.
func dict(sig string, depth int) (int, error) {
	if len(sig) < 4 || strings.IndexByte("ybnqiuxtdsogh", sig[2]) < 0 {
		return 0, fmt.Errorf("signature %q has a dict entry without a basic key", sig)
	}
	n, err := next(sig[3:], depth+2)
	if err != nil {
		return 0, err
	}
	if 3+n >= len(sig) || sig[3+n] != '}' {
		return 0, fmt.Errorf("signature %q has a dict entry that does not end after its value", sig)
	}
	return n + 4, nil
}

// ValidPath tells whether s is an object path.
func ValidPath(s string) bool {
	if s == "/" {
		return true
	}
	if !strings.HasPrefix(s, "/") {
		return false
	}
	start := true
	for i := 1; i < len(s); i++ {
		if c := s[i]; c == '/' {
			if start {
				return false
			}
			start = true
			continue
		} else if !alnum(c) {
			return false
		}
		start = false
	}
	return !start
}

func alnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

// Escape makes one element of an object path of any text, as sd_bus_path_encode(3)
// does: what is not a letter or digit, and a digit at the start, becomes _xx.
func Escape(s string) string { return escape(s, true) }

// EscapeBytes is Escape but for a digit at the start, which stays: so it is
// in the object paths of com.ubuntu.Upstart.
func EscapeBytes(s string) string { return escape(s, false) }

func escape(s string, first bool) string {
	if s == "" {
		return "_"
	}
	const hex = "0123456789abcdef"
	var b strings.Builder
	b.Grow(len(s) + 8)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '_' && alnum(c) && (i > 0 || c > '9' || !first) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('_')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}

// Unescape undoes Escape.
func Unescape(s string) (string, bool) {
	if s == "_" {
		return "", true
	}
	if strings.IndexByte(s, '_') < 0 {
		return s, true
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '_' {
			b.WriteByte(s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		hi, lo := unhex(s[i+1]), unhex(s[i+2])
		if hi < 0 || lo < 0 {
			return "", false
		}
		b.WriteByte(byte(hi<<4 | lo))
		i += 2
	}
	return b.String(), true
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}
