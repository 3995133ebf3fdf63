// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

func parsed(t *testing.T, name, text string) *File {
	t.Helper()
	f, list := Parse(name, []byte(text))
	if len(list) > 0 {
		t.Fatal(list)
	}
	return f
}

func TestInstancesShareEqualExec(t *testing.T) {
	f := parsed(t, "a@.service", "[Service]\nUser=web\nEnvironment=A=%p\nExecStart=/bin/x %i\n")
	g := parsed(t, "b@.service", "[Service]\nEnvironment=A=%i\nExecStart=/bin/x\n")
	in := NewInterner()
	exec := func(f *File, name string) *unit.Exec {
		u, _ := Compile(name, []*File{f}, Options{Interner: in})
		return u.Service.Exec
	}
	if exec(f, "a@1.service") != exec(f, "a@2.service") {
		t.Error("instances whose environments are equal have two")
	}
	if exec(g, "b@1.service") == exec(g, "b@2.service") {
		t.Error("instances whose environments differ share one")
	}
	if exec(f, "c@1.service").Environment[0] != "A=c" {
		t.Error("another template's environment was taken")
	}
}

func TestTemplateFromManyGoroutines(t *testing.T) {
	tmpl := NewTemplate([]*File{parsed(t, "a@.service", "[Service]\nUser=u%i\nExecStart=/bin/x %i\n")}, Options{Interner: NewInterner()})
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			name := fmt.Sprintf("a@%d.service", i)
			u, _ := tmpl.Instance(name)
			if u.Name != name || u.Service.Exec.User != fmt.Sprintf("u%d", i) || u.Service.Commands[0].Args[1] != fmt.Sprint(i) {
				t.Errorf("%s is %+v", name, u.Service)
			}
		})
	}
	wg.Wait()
}

func TestLongLinesAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"one line":  "[Unit]\nDescription=" + strings.Repeat("x", maxLine) + "\n",
		"continued": "[Unit]\nDescription=" + strings.Repeat(strings.Repeat("x", 1000)+"\\\n", 1100) + "\n",
		"not UTF-8": "[Unit]\nDescription=\xff\n",
	} {
		if _, list := Parse("a.service", []byte(text)); !list.Errors() {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestDiagnosticsOfOneFileAreLimited(t *testing.T) {
	f, list := Parse("a.service", []byte("[Unit]\n"+strings.Repeat("nonsense\n", 100)))
	if len(list) != fileLimit+1 || list[fileLimit].Severity != diag.Note {
		t.Errorf("%d diagnostics, want %d and a note", len(list), fileLimit)
	}
	if len(f.Assigns) != 0 {
		t.Error("nonsense was assigned")
	}
	// What is not supported is named each time.
	f, _ = Parse("a.service", []byte("[Service]\nExecStart=/bin/x\n"+strings.Repeat("PrivateTmp=yes\n", 100)))
	if u, list := Compile("a.service", []*File{f}, Options{}); len(list) != 100 || len(u.Unsupported) != 100 {
		t.Errorf("%d warnings, want 100", len(list))
	}
}
