// SPDX-License-Identifier: Apache-2.0

package load

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rouse-init/rouse/internal/unit"
)

func TestNames(t *testing.T) {
	dir := tree{
		"al.service": simple, "al-ias.service": "->al.service", "second.service": "->al-ias.service",
		"tmpl@.service": simple, "tal@.service": "->tmpl@.service", "single@q.service": "->tmpl@.service",
		"plain-of-inst.service": "->tmpl@one.service", "tmpl@own.service": simple,
		"m.service": "->/dev/null", "e.service": "", "dang.service": "->dang2.service",
		"loop.service": "->loop2.service", "loop2.service": "->loop.service", "self.service": "->self.service",
		"wrong.service": "->a.socket", "tplain.service": "->tmpl@.service", "inst@x.service": "->tmpl@y.service",
		"slc.slice": "->al.slice", "../out/linkd.service": simple, "linkd.service": "->../out/linkd.service",
		"linkd2.service": "->../out/linkd.service", "dirunit.service/x": "", "not a unit.service": simple,
		"only.service.d/x.conf": simple, "fifo.conf": "",
	}
	top := t.TempDir()
	dir["../x"] = ""
	for name, text := range dir {
		put(t, filepath.Join(top, "units", name), text)
	}
	units := filepath.Join(top, "units")
	l := in(units)
	for _, c := range []struct {
		ask, name, aliases, fragment string
		load                         unit.LoadState
	}{
		{"al.service", "al.service", "al-ias.service second.service", "al.service", unit.Loaded},
		{"second.service", "al.service", "al-ias.service second.service", "al.service", unit.Loaded},
		{"tal@x.service", "tmpl@x.service", "tal@x.service", "tmpl@.service", unit.Loaded},
		{"single@q.service", "tmpl@q.service", "single@q.service tal@q.service", "tmpl@.service", unit.Loaded},
		{"plain-of-inst.service", "tmpl@one.service", "plain-of-inst.service tal@one.service", "tmpl@.service", unit.Loaded},
		{"tmpl@own.service", "tmpl@own.service", "tal@own.service", "tmpl@own.service", unit.Loaded},
		{"m.service", "m.service", "", "m.service", unit.Masked},
		{"e.service", "e.service", "", "e.service", unit.Masked},
		{"dang.service", "dang2.service", "dang.service", "", unit.NotFound},
		{"wrong.service", "wrong.service", "", "", unit.NotFound},
		{"tplain.service", "tplain.service", "", "", unit.NotFound},
		{"inst@x.service", "inst@x.service", "", "", unit.NotFound},
		{"slc.slice", "slc.slice", "", "", unit.NotFound},
		{"linkd.service", "linkd.service", "", "linkd.service", unit.Loaded},
		{"linkd2.service", "linkd2.service", "", "linkd2.service", unit.Loaded},
		{"dirunit.service", "dirunit.service", "", "", unit.NotFound},
		{"only.service", "only.service", "", "", unit.NotFound},
		{"other.slice", "other.slice", "", "", unit.Loaded},
		{"tmpl@.service", "tmpl@.service", "", "", unit.BadSetting},
		{"network.target", "network.target", "", "", unit.Loaded},
		{"runlevel5.target", "graphical.target", "runlevel5.target", "", unit.Loaded},
	} {
		u := one(t, l, c.ask)
		if u.Name != c.name || strings.Join(u.Aliases, " ") != c.aliases || short(units, []string{u.Fragment}) != c.fragment || u.Load != c.load {
			t.Errorf("%s is %s [%s] from %q, load state %d; want %s [%s] from %q, %d",
				c.ask, u.Name, strings.Join(u.Aliases, " "), short(units, []string{u.Fragment}), u.Load, c.name, c.aliases, c.fragment, c.load)
		}
		if (u.Load == unit.Loaded) != (u.LoadErr == nil) {
			t.Errorf("%s: load state %d and LoadErr %v", c.ask, u.Load, u.LoadErr)
		}
	}
	for _, name := range []string{"loop.service", "self.service", "loop2.service"} {
		if u := one(t, l, name); u.Load != unit.NotFound {
			t.Errorf("%s, a link in a ring, has load state %d", name, u.Load)
		}
	}
}

