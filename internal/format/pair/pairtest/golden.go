// SPDX-License-Identifier: Apache-2.0

// Package pairtest compares, for the tests of formats, pairs and diagnostics
// with what testdata/*.txtar says: an input, "-- want --", and what becomes of
// it.
package pairtest

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/pair"
	"github.com/rouse-init/rouse/internal/unit"
)

// Golden calls read for each archive in testdata with its comment and its
// files by name.
func Golden(t *testing.T, update bool, read func(comment string, files []Member) ([]*pair.Pair, diag.List)) {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			input, want, _ := strings.Cut(string(text), "-- want --\n")
			comment, files := members(input)
			got := Print(read(comment, files))
			if update {
				if err := os.WriteFile(path, []byte(input+"-- want --\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("go test -run Golden -update, and read the diff; got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// Member is a file of an archive.
type Member struct{ Name, Text string }

func members(text string) (comment string, files []Member) {
	into := &comment
	for line := range strings.Lines(text) {
		if name, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "-- "); ok && strings.HasSuffix(name, " --") {
			files = append(files, Member{Name: strings.TrimSuffix(name, " --")})
			into = &files[len(files)-1].Text
			continue
		}
		*into += line
	}
	return comment, files
}

// Print prints what differs from the units of a pair that says nothing.
func Print(pairs []*pair.Pair, list diag.List) string {
	var b strings.Builder
	for _, p := range pairs {
		for _, name := range []string{p.SocketName(), p.ServiceName()} {
			base := pair.New(p.Format, p.File, p.Pos)
			base.Name, base.Socket.Accept, base.OneProcess = p.Name, p.Socket.Accept, p.OneProcess
			u, found := p.Instance(name)
			old, _ := base.Instance(name)
			fmt.Fprintf(&b, "== %s\n", name)
			if p.Off {
				b.WriteString("off\n")
			}
			diff(&b, "", reflect.ValueOf(u).Elem(), reflect.ValueOf(old).Elem())
			for _, d := range found {
				d.Unit = ""
				fmt.Fprintf(&b, "%s %v\n", d.Code, d)
			}
		}
	}
	if len(list) > 0 {
		b.WriteString("==\n")
	}
	for _, d := range list {
		fmt.Fprintf(&b, "%s %v\n", d.Code, d)
	}
	return b.String()
}

// Whole prints a unit with its defaults.
func Whole(u *unit.Unit) string {
	var b strings.Builder
	diff(&b, "", reflect.ValueOf(u).Elem(), reflect.ValueOf(new(unit.Unit)).Elem())
	return b.String()
}

// Diff prints what differs between a unit and another one.
func Diff(u, from *unit.Unit) string {
	var b strings.Builder
	diff(&b, "", reflect.ValueOf(u).Elem(), reflect.ValueOf(from).Elem())
	return b.String()
}

// Members takes an archive apart.
func Members(text string) (comment string, files []Member) { return members(text) }

// skipped are fields that others tell.
var skipped = map[string]bool{"LoadErr": true, "Fragment": true, "Unsupported": true, "Where": true}

func diff(b *strings.Builder, indent string, v, base reflect.Value) {
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		f, old := v.Field(i), base.Field(i)
		if skipped[name] || reflect.DeepEqual(f.Interface(), old.Interface()) {
			continue
		}
		if f.Kind() == reflect.Pointer && !f.IsNil() && f.Elem().Kind() == reflect.Struct {
			f = f.Elem()
			if old.IsNil() {
				old = reflect.New(f.Type())
			}
			old = old.Elem()
		}
		if f.Kind() == reflect.Struct && f.Type() != reflect.TypeFor[diag.Pos]() {
			var part strings.Builder
			diff(&part, indent+"  ", f, old)
			if part.Len() > 0 {
				fmt.Fprintf(b, "%s%s:\n%s", indent, name, &part)
			}
			continue
		}
		fmt.Fprintf(b, "%s%s: %s\n", indent, name, show(f))
	}
}

func show(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Duration:
		return unit.FormatTimespan(x)
	case diag.Pos:
		return fmt.Sprintf("%d:%d", x.Line, x.Col)
	case unit.AccessRule:
		return fmt.Sprintf("%v at %d:%d", x, x.Pos.Line, x.Pos.Col)
	case unit.TimeRange:
		return x.String()
	case uint32:
		if x == math.MaxUint32 {
			return "max"
		}
	case uint64:
		if x == math.MaxUint64 {
			return "infinity"
		}
	case string:
		return fmt.Sprintf("%q", x)
	}
	var parts []string
	switch {
	case v.Kind() == reflect.Pointer && !v.IsNil():
		return show(v.Elem())
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			parts = append(parts, show(v.Index(i)))
		}
		return "[" + strings.Join(parts, " ") + "]"
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); !f.IsZero() {
				parts = append(parts, v.Type().Field(i).Name+"="+show(f))
			}
		}
		return "{" + strings.Join(parts, " ") + "}"
	}
	return fmt.Sprint(v.Interface())
}
