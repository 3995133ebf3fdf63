// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/golden"
	"github.com/rouse-init/rouse/internal/unit"
)

// seeds are the files of the golden archives.
func seeds(f *testing.F) (texts []string) {
	for _, m := range golden.Inputs(f) {
		texts = append(texts, unprintable(string(m.Data)))
	}
	return texts
}

// inside tells whether a position lies in the text.
func inside(text string, p diag.Pos) bool {
	if p.Line == 0 {
		return true
	}
	lines := strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n")
	return int(p.Line) <= len(lines) && p.Col >= 1 && int(p.Col) <= len(lines[p.Line-1])+1
}

func FuzzCompile(f *testing.F) {
	for _, text := range seeds(f) {
		f.Add("a/b", text, "manual")
		f.Add("x", "exec /bin/a", text)
	}
	f.Fuzz(func(t *testing.T, name, text, over string) {
		conf, override := Parse("x.conf", []byte(text)), Parse("x.override", []byte(over))
		opt := Options{User: len(text)%2 == 1}
		u, list := Compile(name, conf, []*File{override}, opt)
		if bad := u.Load == unit.BadSetting; bad != (u.LoadErr != nil) || bad != list.Errors() || bad && len(u.Service.Commands) > 0 {
			t.Errorf("load state %d with %v and %v", u.Load, u.LoadErr, list)
		}
		for _, d := range list {
			in := map[string]string{"x.conf": text, "x.override": over}[d.Pos.File]
			if !inside(in, d.Pos) || d.Msg == "" || d.Code == "" || strings.Contains(d.Msg+d.Fix, "\n") || !utf8.ValidString(d.Msg) {
				t.Errorf("diagnostic %+v", d)
			}
		}
		for _, d := range u.Deps {
			if !unit.ValidName(d.Name) || d.Name == u.Name {
				t.Errorf("dependency %+v", d)
			}
		}
		for _, c := range u.Service.Commands {
			if c.Path == "" || len(c.Args) == 0 || !utf8.ValidString(strings.Join(c.Args, "")) {
				t.Errorf("command %+v", c)
			}
		}
		if e := u.Events; e != nil {
			checkExpr(t, e.StartOn)
			checkExpr(t, e.StopOn)
		}
		if firstError(override.diags) >= 0 {
			if alone, _ := Compile(name, conf, nil, opt); !reflect.DeepEqual(alone, u) {
				t.Error("an override with an error has an effect")
			}
		}
	})
}

// checkExpr: an expression is postfix, and each of its events can be written
// down and read again.
func checkExpr(t *testing.T, x unit.Expr) {
	depth := 0
	for _, term := range x {
		if term.Op != unit.OpEvent {
			if depth--; depth < 1 {
				t.Fatalf("operator without operands in %v", x)
			}
			continue
		}
		depth++
		words := EventWords(term)
		again, err := ParseExpr(words)
		term.Pos = diag.Pos{}
		plainJob(&term)
		if err != nil || len(again) != 1 || !reflect.DeepEqual(again[0], term) {
			t.Fatalf("%+v is written %s and read %+v, %v", term, words, again, err)
		}
	}
	if len(x) > 0 && depth != 1 {
		t.Fatalf("%d results of %v", depth, x)
	}
	if FormatExpr(x) == "" && len(x) > 0 {
		t.Error("an expression without text")
	}
}

func FuzzExpr(f *testing.F) {
	for _, text := range seeds(f) {
		for line := range strings.Lines(text) {
			if _, x, ok := strings.Cut(line, " on "); ok {
				f.Add(x)
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		x, err := ParseExpr(text)
		if (err == nil) != (len(x) > 0) {
			t.Fatalf("%v with %v", x, err)
		}
		checkExpr(t, x)
	})
}
