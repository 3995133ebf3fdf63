// SPDX-License-Identifier: Apache-2.0

package load

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rouse-init/rouse/internal/unit"
)

const simple = "[Service]\nExecStart=/bin/true\n"

// files are the files of a test below a directory: text, or "->" and the
// target of a symbolic link.
type tree map[string]string

// make creates the files and returns the directory.
func (f tree) make(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range f {
		put(t, filepath.Join(dir, name), text)
	}
	return dir
}

func put(t testing.TB, p, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	var err error
	if target, ok := strings.CutPrefix(text, "->"); ok {
		err = os.Symlink(target, p)
	} else {
		err = os.WriteFile(p, []byte(text), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// in makes a loader of one directory.
func in(dirs ...string) *Loader { return New(Config{Paths: dirs}) }

// one loads one unit and what it refers to, and returns it.
func one(t *testing.T, l *Loader, name string) *unit.Unit {
	t.Helper()
	l.Load(name)
	u, ok := l.Unit(name)
	if !ok {
		t.Fatalf("%s was not loaded", name)
	}
	return u
}

// short makes paths relative to a directory and joins them.
func short(dir string, paths []string) string {
	out := make([]string, len(paths))
	for i, p := range paths {
		out[i] = strings.TrimPrefix(p, dir+"/")
	}
	return strings.Join(out, " ")
}

func depNames(u *unit.Unit, k unit.DepKind) string {
	var out []string
	for _, d := range u.Deps {
		if d.Kind == k && !d.Implicit {
			out = append(out, d.Name)
		}
	}
	return strings.Join(out, " ")
}
