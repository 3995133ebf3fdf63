// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"errors"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// This file holds the types of values and where they are put. A place is a
// function that finds the field in the unit being built.

func boolean(place func(*build) *bool) value {
	return value{"boolean", func(b *build, v string) error {
		yes, err := parseBool(v)
		if err == nil {
			*place(b) = yes
		}
		return err
	}}
}

// span is a time span; "infinity" is unit.Infinity.
func span(place func(*build) *time.Duration) value {
	return value{"time span", func(b *build, v string) error {
		d, err := parseSpan(v)
		if err == nil {
			*place(b) = d
		}
		return err
	}}
}

// spanOrNever is a time span where 0 means for ever as well.
func spanOrNever(place func(*build) *time.Duration) value {
	return value{"time span, 0 or infinity for none", func(b *build, v string) error {
		d, err := parseSpan(v)
		if err != nil {
			return err
		}
		if d == 0 {
			d = unit.Infinity
		}
		*place(b) = d
		return nil
	}}
}

// enum is one of several words; the n-th stands for the value n. Words that
// mean the same stand together as "a|b".
func enum[T ~uint8 | ~int8](words string, place func(*build) *T) value {
	list := strings.Fields(words)
	return value{"one of " + strings.Join(list, ", "), func(b *build, v string) error {
		n := lookup(list, v)
		if n < 0 {
			return notOneOf(v, list)
		}
		*place(b) = T(n)
		return nil
	}}
}

func lookup(list []string, v string) int {
	for i, w := range list {
		if w == v {
			return i
		}
		if strings.IndexByte(w, '|') < 0 {
			continue
		}
		for s := range strings.SplitSeq(w, "|") {
			if s == v {
				return i
			}
		}
	}
	return -1
}

func notOneOf(v string, list []string) error {
	err := errors.New("expected one of " + strings.Join(list, ", "))
	if n := nearest(v, list); n != "" && v != "" {
		return hinted{err, "did you mean " + n + "?"}
	}
	return err
}

// integer is a whole number between low and high.
func integer[T ~int8 | ~uint8 | ~int16 | ~int32 | ~uint32](low, high int64, place func(*build) *T) value {
	return value{"number", func(b *build, v string) error {
		n, err := parseInt(v, low, high)
		if err == nil {
			*place(b) = T(n)
		}
		return err
	}}
}

func mode(place func(*build) *uint32) value {
	return value{"octal mode", func(b *build, v string) error {
		m, err := parseMode(v)
		if err == nil {
			*place(b) = m
		}
		return err
	}}
}

func signal(place func(*build) *uint8) value {
	return value{"signal", func(b *build, v string) error {
		n, err := ParseSignal(v)
		if err == nil {
			*place(b) = n
		}
		return err
	}}
}

// text is a string with specifiers; an empty value resets it.
func text(place func(*build) *string) value {
	return value{"string", func(b *build, v string) error {
		s, err := b.expand(v)
		if err == nil {
			*place(b) = s
		}
		return err
	}}
}

// path is an absolute path with specifiers; an empty value resets it.
func path(place func(*build) *string) value {
	return value{"absolute path", func(b *build, v string) error {
		if v == "" {
			*place(b) = ""
			return nil
		}
		s, err := b.expand(v)
		if err == nil {
			s, err = cleanPath(s)
		}
		if err == nil {
			*place(b) = s
		}
		return err
	}}
}

// must makes the errors of a value fatal: the unit must not run without it.
func must(v value) value {
	return value{v.name, func(b *build, s string) error { return fatal(v.set(b, s)) }}
}

// paths is a list of absolute paths, reset by an empty value.
func paths(place func(*build) *[]string) value {
	return value{"list of absolute paths", func(b *build, v string) error {
		list := place(b)
		if v == "" {
			*list = nil
			return nil
		}
		return b.words(v, unquote, func(w string) error {
			s, err := b.expand(w)
			if err == nil {
				s, err = cleanPath(s)
			}
			if err == nil {
				*list = append(*list, s)
			}
			return err
		})
	}}
}

// The types of values that are only checked.

// anything is a value without rules, but for its specifiers.
func anything(name string) value {
	return value{name, func(b *build, v string) error {
		_, err := b.expand(v)
		return err
	}}
}

var (
	isBool = value{"boolean", func(_ *build, v string) error { _, err := parseBool(v); return err }}
	isSpan = value{"time span", func(_ *build, v string) error { _, err := parseSpan(v); return err }}
	isMode = value{"octal mode", func(_ *build, v string) error { _, err := parseMode(v); return err }}
	isPath = value{"absolute path", func(b *build, v string) error {
		if v == "" {
			return nil
		}
		s, err := b.expand(v)
		if err == nil {
			_, err = cleanPath(s)
		}
		return err
	}}
	isPathList = value{"list of paths", func(b *build, v string) error {
		return b.words(v, unquote, func(w string) error {
			s, err := b.expand(strings.TrimLeft(w, "-+"))
			if err == nil {
				_, err = cleanPath(s)
			}
			return err
		})
	}}
	isWords = value{"list", func(b *build, v string) error {
		return b.words(v, unquote, func(w string) error { _, err := b.expand(w); return err })
	}}
	isNoise = anything("string")
)

// isOneOf is a word out of a list; empty where the list has "" among it.
func isOneOf(words string) value {
	list := strings.Fields(words)
	return value{"one of " + strings.Join(list, ", "), func(_ *build, v string) error {
		if lookup(list, v) < 0 {
			return notOneOf(v, list)
		}
		return nil
	}}
}

// isBoolOr is a boolean or one of several words.
func isBoolOr(words string) value {
	list := strings.Fields(words)
	return value{"boolean or " + strings.Join(list, ", "), func(_ *build, v string) error {
		if _, err := parseBool(v); err == nil || lookup(list, v) >= 0 {
			return nil
		}
		return notOneOf(v, append([]string{"yes", "no"}, list...))
	}}
}

// isInt is a whole number; an empty value resets it.
func isInt(low, high int64) value {
	return value{"number", func(_ *build, v string) error {
		if v == "" {
			return nil
		}
		_, err := parseInt(v, low, high)
		return err
	}}
}

// isListOf is a list of words out of a set, each perhaps inverted by the "~"
// before the whole.
func isListOf(words string) value {
	list := strings.Fields(words)
	return value{"list of " + strings.Join(list, ", "), func(b *build, v string) error {
		return b.words(strings.TrimPrefix(v, "~"), unquote, func(w string) error {
			if lookup(list, w) < 0 {
				return notOneOf(w, list)
			}
			return nil
		})
	}}
}

// isBoolOrListOf is a boolean or such a list.
func isBoolOrListOf(words string) value {
	l := isListOf(words)
	return value{"boolean or " + l.name, func(b *build, v string) error {
		if _, err := parseBool(v); err == nil {
			return nil
		}
		return l.set(b, v)
	}}
}

var errNotName = errors.New("not the name of a unit")

// badName says why s is not the name of a unit.
func badName(s string) error {
	if s != "" && unit.KindOf(s) == unit.KindInvalid && unit.ValidName(s+".service") {
		return hinted{errNotName, "add the suffix of its kind: did you mean " + s + ".service?"}
	}
	return errNotName
}