func TestInvalidNames(t *testing.T) {
	l := in(t.TempDir())
	for _, name := range []string{"", "a", "a.service.", "a/b.service", "@x.service", strings.Repeat("a", 300) + ".service", "ä.service"} {
		units, _ := l.Load(name)
		if len(units) != 1 || units[0].Load != unit.BadSetting || units[0].LoadErr == nil {
			t.Errorf("%q loads as %v", name, units)
		}
	}
}

// TestFirstDirectoryWins: whole files, masks included, and a merged /lib is
// listed once.
func TestFirstDirectoryWins(t *testing.T) {
	root := tree{
		"etc/systemd/system/a.service":     "[Unit]\nDescription=etc\n",
		"usr/lib/systemd/system/a.service": "[Unit]\nDescription=usr\n",
		"usr/lib/systemd/system/b.service": simple,
		"run/systemd/system/b.service":     "->/dev/null",
		"lib":                              "->usr/lib",
		"usr/lib/systemd/system/c.service": simple,
		"etc/systemd/system/d.service":     "->/lib/systemd/system/c.service",
		"etc/systemd/system/e.service":     "->/opt/e.service",
		"opt/e.service":                    "->/data/e.service",
		"data/e.service":                   "[Unit]\nDescription=e\n",
		"etc/systemd/system/f.service":     "->../../../../../../../../dev/null",
	}.make(t)
	l := New(Config{Root: root})
	if u := one(t, l, "a.service"); u.Description != "etc" {
		t.Errorf("a.service is the one of %q", u.Description)
	}
	if u := one(t, l, "b.service"); u.Load != unit.Masked {
		t.Errorf("b.service is not masked from /run: %d", u.Load)
	}
	if u := one(t, l, "d.service"); u.Name != "c.service" {
		t.Errorf("a link through the merged /lib is %q, want the alias of c.service", u.Name)
	}
	if u := one(t, l, "e.service"); u.Description != "e" || u.Fragment != filepath.Join(root, "etc/systemd/system/e.service") {
		t.Errorf("a link out of the path inside the root: %q from %s", u.Description, u.Fragment)
	}
	if u := one(t, l, "f.service"); u.Load != unit.Masked {
		t.Errorf("a mask by a relative link has load state %d", u.Load)
	}
	if p := l.Path(); slices.Contains(p, filepath.Join(root, "lib/systemd/system")) {
		t.Errorf("the merged directory is listed twice: %v", p)
	}
}

func TestClosure(t *testing.T) {
	dir := tree{
		"a.service": "[Unit]\nRequires=b.service\nAfter=c.service al.service\n" + simple,
		"b.service": "[Unit]\nWants=t@1.service gone.service\n" + simple, "c.service": simple, "z.service": simple,
		"t@.service": simple, "real.service": simple, "al.service": "->real.service",
	}.make(t)
	l := in(dir)
	units, _ := l.Load("a.service")
	var names []string
	for _, u := range units {
		if u.Kind == unit.KindService {
			names = append(names, u.Name)
		}
	}
	for _, want := range []string{"a.service", "b.service", "c.service", "gone.service", "real.service", "t@1.service"} {
		if !slices.Contains(names, want) {
			t.Errorf("the closure of a.service lacks %s: %v", want, names)
		}
	}
	if slices.Contains(names, "z.service") || slices.Contains(names, "al.service") {
		t.Errorf("the closure of a.service has too much: %v", names)
	}
	a := one(t, l, "a.service")
	if got := depNames(a, unit.After); got != "c.service real.service" {
		t.Errorf("After= is %q, want aliases replaced", got)
	}
	again, list := l.Load("a.service")
	if len(again) != len(units) || len(list) != 0 {
		t.Errorf("a second load gives %d units, not %d, and %v", len(again), len(units), list)
	}
	for i := range again {
		if again[i] != units[i] {
			t.Errorf("%s was loaded twice", again[i].Name)
		}
	}
	all, _ := l.All()
	if !slices.ContainsFunc(all, func(u *unit.Unit) bool { return u.Name == "z.service" }) {
		t.Error("All() lacks z.service")
	}
}

