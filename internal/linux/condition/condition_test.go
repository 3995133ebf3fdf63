// SPDX-License-Identifier: Apache-2.0

package condition

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rouse-init/rouse/internal/unit"
)

func TestFirst(t *testing.T) {
	yes := unit.Condition{Type: "PathExists", Arg: "/"}
	no := unit.Condition{Type: "PathExists", Arg: "/does/not/exist"}
	with := func(c unit.Condition, set func(*unit.Condition)) unit.Condition { set(&c); return c }
	trigger := func(c unit.Condition) unit.Condition { return with(c, func(c *unit.Condition) { c.Trigger = true }) }
	negate := func(c unit.Condition) unit.Condition { return with(c, func(c *unit.Condition) { c.Negate = true }) }
	assert := func(c unit.Condition) unit.Condition { return with(c, func(c *unit.Condition) { c.Assert = true }) }
	unknown := unit.Condition{Type: "PathIsEncrypted", Arg: "/"}
	for name, c := range map[string]struct {
		all  []unit.Condition
		want int
	}{
		"none":                          {nil, -1},
		"all hold":                      {[]unit.Condition{yes, negate(no)}, -1},
		"one does not":                  {[]unit.Condition{yes, no, no}, 1},
		"one of the triggers is enough": {[]unit.Condition{trigger(no), trigger(yes)}, -1},
		"no trigger holds":              {[]unit.Condition{yes, trigger(no)}, 1},
		"triggers do not excuse":        {[]unit.Condition{trigger(yes), no}, 1},
		"asserts come last":             {[]unit.Condition{assert(no), no}, 1},
		"an assert alone":               {[]unit.Condition{assert(no), yes}, 0},
		"what cannot be checked fails":  {[]unit.Condition{negate(unknown)}, 0},
	} {
		if got := First(c.all); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestPaths(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("x"), 0o755); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty")
	if err := os.Mkdir(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("file", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		kind, arg string
		want      bool
	}{
		{"PathExists", file, true},
		{"PathExists", file + "x", false},
		{"PathExistsGlob", dir + "/f*", true},
		{"PathExistsGlob", dir + "/g*", false},
		{"PathIsDirectory", dir, true},
		{"PathIsDirectory", file, false},
		{"PathIsSymbolicLink", dir + "/link", true},
		{"PathIsSymbolicLink", file, false},
		{"PathIsMountPoint", "/proc", true},
		{"PathIsMountPoint", dir, false},
		{"PathIsReadWrite", dir, true},
		{"DirectoryNotEmpty", dir, true},
		{"DirectoryNotEmpty", empty, false},
		{"DirectoryNotEmpty", dir + "/none", false},
		{"FileNotEmpty", file, true},
		{"FileNotEmpty", dir, false},
		{"FileIsExecutable", file, true},
		{"FileIsExecutable", dir, false},
	} {
		got, err := check(c.kind, c.arg)
		if err != nil || got != c.want {
			t.Errorf("%s=%s: %v, %v", c.kind, c.arg, got, err)
		}
	}
}

func TestMachine(t *testing.T) {
	for _, c := range []struct {
		kind, arg string
		want      bool
	}{
		{"KernelVersion", ">=3.0", true},
		{"KernelVersion", "<3.0", false},
		{"Memory", ">1M", true},
		{"Memory", "<1M", false},
		{"CPUs", ">=1", true},
		{"CPUs", "<1", false},
		{"Architecture", "native", true},
		{"Architecture", "vax", false},
		{"Environment", "PATH", true},
		{"Environment", "PATH=nowhere", false},
	} {
		got, err := check(c.kind, c.arg)
		if err != nil || got != c.want {
			t.Errorf("%s=%s: %v, %v", c.kind, c.arg, got, err)
		}
	}
}

func TestCompareVersions(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"1", "1", 0},
		{"1.2", "1.10", -1},
		{"6.18.44", "6.2", 1},
		{"1.0~rc1", "1.0", -1},
		{"1.0a", "1.0", 1},
		{"007", "7", 0},
		{"2.0", "1.9.9", 1},
		{"", "", 0},
		{"", "1", -1},
	} {
		if got := compareVersions(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: %d, want %d", c.a, c.b, got, c.want)
		}
		if got := compareVersions(c.b, c.a); got != -c.want {
			t.Errorf("%q and %q: %d, want %d", c.b, c.a, got, -c.want)
		}
	}
}

func FuzzCompareVersions(f *testing.F) {
	f.Add("1.0~rc1", "1.0")
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a)+len(b) > 1000 {
			return
		}
		if x, y := compareVersions(a, b), compareVersions(b, a); x != -y {
			t.Errorf("%q and %q: %d and %d", a, b, x, y)
		}
	})
}
