// SPDX-License-Identifier: Apache-2.0

// Package show prints units as systemctl does: the properties of `show`, the
// files of `cat` and the tree of `list-dependencies`. It works on the model,
// so it serves the command line without a manager and the manager's bus view
// alike. It asks nobody what a unit is doing.
package show

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// Property is one line of `systemctl show`, in systemd's spelling.
type Property struct {
	Name, Value string
}

// Show returns the properties that follow from the unit's definition, in the
// order in which systemctl prints them. What is empty is there with an empty
// value; systemctl leaves those out unless --all is given.
func Show(u *unit.Unit) []Property {
	l := make(list, 0, 160)
	switch {
	case u.Service != nil:
		l.service(u.Service)
		l.job(u)
		l.resources(u)
		l.exec(u.Service.Exec)
		l.kill(&u.Service.Kill)
	case u.Socket != nil:
		l.socket(u.Socket)
		l.resources(u)
		l.exec(u.Socket.Exec)
		l.kill(&u.Socket.Kill)
	case u.Kind == unit.KindSlice || u.Resources != nil:
		l.resources(u)
	}
	l.unit(u)
	return l
}

// list collects properties.
type list []Property

func (l *list) add(name, value string) { *l = append(*l, Property{name, value}) }

func (l *list) flag(name string, v bool) {
	if v {
		l.add(name, "yes")
	} else {
		l.add(name, "no")
	}
}

func (l *list) optional(name string, v *bool) { l.flag(name, v != nil && *v) }

func (l *list) num(name string, v int64) { l.add(name, strconv.FormatInt(v, 10)) }

func (l *list) span(name string, d time.Duration) { l.add(name, Span(d)) }

func (l *list) mode(name string, m uint32) { l.add(name, fmt.Sprintf("%04o", m)) }

func (l *list) words(name string, w []string) { l.add(name, Words(w)) }

// Span prints a time span as systemctl show does: "1min 30s", "infinity".
func Span(d time.Duration) string {
	if d == unit.Infinity {
		return "infinity"
	}
	return unit.FormatTimespan(d)
}

// limit prints a span where none is meant by 0.
func limit(d time.Duration) time.Duration {
	if d == 0 {
		return unit.Infinity
	}
	return d
}

// Words prints a list with those words in quotes that need them.
func Words(words []string) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		if w != "" && !strings.ContainsAny(w, " \t\n\r\"'\\`$*?[]()<>|&;!~#{}") {
			b.WriteString(w)
			continue
		}
		b.WriteByte('"')
		for _, r := range w {
			if strings.ContainsRune("\"\\`$", r) {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		}
		b.WriteByte('"')
	}
	return b.String()
}

// Select returns the values of the named properties, in the order of names;
// names that do not exist are left out, as systemctl does.
func Select(all []Property, names ...string) []Property {
	var out []Property
	for _, n := range names {
		for _, p := range all {
			if p.Name == n {
				out = append(out, p)
			}
		}
	}
	return out
}