// TestSameTwice: goroutines must not show.
func TestSameTwice(t *testing.T) {
	f := tree{}
	for i := range 60 {
		n := string(rune('a'+i%26)) + string(rune('a'+i/26))
		f[n+".service"] = "[Unit]\nWants=x" + n + ".service\nNope=1\nAfter=\n" + simple
	}
	dir := f.make(t)
	first := ""
	for range 5 {
		units, list := in(dir).All()
		text := ""
		for _, u := range units {
			text += u.Name + " "
		}
		for _, d := range list {
			text += d.String() + "\n"
		}
		if first == "" {
			first = text
		}
		if text != first {
			t.Fatalf("two loads differ:\n%s\n\n%s", first, text)
		}
	}
}

func TestTargetsComeAfterWhatTheyPullIn(t *testing.T) {
	dir := tree{
		"t.target":          "[Unit]\nWants=a.service early.service nodef.service before.service gone.service\n",
		"a.service":         simple,
		"nodef.service":     "[Unit]\nDefaultDependencies=no\n" + simple,
		"early.service":     "[Unit]\nAfter=t.target\n" + simple,
		"before.service":    simple,
		"t.target.d/x.conf": "[Unit]\nBefore=before.service\n",
		"none.target":       "[Unit]\nWants=a.service\nDefaultDependencies=no\n",
	}.make(t)
	l := in(dir)
	var after []string
	for _, d := range one(t, l, "t.target").Deps {
		if d.Kind == unit.After && d.Implicit {
			after = append(after, d.Name)
		}
	}
	if !slices.Contains(after, "a.service") || slices.Contains(after, "early.service") ||
		slices.Contains(after, "nodef.service") || slices.Contains(after, "before.service") {
		t.Errorf("t.target is by default after %v, want a.service and none of early, nodef, before", after)
	}
	if n := one(t, l, "none.target"); hasDep(n, unit.After, "a.service") {
		t.Error("a target without default dependencies is ordered after what it wants")
	}
}

func TestBrokenUnitCostsItself(t *testing.T) {
	f := tree{"bad.service": "[Service]\nExecStart=rel/path\n", "unreadable.service": "->/proc/self/mem"}
	for i := range 20 {
		f["good"+string(rune('a'+i))+".service"] = simple
	}
	dir := f.make(t)
	units, _ := in(dir).All()
	for _, u := range units {
		good := strings.HasPrefix(u.Name, "good")
		if good && u.Load != unit.Loaded {
			t.Errorf("%s does not load: %v", u.Name, u.LoadErr)
		}
		if u.Name == "bad.service" && (u.Load != unit.BadSetting || u.LoadErr == nil || u.LoadErr.Pos.Line != 2) {
			t.Errorf("bad.service: %d, %v", u.Load, u.LoadErr)
		}
	}
}

