// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/golden"
	"github.com/rouse-init/rouse/internal/unit"
)

// TestGolden compiles the units of each testdata/*.txtar, one file per
// chapter of the manuals, and compares what differs from the defaults of
// their kind, and the diagnostics. Drop-ins follow their unit. In the comment
// a line "user" means a user manager, "instance X" names the instance of the
// templates, and "whole" prints the defaults too.
func TestGolden(t *testing.T) {
	golden.Run(t, *update, compileAll)
}

func compileAll(comment string, archive []txtar.File) string {
	opt := Options{Facts: &Facts{
		User: "ada", UID: "1000", Group: "adas", GID: "1000", Home: "/home/ada", Shell: "/bin/bash",
		TotalMemory: 1 << 30, MaxTasks: 10000,
		Lookup: func(c byte) (string, error) { return "{" + string(rune(c)) + "}", nil },
	}}
	instance, whole := "inst", false
	for line := range strings.Lines(comment) {
		f := strings.Fields(line)
		switch {
		case len(f) == 1 && f[0] == "user":
			opt.User = true
			opt.Facts.RuntimeDir, opt.Facts.ConfigDir = "/run/user/1000", "/home/ada/.config"
		case len(f) == 1 && f[0] == "whole":
			whole = true
		case len(f) == 2 && f[0] == "instance":
			instance = f[1]
		}
	}
	var b strings.Builder
	for i := 0; i < len(archive); i++ {
		name := archive[i].Name
		if unit.KindOf(name) == unit.KindInvalid {
			continue
		}
		var files []*File
		var list diag.List
		for ; i < len(archive) && (len(files) == 0 || strings.HasPrefix(archive[i].Name, name+".d/")); i++ {
			f, more := Parse(archive[i].Name, archive[i].Data)
			files, list = append(files, f), append(list, more...)
		}
		i--
		if unit.IsTemplate(name) {
			name = unit.InstanceOf(name, instance)
		}
		u, more := Compile(name, files, opt)
		plain, _ := Parse("", []byte(plainText[unit.KindOf(name)]))
		base, _ := Compile(name, []*File{plain}, opt)
		if whole {
			base = new(unit.Unit)
		}
		fmt.Fprintf(&b, "# %s\n", name)
		printUnit(&b, u, base)
		for _, d := range append(list, more...) {
			d.Unit = ""
			fmt.Fprintf(&b, "%s %v\n", d.Code, d)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// plainText is the least that a unit of each kind needs to load; the rest is
// its defaults, which the file defaults.txtar shows.
var plainText = map[unit.Kind]string{
	unit.KindService: "[Service]\nExecStart=/bin/x\n",
	unit.KindSocket:  "[Socket]\nListenStream=1\n",
}

var depNames = []string{
	"none", "Requires", "Requisite", "Wants", "BindsTo", "PartOf", "Upholds", "Conflicts", "Before", "After", "OnFailure",
	"OnSuccess", "PropagatesReloadTo", "ReloadPropagatedFrom", "PropagatesStopTo", "StopPropagatedFrom", "JoinsNamespaceOf", "Triggers",
}

func printUnit(b *strings.Builder, u, base *unit.Unit) {
	for _, d := range u.Deps {
		if !slices.Contains(base.Deps, d) {
			fmt.Fprintf(b, "%s: %s%s\n", depNames[d.Kind], d.Name, map[bool]string{true: " (implicit)"}[d.Implicit])
		}
	}
	for _, d := range base.Deps {
		if !slices.Contains(u.Deps, d) {
			fmt.Fprintf(b, "not %s: %s\n", depNames[d.Kind], d.Name)
		}
	}
	same := *u
	same.Name, same.Kind, same.Deps = base.Name, base.Kind, base.Deps
	b.WriteString(golden.Diff(&same, base, show))
}

func show(v any) string {
	x, ok := v.([]byte)
	if ok && len(x) > 2 && x[0] >= ' ' && x[0] < 127 {
		return fmt.Sprintf("%q", x) // text, not exit codes
	}
	return ""
}
