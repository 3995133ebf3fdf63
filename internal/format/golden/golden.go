// SPDX-License-Identifier: Apache-2.0

// Package golden compares, for the tests of formats, what becomes of the files
// of each testdata/*.txtar with the last one, which is called "want". It
// imports unit and diag, and no format.
package golden

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

const wanted = "want"

// Run compares what compile makes of the comment and the files of each
// archive, or with update writes it down.
func Run(t *testing.T, update bool, compile func(comment string, files []txtar.File) string) {
	t.Helper()
	for _, path := range archives(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			ar, want := read(t, path)
			got := compile(string(ar.Comment), ar.Files)
			if update {
				ar.Files = append(ar.Files, txtar.File{Name: wanted, Data: []byte(got)})
				if err := os.WriteFile(path, txtar.Format(ar), 0o644); err != nil {
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

// Inputs are the files of all archives, for a fuzz test to begin with.
func Inputs(t testing.TB) (files []txtar.File) {
	t.Helper()
	for _, path := range archives(t) {
		ar, _ := read(t, path)
		files = append(files, ar.Files...)
	}
	return files
}

func archives(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no golden files", err)
	}
	return paths
}

func read(t testing.TB, path string) (ar *txtar.Archive, want string) {
	t.Helper()
	ar, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if last := len(ar.Files) - 1; last >= 0 && ar.Files[last].Name == wanted {
		want = string(ar.Files[last].Data)
		ar.Files = ar.Files[:last]
	}
	return ar, want
}

// Diff prints the fields of u that are not as in base. What show says of a
// value counts, unless it is "".
func Diff(u, base *unit.Unit, show func(v any) string) string {
	p := printer{show: show}
	p.diff("", reflect.ValueOf(u).Elem(), reflect.ValueOf(base).Elem())
	return p.String()
}

// skipped are fields that others tell.
var skipped = map[string]bool{"LoadErr": true, "Fragment": true, "Format": true, "Unsupported": true, "Where": true}

type printer struct {
	strings.Builder
	show func(v any) string
}

func (p *printer) diff(indent string, v, base reflect.Value) {
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
			part := printer{show: p.show}
			part.diff(indent+"  ", f, old)
			if part.Len() > 0 {
				fmt.Fprintf(p, "%s%s:\n%s", indent, name, part.String())
			}
			continue
		}
		fmt.Fprintf(p, "%s%s: %s\n", indent, name, p.value(f))
	}
}

func (p *printer) value(v reflect.Value) string {
	if text := p.show(v.Interface()); text != "" {
		return text
	}
	switch x := v.Interface().(type) {
	case time.Duration:
		return unit.FormatTimespan(x)
	case diag.Pos:
		return x.String()
	case string:
		return fmt.Sprintf("%q", x)
	}
	var parts []string
	switch {
	case v.Kind() == reflect.Pointer && !v.IsNil():
		return p.value(v.Elem())
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			parts = append(parts, p.value(v.Index(i)))
		}
		return "[" + strings.Join(parts, " ") + "]"
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); !f.IsZero() {
				parts = append(parts, v.Type().Field(i).Name+"="+p.value(f))
			}
		}
		return "{" + strings.Join(parts, " ") + "}"
	}
	return fmt.Sprint(v.Interface())
}
