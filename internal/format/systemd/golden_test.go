// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// TestGolden compiles the units of each testdata/*.txtar, one file per
// chapter of the manuals, and compares what differs from the defaults of
// their kind, and the diagnostics. Drop-ins follow their unit. In the comment
// a line "user" means a user manager, "instance X" names the instance of the
// templates, and "whole" prints the defaults too.
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
			ar := parseArchive(string(text))
			got := golden(ar)
			last := len(ar.files) - 1
			if ar.files[last].name != "want" {
				ar.files = append(ar.files, member{name: "want"})
				last++
			}
			if *update {
				ar.files[last].text = got
				if err := os.WriteFile(path, []byte(ar.String()), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want := ar.files[last].text; got != want {
				t.Errorf("go test -run Golden -update, and read the diff; got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func golden(ar archive) string {
	opt := Options{Facts: &Facts{
		User: "ada", UID: "1000", Group: "adas", GID: "1000", Home: "/home/ada", Shell: "/bin/bash",
		TotalMemory: 1 << 30, MaxTasks: 10000,
		Lookup: func(c byte) (string, error) { return "{" + string(rune(c)) + "}", nil },
	}}
	instance, whole := "inst", false
	for line := range strings.Lines(ar.comment) {
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
	for i := 0; i < len(ar.files); i++ {
		name := ar.files[i].name
		if unit.KindOf(name) == unit.KindInvalid {
			continue
		}
		var files []*File
		var list diag.List
		for ; i < len(ar.files) && (len(files) == 0 || strings.HasPrefix(ar.files[i].name, name+".d/")); i++ {
			f, more := Parse(ar.files[i].name, []byte(ar.files[i].text))
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
	printDiff(b, "", reflect.ValueOf(u).Elem(), reflect.ValueOf(base).Elem())
}

var skipped = map[string]bool{
	"Name": true, "Deps": true, "LoadErr": true, "Unsupported": true, "Where": true, "Fragment": true,
}

// printDiff prints the fields of v that are not as in base.
func printDiff(b *strings.Builder, indent string, v, base reflect.Value) {
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		f, d := v.Field(i), base.Field(i)
		if skipped[name] || name == "Kind" && indent == "" || reflect.DeepEqual(f.Interface(), d.Interface()) {
			continue
		}
		p := f
		if f.Kind() == reflect.Pointer && !f.IsNil() && f.Elem().Kind() == reflect.Struct {
			p = f.Elem()
		}
		if _, isPos := f.Interface().(diag.Pos); p.Kind() != reflect.Struct || isPos {
			fmt.Fprintf(b, "%s%s: %s\n", indent, name, show(f))
			continue
		}
		old := reflect.Zero(p.Type())
		switch {
		case f.Kind() != reflect.Pointer:
			old = d
		case !d.IsNil():
			old = d.Elem()
		}
		fmt.Fprintf(b, "%s%s:\n", indent, name)
		printDiff(b, indent+"  ", p, old)
	}
}

func show(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Duration:
		return unit.FormatTimespan(x)
	case diag.Pos:
		return x.String()
	case string:
		return fmt.Sprintf("%q", x)
	case []byte:
		if len(x) > 0 && strings.HasPrefix(fmt.Sprintf("%q", x), `"`) && x[0] >= ' ' && x[0] < 127 && len(x) > 2 {
			return fmt.Sprintf("%q", x) // text, not exit codes
		}
		return fmt.Sprintf("%d", x)
	}
	switch {
	case v.Kind() == reflect.Pointer && !v.IsNil():
		return show(v.Elem())
	case v.Kind() == reflect.Slice:
		var parts []string
		for i := range v.Len() {
			parts = append(parts, show(v.Index(i)))
		}
		return "[" + strings.Join(parts, " ") + "]"
	case v.Kind() == reflect.Struct:
		var parts []string
		for i := range v.NumField() {
			if f := v.Field(i); !f.IsZero() {
				parts = append(parts, v.Type().Field(i).Name+"="+show(f))
			}
		}
		return "{" + strings.Join(parts, " ") + "}"
	}
	return fmt.Sprint(v.Interface())
}
