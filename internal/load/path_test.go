// SPDX-License-Identifier: Apache-2.0

package load

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSearchPath(t *testing.T) {
	env := func(kv ...string) func(string) string {
		return func(name string) string {
			for _, e := range kv {
				if v, ok := strings.CutPrefix(e, name+"="); ok {
					return v
				}
			}
			return ""
		}
	}
	for _, c := range []struct {
		name string
		cfg  Config
		want []string // in this order, others between them
		not  string
	}{
		{"system", Config{}, []string{"/etc/systemd/system.control", "/run/systemd/generator.early", "/etc/systemd/system", "/run/systemd/system", "/run/systemd/generator", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/run/systemd/generator.late"}, "/etc/systemd/user"},
		{"user", Config{Scope: User, Getenv: env("HOME=/h", "XDG_RUNTIME_DIR=/rt")}, []string{"/h/.config/systemd/user.control", "/rt/systemd/transient", "/h/.config/systemd/user", "/etc/xdg/systemd/user", "/etc/systemd/user", "/rt/systemd/user", "/run/systemd/user", "/h/.local/share/systemd/user", "/usr/local/share/systemd/user", "/usr/share/systemd/user", "/usr/lib/systemd/user", "/rt/systemd/generator.late"}, "/etc/systemd/system"},
		{"user without a runtime directory", Config{Scope: User, Getenv: env("HOME=/h", "XDG_CONFIG_HOME=/c")}, []string{"/c/systemd/user"}, "systemd/transient"},
		{"global", Config{Scope: Global}, []string{"/etc/systemd/user", "/run/systemd/user", "/usr/lib/systemd/user"}, "/etc/systemd/system"},
		{"SYSTEMD_UNIT_PATH", Config{Getenv: env("SYSTEMD_UNIT_PATH=/a:/b")}, []string{"/a", "/b"}, "/etc/systemd/system"},
		{"SYSTEMD_UNIT_PATH with the usual ones", Config{Getenv: env("SYSTEMD_UNIT_PATH=/a:")}, []string{"/a", "/etc/systemd/system"}, ""},
		{"root ignores the environment", Config{Root: "/r", Getenv: env("SYSTEMD_UNIT_PATH=/a")}, []string{"/etc/systemd/system"}, "/a"},
	} {
		got := NewLookup(c.cfg).Dirs
		at := -1
		for _, w := range c.want {
			i := slices.Index(got, w)
			if i <= at {
				t.Errorf("%s: %s is missing or out of order in %v", c.name, w, got)
			}
			at = i
		}
		if c.not != "" && slices.Contains(got, c.not) {
			t.Errorf("%s: %s is there: %v", c.name, c.not, got)
		}
	}
}

func TestResolveStaysInside(t *testing.T) {
	root := tree{
		"a/file": "x", "abs": "->/a/file", "up": "->../../../../../../etc", "rel": "->a/../abs", "ring": "->ring",
		"dir": "->/a", "etc/passwd": "inside", "chain1": "->chain2", "chain2": "->/dir/file",
	}.make(t)
	r := Root(root)
	for in, want := range map[string]string{
		"/abs": "/a/file", "/up/passwd": "/etc/passwd", "/rel": "/a/file", "/dir/file": "/a/file", "/chain1": "/a/file",
		"/nothing/at/all": "/nothing/at/all", "/dir/../x": "/x", "": "/", "/../..": "/",
	} {
		if got, err := r.Resolve(in); err != nil || got != want {
			t.Errorf("Resolve(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	if got, err := r.Resolve("/ring"); err == nil {
		t.Errorf("a ring resolves to %q", got)
	}
	if got := r.Inside(r.Host("/a/b")); got != "/a/b" {
		t.Errorf("Inside(Host()) = %q", got)
	}
}

func FuzzResolve(f *testing.F) {
	f.Add("a", "b/../c", "/a/b")
	f.Add("..", "/", "a/./b//")
	f.Fuzz(func(t *testing.T, link, target, path string) {
		root := t.TempDir()
		if strings.ContainsAny(link+target, "\x00") || len(link) > 100 || len(target) > 200 || link == "" || target == "" {
			return
		}
		name := filepath.Join(root, filepath.Base(filepath.Clean("/"+link)))
		_ = os.Symlink(target, name) // some names cannot be had
		got, err := Root(root).Resolve(path)
		if err == nil && (!filepath.IsAbs(got) || strings.Contains(got+"/", "/../")) {
			t.Errorf("Resolve(%q) with %q -> %q is %q", path, link, target, got)
		}
	})
}
