// SPDX-License-Identifier: Apache-2.0

package load

import (
	"strings"
	"testing"

	"github.com/rouse-init/rouse/internal/unit"
)

const nothing = "[Unit]\n"

// dropInTree and what dropInWant expects of it were given to systemd, whose
// DropInPaths= are what stands there.
func dropInTree() tree {
	f := tree{
		"foo-bar-baz.service": simple, "tmpl@.service": simple, "a-b@.service": simple, "a-b-c@.service": simple,
		"al.service": simple, "al-ias.service": "->al.service", "tal@.service": "->tmpl@.service",
		"single@q.service": "->tmpl@.service", "--x--y.service": simple, "md.service": simple,
		"md.service.d/b.conf": "->/dev/null", "md.service.d/c.conf": "", "md.service.d/no.txt": "",
		"m.service": "->/dev/null", "m.service.d/x.conf": nothing,
		"foo-bar-baz.service.d/late.conf": nothing,
	}
	for _, s := range []string{
		"foo-.service.d/10-all", "foo-bar-.service.d/10-all", "foo-bar-baz.service.d/10-all", "foo-.service.d/20-f",
		"foo-bar-.service.d/20-fb", "foo-.service.d/30-foo", "foo-bar-.service.d/30-foo",
		"tmpl@.service.d/t", "tmpl@x.service.d/t", "tmpl@x.service.d/i", "tmpl@.service.d/u", "tal@.service.d/v",
		"single@q.service.d/sq",
		"a-.service.d/1", "a-@x.service.d/1", "a-.service.d/2", "a-@.service.d/2", "a-@.service.d/3", "a-@x.service.d/3",
		"a-b-.service.d/4", "a-@x.service.d/4", "a-b-@.service.d/5", "a-.service.d/5", "a-b-@x.service.d/6", "a-.service.d/6",
		"a-b-@x.service.d/7", "a-b-.service.d/7", "a-b-@x.service.d/8", "a-b-@.service.d/8", "a-b-c@.service.d/9", "a-b-@x.service.d/9",
		"al.service.d/x", "al-ias.service.d/x", "al-ias.service.d/y", "al-.service.d/z",
		"--x--.service.d/p", "--.service.d/q", "-.service.d/r", "--x-.service.d/s", "md.service.d/a",
	} {
		f[s+".conf"] = nothing
	}
	return f
}

var dropInWant = map[string]string{
	"foo-bar-baz.service": "foo-bar-baz.service.d/10-all foo-.service.d/20-f foo-bar-.service.d/20-fb foo-bar-.service.d/30-foo foo-bar-baz.service.d/late",
	"tmpl@x.service":      "tmpl@x.service.d/i tmpl@x.service.d/t tmpl@.service.d/u tal@.service.d/v",
	"tal@y.service":       "tmpl@.service.d/t tmpl@.service.d/u tal@.service.d/v",
	"single@q.service":    "single@q.service.d/sq tmpl@.service.d/t tmpl@.service.d/u tal@.service.d/v",
	"a-b@x.service":       "a-.service.d/1 a-.service.d/2 a-@x.service.d/3 a-@x.service.d/4 a-.service.d/5 a-.service.d/6",
	"a-b-c@x.service":     "a-.service.d/1 a-.service.d/2 a-@x.service.d/3 a-b-.service.d/4 a-.service.d/5 a-.service.d/6 a-b-.service.d/7 a-b-@x.service.d/8 a-b-c@.service.d/9",
	"al-ias.service":      "al.service.d/x al-ias.service.d/y al-.service.d/z",
	"--x--y.service":      "--x--.service.d/p --.service.d/q --x-.service.d/s",
	"md.service":          "md.service.d/a md.service.d/b md.service.d/c",
	"m.service":           "m.service.d/x",
}

func TestDropInPrecedence(t *testing.T) {
	dir := dropInTree().make(t)
	l := in(dir)
	for name, want := range dropInWant {
		got := strings.ReplaceAll(short(dir, one(t, l, name).DropIns), ".conf", "")
		if got != want {
			t.Errorf("drop-ins of %s are\n%s, want\n%s", name, got, want)
		}
	}
}

// TestDropInDirectories: an earlier directory of the path wins a file name
// from a more specific name in a later one, and files of a whole kind come
// last.
func TestDropInDirectories(t *testing.T) {
	top := tree{
		"etc/foo-.service.d/x.conf": nothing, "lib/foo-bar.service": simple, "lib/foo-bar.service.d/x.conf": nothing,
		"lib/foo-bar.service.d/y.conf": nothing, "etc/service.d/y.conf": nothing, "lib/service.d/z.conf": nothing,
		"etc/service.d/z.conf": "->/dev/null",
	}.make(t)
	l := in(top+"/etc", top+"/lib")
	got := short(top, one(t, l, "foo-bar.service").DropIns)
	const want = "etc/foo-.service.d/x.conf lib/foo-bar.service.d/y.conf etc/service.d/z.conf"
	if got != want {
		t.Errorf("drop-ins are %s, want %s", got, want)
	}
}

func TestLinkDirectories(t *testing.T) {
	dir := tree{
		"deps.service": simple, "plain.service": simple, "al.service": simple, "al-ias.service": "->al.service",
		"tmpl@.service": simple, "a-b@.service": simple,
		"deps.service.wants/plain.service":     "->../plain.service",
		"deps.service.wants/dangling.service":  "->/nonexist",
		"deps.service.wants/masked.service":    "->/dev/null",
		"deps.service.wants/file.service":      "",
		"deps.service.requires/al-ias.service": "->../al-ias.service",
		"deps.service.upholds/plain.service":   "->../plain.service",
		"deps.service.wants/a-b@.service":      "->../a-b@.service",
		"al-ias.service.wants/plain.service":   "->../plain.service",
		"tmpl@.service.wants/a-b@.service":     "->../a-b@.service",
		"tmpl@.service.wants/plain.service":    "->../plain.service",
		"slc.slice.wants/plain.service":        "->../plain.service",
		"network.target.wants/plain.service":   "->../plain.service",
	}.make(t)
	l := in(dir)
	for _, c := range []struct {
		name string
		kind unit.DepKind
		want string
	}{
		{"deps.service", unit.Wants, "dangling.service plain.service"},
		{"deps.service", unit.Requires, "al.service"},
		{"deps.service", unit.Upholds, "plain.service"},
		{"al-ias.service", unit.Wants, "plain.service"},
		{"tmpl@x.service", unit.Wants, "a-b@x.service plain.service"},
		{"slc.slice", unit.Wants, "plain.service"},
		{"network.target", unit.Wants, "plain.service"},
	} {
		if got := depNames(one(t, l, c.name), c.kind); got != c.want {
			t.Errorf("links of %s (kind %d) give %q, want %q", c.name, c.kind, got, c.want)
		}
	}
	_, list := in(dir).Load("deps.service")
	text := ""
	for _, d := range list {
		text += d.String() + "\n"
	}
	for _, want := range []string{"file.service\" is no symbolic link", "a-b@.service\" is a template"} {
		if !strings.Contains(text, want) {
			t.Errorf("no diagnostic says %q:\n%s", want, text)
		}
	}
}
