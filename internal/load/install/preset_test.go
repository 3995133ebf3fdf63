// SPDX-License-Identifier: Apache-2.0

package install

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "a.service", true},
		{"a.*", "a.service", true},
		{"a.*", "b.service", false},
		{"?.service", "a.service", true},
		{"?.service", "ab.service", false},
		{"[a-c]*", "b.service", true},
		{"[!a-c]*", "b.service", false},
		{"[]x]", "]", true},
		{"[x", "[x", true},
		{"*-*.socket", "a-b.socket", true},
		{"*-*.socket", "ab.socket", false},
		{"a*b*c", "axxbyyc", true},
		{"a*b*c", "axxbyy", false},
		{`a\x2d*`, `a\x2db`, true},
		{"", "", true},
		{"", "a", false},
		{"**", "", true},
	} {
		if got := Glob(c.pattern, c.name); got != c.want {
			t.Errorf("Glob(%q, %q) = %v", c.pattern, c.name, got)
		}
	}
}

func TestPresetRules(t *testing.T) {
	rules := parsePreset([]byte("# c\n; d\n\nenable t@.service x y\ndisable a.*\nignore i.service\nfoo bar\nenable\nenable p.service q\n  disable z*  \n"))
	for name, want := range map[string]string{
		"t@.service": "enabled", "t@x.service": "enabled", "t@z.service": "enabled", "a.service": "disabled",
		"i.service": "ignored", "p.service": "enabled", "zed.socket": "disabled", "other.service": "enabled",
	} {
		if got := rules.query(name).word(); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if v := rules.query("t@.service"); strings.Join(v.instances, " ") != "x y" {
		t.Errorf("instances of t@.service are %v", v.instances)
	}
}

// FuzzPreset: whatever a preset file holds, a query ends and the first rule
// that matches decides.
func FuzzPreset(f *testing.F) {
	f.Add([]byte("enable a*\ndisable *\n"), "a.service")
	f.Add([]byte("enable t@.service [ x\n"), "t@x.service")
	f.Add([]byte("disable [!a-\n\x00enable *"), "[")
	f.Fuzz(func(t *testing.T, text []byte, name string) {
		rules := parsePreset(text)
		got := rules.query(name)
		for _, r := range rules {
			if Glob(r.pattern, name) {
				if got.enable != r.enable || got.ignore != r.ignore {
					t.Errorf("%q: the first rule %q says otherwise", name, r.pattern)
				}
				return
			}
		}
		if !got.enable {
			t.Errorf("%q matches no rule and is not enabled", name)
		}
	})
}

// TestNeverOverwritesFiles: what somebody wrote stays, --force or not.
func TestNeverOverwritesFiles(t *testing.T) {
	root := makeTree(t)
	file := filepath.Join(root, "etc/systemd/system/aa.service")
	write(t, file, "[Service]\nExecStart=/bin/mine\n")
	for _, args := range []string{"enable a.service", "--force enable a.service", "--force mask aa.service"} {
		if _, code := carryOut(root, strings.Fields(args)); code == 0 {
			t.Errorf("%s succeeds over a file", args)
		}
		if got := links(t, root); !strings.Contains(got+"\n", "/etc/systemd/system/aa.service\n") {
			t.Errorf("%s has replaced a file by a link:\n%s", args, got)
		}
	}
}

func TestDryRun(t *testing.T) {
	root := makeTree(t)
	before := links(t, root)
	opt := Options{DryRun: true}
	opt.Root = root
	if r := Enable(opt, "a.service"); len(r.Changes) != 3 || r.Err() != nil {
		t.Errorf("a dry run reports %v", r.Changes)
	}
	if after := links(t, root); after != before {
		t.Errorf("a dry run leaves\n%s", after)
	}
}

// TestLinkRing: links that lead to each other end as an error, not in a loop.
func TestLinkRing(t *testing.T) {
	root := makeTree(t)
	write(t, filepath.Join(root, "etc/systemd/system/l1.service"), "->l2.service")
	write(t, filepath.Join(root, "etc/systemd/system/l2.service"), "->l1.service")
	opt := Options{}
	opt.Root = root
	if r := Enable(opt, "l1.service"); r.Err() == nil {
		t.Error("a ring of links can be enabled")
	}
	if s := IsEnabled(opt, "l1.service"); s != Bad {
		t.Errorf("a ring of links is %q", s)
	}
}
