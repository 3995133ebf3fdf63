// SPDX-License-Identifier: Apache-2.0

package client

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRuntimeDir(t *testing.T) {
	uid := os.Getuid()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(at("open"), 0o700))
	must(os.Chmod(at("open"), 0o777))
	must(os.Mkdir(at("mine"), 0o700))
	must(os.Symlink(at("mine"), at("link")))
	must(os.WriteFile(at("file"), nil, 0o600))
	const fresh, absent = "fresh", "no/such"
	for _, c := range []struct {
		places string
		create bool
		want   string // a name, or a part of the error
	}{
		{"mine fresh", true, "mine"},
		{"open mine", true, "mine"},
		{"link mine", false, "mine"},
		{"file mine", false, "mine"},
		{"no/such mine", true, "mine"},
		{"no/such mine", false, "mine"},
		{"fresh no/such", false, fresh}, // nobody has made one yet
		{"file fresh", false, fresh},
		{"fresh mine", false, fresh}, // one that is left over is not taken for it
		{"open link", true, "open to other users: its mode is 0777"},
		{"open no/such", true, "fix: set XDG_RUNTIME_DIR"},
		{"file", false, "is not a directory"},
		{"fresh mine", true, fresh}, // last: it makes it
		{"mine fresh", false, "mine"},
	} {
		var places []place
		for _, p := range strings.Fields(c.places) {
			places = append(places, place{dir: at(p)})
		}
		got, err := runtimeDir(uid, places, c.create)
		switch {
		case err != nil && !strings.Contains(err.Error(), c.want):
			t.Errorf("%q, create %v: %v, want %s", c.places, c.create, err, c.want)
		case err == nil && got != at(c.want):
			t.Errorf("%q, create %v: %s, want %s", c.places, c.create, got, c.want)
		}
	}
	if _, err := os.Lstat(at(absent)); err == nil {
		t.Error("a parent was made")
	}
	if err := (place{dir: at("mine")}).check(uid+1, false); err == nil {
		t.Error("another user's directory is used")
	}
	if err := (place{dir: at("mine/rouse"), within: at("mine")}).check(uid+1, true); err == nil {
		t.Error("another user's XDG_RUNTIME_DIR is written to")
	}
}

func TestRuntimeDirs(t *testing.T) {
	for _, c := range []struct {
		uid  int
		xdg  string
		want string
	}{
		{0, "", "/run/rouse /tmp/rouse-0"},
		{0, "/x", "/run/rouse /x/rouse /tmp/rouse-0"},
		{7, "/x", "/x/rouse /tmp/rouse-7"},
		{7, "relative", "/tmp/rouse-7"},
	} {
		var dirs []string
		for _, p := range runtimeDirs(c.uid, c.xdg) {
			dirs = append(dirs, p.dir)
		}
		if got := strings.Join(dirs, " "); got != c.want {
			t.Errorf("user %d with %q: %s, want %s", c.uid, c.xdg, got, c.want)
		}
	}
}
