// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

var update = flag.Bool("update", false, "write docs/ and testdata/ anew")

// TestGolden compiles the jobs of each testdata/*.txtar, one file per topic,
// and compares what differs from a job without stanzas, and the diagnostics. A
// file NAME.override belongs to the NAME.conf before it. In the comment a line
// "user" means a user's session, and "whole" prints the defaults too.
func TestGolden(t *testing.T) {
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
			got := golden(input)
			if *update {
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

// member is a file of an archive.
type member struct{ name, text string }

// members takes an archive apart: a comment, then files after "-- NAME --".
func members(text string) (comment string, files []member) {
	into := &comment
	for line := range strings.Lines(text) {
		if name, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "-- "); ok && strings.HasSuffix(name, " --") {
			files = append(files, member{name: strings.TrimSuffix(name, " --")})
			into = &files[len(files)-1].text
			continue
		}
		*into += line
	}
	return comment, files
}

func golden(input string) string {
	comment, files := members(input)
	opt := Options{User: strings.Contains(comment, "\nuser\n")}
	base, _ := Compile("x", Parse("", nil), nil, opt)
	if strings.Contains(comment, "\nwhole\n") {
		base = new(unit.Unit)
	}
	var b strings.Builder
	for i := 0; i < len(files); i++ {
		name := strings.TrimSuffix(files[i].name, ".conf")
		conf := Parse(files[i].name, []byte(unprintable(files[i].text)))
		var overrides []*File
		for i+1 < len(files) && files[i+1].name == name+".override" {
			i++
			overrides = append(overrides, Parse(files[i].name, []byte(files[i].text)))
		}
		u, list := Compile(name, conf, overrides, opt)
		fmt.Fprintf(&b, "# %s\n", name)
		printDiff(&b, "", reflect.ValueOf(u).Elem(), reflect.ValueOf(base).Elem())
		for _, d := range list {
			d.Unit = ""
			fmt.Fprintf(&b, "%s %v\n", d.Code, d)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// unprintable makes bytes of <CR> and <FF>, which editors and git change.
func unprintable(text string) string {
	return strings.NewReplacer("<CR>", "\r", "<E9>", "\xe9", "<NUL>", "\x00", "<NONL>\n", "").Replace(text)
}

// skipped are fields that other ones tell: Name is in the headline, and the
// slice's dependencies are in defaults.txtar.
var skipped = map[string]bool{"LoadErr": true, "Fragment": true, "Where": true, "Unsupported": true}

// printDiff prints the fields of v that are not as in base.
func printDiff(b *strings.Builder, indent string, v, base reflect.Value) {
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		f, old := v.Field(i), base.Field(i)
		if skipped[name] || name == "Name" && indent != "" || reflect.DeepEqual(f.Interface(), old.Interface()) {
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
			printDiff(&part, indent+"  ", f, old)
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
	case unit.Expr:
		return "{" + FormatExpr(x) + "} at " + positions(x)
	case []uint8:
		return fmt.Sprintf("%d", x)
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

// positions are the lines and columns of the terms of an expression.
func positions(x unit.Expr) string {
	var list []string
	for _, t := range x {
		list = append(list, fmt.Sprintf("%d:%d", t.Pos.Line, t.Pos.Col))
	}
	return strings.Join(list, " ")
}
