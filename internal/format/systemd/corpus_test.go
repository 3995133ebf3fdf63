// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rouse-init/rouse/internal/unit"
)

// TestCorpus compiles every unit file below $ROUSE_CORPUS: files that run on
// real systems must load, and none of their directives may be unknown.
func TestCorpus(t *testing.T) {
	root := os.Getenv("ROUSE_CORPUS")
	if root == "" {
		t.Skip("ROUSE_CORPUS does not name a directory of unit files")
	}
	facts := &Facts{
		User: "u", UID: "1000", Group: "g", GID: "1000", Home: "/home/u", Shell: "/bin/sh",
		TotalMemory: 8 << 30, MaxTasks: 4 << 20, Lookup: func(byte) (string, error) { return "x", nil },
	}
	files, codes := 0, map[string]int{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		name := e.Name()
		kind := unit.KindOf(name)
		if isDropIn(path) {
			name = strings.TrimSuffix(filepath.Base(filepath.Dir(path)), ".d")
			kind = unit.KindOf(name)
		}
		if kind == unit.KindInvalid || !strings.Contains(path, "/systemd/") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !strings.ContainsAny(string(text), "=[") { // a symbolic link that was stored as its target
			return nil
		}
		files++
		f, list := Parse(path, text)
		p := unit.Split(name)
		if p.At && p.Instance == "" {
			name = unit.InstanceOf(name, "inst")
		}
		u, more := Compile(name, []*File{f}, Options{Facts: facts, User: strings.Contains(path, "/systemd/user/")})
		for _, d := range append(list, more...) {
			codes[d.Code]++
			switch d.Code {
			case CodeUnsupported, CodeInsecure, CodeObsolete, CodeNoEffect:
			default:
				t.Log(d)
			}
			if d.Code == CodeKey || d.Code == CodeSection {
				t.Errorf("unknown: %v", d)
			}
		}
		// This one needs a drop-in of its distribution to say what it runs.
		incomplete := name == "bip-config.service"
		if u.Load != unit.Loaded && !f.DropIn && !f.Empty && !incomplete {
			t.Errorf("%s does not load: %v", path, u.LoadErr)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d files, diagnostics by code: %v", files, codes)
	if files == 0 {
		t.Errorf("no unit files below %s", root)
	}
}
