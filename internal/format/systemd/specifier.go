// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"errors"
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

// names is who a unit is, for its specifiers.
type names struct {
	unit.Parts
	full     string // "foo@bar.service"
	fragment string
}

// specScope is which specifiers a directive knows.
type specScope uint8

const (
	specFull specScope = iota
	// specName is the subset for fields that hold the name of a unit:
	// of the unit's own names %i %j %n %N %p only.
	specName
)

// expand replaces the specifiers of s. As in systemd a "%" before anything
// but a letter, digit or "%" stays, and an unknown letter is an error.
func expand(s string, n *names, f *Facts, user bool, scope specScope) (string, error) {
	i := strings.IndexByte(s, '%')
	if i < 0 {
		return s, nil
	}
	var b strings.Builder
	b.Grow(len(s) + len(n.full))
	for {
		b.WriteString(s[:i])
		s = s[i:]
		if len(s) < 2 {
			b.WriteString(s)
			return b.String(), nil
		}
		c := s[1]
		switch {
		case c == '%':
			b.WriteByte('%')
		case c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			v, err := n.specifier(c, f, user, scope)
			if err != nil {
				return "", errors.New("%" + string(rune(c)) + ": " + err.Error())
			}
			b.WriteString(v)
		default:
			b.WriteByte('%')
			b.WriteByte(c)
		}
		s = s[2:]
		if i = strings.IndexByte(s, '%'); i < 0 {
			b.WriteString(s)
			return b.String(), nil
		}
	}
}

var (
	errSpecifier  = errors.New("unknown specifier (a literal percent sign is written %%)")
	errUnresolved = errors.New("not known here")
	errFragment   = errors.New("the unit has no file")
)

func (n *names) specifier(c byte, f *Facts, user bool, scope specScope) (string, error) {
	switch c {
	case 'i':
		return n.Instance, nil
	case 'n':
		return n.full, nil
	case 'N':
		p := n.Parts
		p.Kind = unit.KindInvalid
		return p.String(), nil
	case 'p':
		return n.Prefix, nil
	case 'j':
		return lastPart(n.Prefix), nil
	}
	if scope == specFull {
		if v, ok, err := n.nameSpecifier(c, f, user); ok {
			return v, err
		}
	}
	return f.specifier(c, user)
}

// nameSpecifier resolves those specifiers of the unit itself that fields
// with names do not know.
func (n *names) nameSpecifier(c byte, f *Facts, user bool) (v string, ok bool, err error) {
	switch c {
	case 'I':
		v, err = unit.Unescape(n.Instance)
	case 'P':
		v, err = unit.Unescape(n.Prefix)
	case 'J':
		v, err = unit.Unescape(lastPart(n.Prefix))
	case 'f':
		if v = n.Instance; v == "" {
			v = n.Prefix
		}
		v, err = unit.Unescape(v)
		if !strings.HasPrefix(v, "/") {
			v = "/" + v
		}
	case 'y', 'Y':
		if n.fragment == "" {
			return "", true, errFragment
		}
		v = n.fragment
		if i := strings.LastIndexByte(v, '/'); c == 'Y' && i > 0 {
			v = v[:i]
		}
	case 'd':
		v, err = f.specifier('t', user)
		v += "/credentials/" + n.full
	case 'c', 'r', 'R': // deprecated, but still there
		root := ""
		if f != nil {
			root = f.CgroupRoot
		}
		switch c {
		case 'r':
			v = root
		case 'R':
			v = root
		default:
			v = root + "/" + n.full
		}
	default:
		return "", false, nil
	}
	return v, true, err
}

// lastPart is what follows the last dash of a prefix, the whole without one.
func lastPart(prefix string) string {
	return prefix[strings.LastIndexByte(prefix, '-')+1:]
}
