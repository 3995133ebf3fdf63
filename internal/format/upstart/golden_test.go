// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/rouse-init/rouse/internal/format/golden"
	"github.com/rouse-init/rouse/internal/unit"
)

var update = flag.Bool("update", false, "write docs/ and testdata/ anew")

// TestGolden compiles the jobs of each testdata/*.txtar, one file per topic,
// and compares what differs from a job without stanzas, and the diagnostics. A
// file NAME.override belongs to the NAME.conf before it. In the comment a line
// "user" means a user's session, and "whole" prints the defaults too.
func TestGolden(t *testing.T) {
	golden.Run(t, *update, compileAll)
}

func compileAll(comment string, files []txtar.File) string {
	opt := Options{User: strings.Contains(comment, "\nuser\n")}
	base, _ := Compile("x", Parse("", nil), nil, opt)
	if strings.Contains(comment, "\nwhole\n") {
		base = &unit.Unit{Service: &unit.Service{Job: &unit.Job{}}}
	}
	var b strings.Builder
	for i := 0; i < len(files); i++ {
		name := strings.TrimSuffix(files[i].Name, ".conf")
		conf := Parse(files[i].Name, []byte(unprintable(string(files[i].Data))))
		var overrides []*File
		for i+1 < len(files) && files[i+1].Name == name+".override" {
			i++
			overrides = append(overrides, Parse(files[i].Name, files[i].Data))
		}
		u, list := Compile(name, conf, overrides, opt)
		fmt.Fprintf(&b, "# %s\n", name)
		base.Service.Job.Name = name // the headline has it
		b.WriteString(golden.Diff(u, base, show))
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

func show(v any) string {
	if x, ok := v.(unit.Expr); ok {
		return "{" + FormatExpr(x) + "} at " + positions(x)
	}
	return ""
}

// positions are the lines and columns of the terms of an expression.
func positions(x unit.Expr) string {
	var list []string
	for _, t := range x {
		list = append(list, fmt.Sprintf("%d:%d", t.Pos.Line, t.Pos.Col))
	}
	return strings.Join(list, " ")
}