func TestInstance(t *testing.T) {
	dir := tree{
		"app@.service": "[Unit]\nDescription=app %i\nWants=helper@%i.service\n" + simple, "helper@.service": simple,
		"app@own.service.d/x.conf": "[Unit]\nDescription=own\n", "al@.service": "->app@.service",
	}.make(t)
	l := in(dir)
	units, list := l.Instance("app@.service", "7")
	if len(list) != 0 || units[0].Name != "app@7.service" || units[0].Description != "app 7" {
		t.Fatalf("Instance gives %s %q, %v", units[0].Name, units[0].Description, list)
	}
	if !slices.ContainsFunc(units, func(u *unit.Unit) bool { return u.Name == "helper@7.service" && u.Load == unit.Loaded }) {
		t.Error("Instance does not load what the instance wants")
	}
	if _, ok := l.Unit("app@7.service"); ok {
		t.Error("an instance made for one connection is remembered")
	}
	if units, _ := l.Instance("al@.service", "own"); units[0].Description != "own" {
		t.Errorf("an instance with drop-ins of its own is %q", units[0].Description)
	}
	if units, _ := l.Instance("app@.service", "8"); units[0].Description != "app 8" {
		t.Errorf("another instance of a kept template is %q", units[0].Description)
	}
}

func TestSingleFiles(t *testing.T) {
	dir := tree{"a.service": simple, "b.service": simple, "a.service.d/x.conf": nothing, "b.service.d/x.conf": nothing, "c.txt": ""}.make(t)
	l := in(filepath.Join(dir, "a.service"), filepath.Join(dir, "c.txt"), filepath.Join(dir, "gone.service"))
	units, list := l.All()
	if got := l.Names(); !slices.Equal(got, []string{"a.service"}) {
		t.Errorf("names are %v", got)
	}
	if u := one(t, l, "a.service"); len(u.DropIns) != 1 {
		t.Errorf("the file's drop-ins are %v", u.DropIns)
	}
	if len(units) == 0 || len(list) != 2 || !list.Errors() {
		t.Errorf("two of three files cannot be units, diagnostics are %v", list)
	}
}

func TestChangedAndReload(t *testing.T) {
	dir := tree{"a.service": simple, "b.service": simple, "b.service.d/x.conf": nothing, "c.service": simple}.make(t)
	l := in(dir)
	l.All()
	for _, n := range []string{"a.service", "b.service", "c.service"} {
		if l.Changed(n) {
			t.Fatalf("%s has changed before anything was touched", n)
		}
	}
	put(t, filepath.Join(dir, "a.service.d/new.conf"), nothing)
	put(t, filepath.Join(dir, "b.service.d/x.conf"), "[Unit]\nDescription=longer now\n")
	if err := os.Remove(filepath.Join(dir, "c.service")); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"a.service", "b.service", "c.service"} {
		if !l.Changed(n) {
			t.Errorf("%s has not changed", n)
		}
	}
	units, gone, _ := l.Reload("a.service", "b.service", "c.service")
	if !slices.Equal(gone, []string{"c.service"}) {
		t.Errorf("gone are %v", gone)
	}
	if !slices.ContainsFunc(units, func(u *unit.Unit) bool { return u.Name == "a.service" && len(u.DropIns) == 1 }) {
		t.Error("the new drop-in is not there after Reload")
	}
	if l.Changed("a.service") || l.Changed("b.service") {
		t.Error("units have changed right after Reload")
	}
}

// TestBuiltins: every built-in unit loads without a diagnostic, in every
// scope, and refers to nothing but built-in units and systemd's own services.
func TestBuiltins(t *testing.T) {
	for _, scope := range []Scope{System, User} {
		l := New(Config{Scope: scope, Paths: []string{t.TempDir()}})
		var names []string
		for n, e := range l.index.names {
			if e.path == "" && !unit.IsTemplate(n) {
				names = append(names, n)
			}
		}
		if len(names) < 15 {
			t.Fatalf("only %d units are built in", len(names))
		}
		units, list := l.Load(names...)
		if len(list) != 0 {
			t.Errorf("scope %d: %v", scope, list)
		}
		for _, u := range units {
			if slices.Contains(names, u.Name) && u.Load != unit.Loaded {
				t.Errorf("%s does not load: %v", u.Name, u.LoadErr)
			}
			if u.Load == unit.NotFound && u.Kind == unit.KindTarget {
				t.Errorf("a built-in unit refers to %s, which does not exist", u.Name)
			}
		}
	}
}
