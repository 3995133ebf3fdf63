// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/golden"
	"github.com/rouse-init/rouse/internal/unit"
)

// seed adds the files of the golden archives.
func seed(f *testing.F, add func(name, text string)) {
	for _, m := range golden.Inputs(f) {
		add(m.Name, string(m.Data))
	}
}

// inside tells whether a position lies in the text.
func inside(text string, p diag.Pos) bool {
	if p.Line == 0 {
		return true
	}
	// A line ends as cutLine has it.
	rest, line := strings.TrimPrefix(text, bom), ""
	for range p.Line {
		if rest == "" {
			return false
		}
		line, rest = cutLine(rest)
	}
	return p.Col >= 0 && int(p.Col) <= len(line)+2
}

func FuzzParse(f *testing.F) {
	seed(f, func(_, text string) { f.Add(text) })
	f.Fuzz(func(t *testing.T, text string) {
		file, list := Parse("x.service", []byte(text))
		for i := range file.Assigns {
			a := &file.Assigns[i]
			if !utf8.ValidString(a.Value) || a.Key == "" || a.Section == "" {
				t.Errorf("assignment %+v", a)
			}
			for off := range len(a.Value) {
				if p := a.ValuePos("x", off); !inside(text, p) {
					t.Fatalf("byte %d of %q is said to be at %v", off, a.Value, p)
				}
			}
		}
		for _, d := range list {
			if !inside(text, d.Pos) || d.Msg == "" || d.Code == "" {
				t.Errorf("diagnostic %+v", d)
			}
		}
	})
}

func FuzzCompile(f *testing.F) {
	seed(f, func(name, text string) { f.Add(name, text) })
	f.Fuzz(func(t *testing.T, name, text string) {
		if !unit.ValidName(name) {
			return
		}
		file, list := Parse(name, []byte(text))
		opt := Options{User: len(text)%2 == 1, Facts: &Facts{TotalMemory: 1 << 30}, Interner: NewInterner()}
		u, more := Compile(name, []*File{file}, opt)
		if (u.Load == unit.BadSetting) != (u.LoadErr != nil) || (u.Load == unit.BadSetting) != more.Errors() {
			t.Errorf("load state %d with %v and %v", u.Load, u.LoadErr, more)
		}
		for _, d := range append(list, more...) {
			if !inside(text, d.Pos) || d.Msg == "" || d.Code == "" || strings.Contains(d.Msg, "\n") {
				t.Errorf("diagnostic %+v", d)
			}
		}
		for _, d := range u.Deps {
			if !unit.ValidName(d.Name) || d.Name == u.Name {
				t.Errorf("dependency %+v", d)
			}
		}
		if s := u.Service; s != nil {
			if s.Exec == nil {
				t.Error("no environment")
			}
			for _, c := range s.Commands {
				if c.Path == "" || len(c.Args) == 0 {
					t.Errorf("command %+v", c)
				}
			}
		}
	})
}

func FuzzEnvFile(f *testing.F) {
	for _, s := range []string{"A=1\n", "A='x\ny' \"z\"\\\n", "# c \\\nB=2", "A=\\", "\ufeff=\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		env, err := ParseEnvFile(text)
		if err != nil {
			return
		}
		for _, e := range env {
			if checkEnvPair(e) != nil || !utf8.ValidString(e) {
				t.Errorf("%q", e)
			}
		}
		ExpandArgs([]string{"a", text, "$" + text, "${" + text + "}"}, env)
	})
}
