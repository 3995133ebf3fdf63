// SPDX-License-Identifier: Apache-2.0

package load

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// agent is a property list with a label and what else is given.
func agent(label, more string) string {
	return "<plist version=\"1.0\"><dict><key>Label</key><string>" + label + "</string><key>Program</key><string>/bin/cat</string>" + more + "</dict></plist>\n"
}

const (
	atLoad   = "<key>RunAtLoad</key><true/>"
	bySocket = "<key>Sockets</key><dict><key>s</key><dict><key>SockServiceName</key><string>8001</string></dict></dict>"
	byDate   = "<key>StartInterval</key><integer>60</integer>"
)

// TestAgentFiles: which files are jobs of launchd, and what starts.
func TestAgentFiles(t *testing.T) {
	for _, c := range []struct {
		name        string
		files       tree
		path        string // below the directory
		start, jobs string
	}{
		{"in a directory", tree{"a.plist": agent("a", atLoad)}, "", "a.service", ""},
		{"a file", tree{"a.plist": agent("a", atLoad), "b.plist": agent("b", atLoad)}, "a.plist", "a.service", ""},
		{"under another name", tree{"a.plist": agent("b", atLoad)}, "", "b.service", ""},
		{"in a directory of macOS", tree{"LaunchDaemons/a.plist": agent("a", bySocket), "LaunchAgents/b.plist": agent("b", atLoad)}, "", "a.socket b.service", ""},
		{"that an event starts", tree{"a.plist": agent("a", byDate)}, "", "", "a.service"},
		{"that nothing starts", tree{"a.plist": agent("a", "")}, "", "", ""},
		{"that is disabled", tree{"a.plist": agent("a", atLoad+"<key>Disabled</key><true/>")}, "", "", ""},
		{"that launchctl enabled", tree{"a.plist": agent("a", atLoad+"<key>Disabled</key><true/>"), ".disabled.plist": "<dict><key>a</key><false/></dict>"}, "", "a.service", ""},
		{"that launchctl disabled", tree{"a.plist": agent("a", byDate), ".disabled.plist": "<dict><key>a</key><true/></dict>"}, "", "", ""},
		{"beside units", tree{"a.plist": agent("a", atLoad), "u.service": simple + install}, "", "a.service u.service", ""},
		{"beside default.target", tree{"a.plist": agent("a", atLoad), "default.target": "[Unit]\n"}, "", "a.service default.target", ""},
		{"beside jobs of Upstart", tree{"a.plist": agent("a", byDate), "j.conf": "start on startup\nexec j\n"}, "", "", "j.service a.service"},
		{"what is no job", tree{"Info.plist": "<plist><dict><key>CFBundleName</key><string>x</string></dict></plist>"}, "", "", ""},
	} {
		dir := c.files.make(t)
		p, _, list := in(filepath.Join(dir, c.path)).Plan()
		if got, jobs := strings.Join(p.Start, " "), strings.Join(p.Jobs, " "); got != c.start || jobs != c.jobs || list.Errors() {
			t.Errorf("%s: starts %q and waits with %q, want %q and %q; %v", c.name, got, jobs, c.start, c.jobs, list)
		}
	}
}

// TestAgentOrder: units come first, then jobs of Upstart, then those of
// launchd, and then what super-servers have; it is told.
func TestAgentOrder(t *testing.T) {
	dir := tree{
		"a.plist": agent("a", atLoad), "a.service": simple, "b.plist": agent("b", atLoad), "b.conf": "exec b\n",
		"8001-tcp4.plist": agent("8001-tcp4", bySocket), "inetd.conf": inetdLine, "c.plist": agent("d", ""), "e.plist": agent("d", ""),
	}.make(t)
	l := in(dir)
	_, list := l.All()
	var told []string
	for _, d := range list {
		if d.Code == codeShadowed {
			told = append(told, filepath.Base(d.Pos.File))
		}
	}
	if got := strings.Join(told, " "); got != "a.plist b.plist e.plist inetd.conf" {
		t.Errorf("told of %s: %v", got, list)
	}
	if u := one(t, l, "a.service"); !strings.HasSuffix(u.Fragment, "a.service") {
		t.Errorf("a is of %s", u.Fragment)
	}
}

// TestAgentSystem: the directories of a machine, and what its targets want.
func TestAgentSystem(t *testing.T) {
	root := tree{
		"etc/launchd/a.plist": agent("a", atLoad), "Library/LaunchDaemons/b.plist": agent("b", bySocket),
		"Library/LaunchDaemons/c.plist": agent("c", atLoad), "run/launchd/.disabled.plist": "<dict><key>c</key><true/></dict>",
	}.make(t)
	l := New(Config{Root: root})
	if u := one(t, l, "multi-user.target"); !hasDep(u, unit.Wants, "a.service") || hasDep(u, unit.Wants, "c.service") || hasDep(u, unit.Wants, "b.socket") {
		t.Errorf("multi-user.target wants %s", depNames(u, unit.Wants))
	}
	if u := one(t, l, "sockets.target"); !hasDep(u, unit.Wants, "b.socket") {
		t.Errorf("sockets.target wants %s", depNames(u, unit.Wants))
	}
	home := tree{"Library/LaunchAgents/a.plist": agent("a", atLoad)}.make(t)
	l = New(Config{Scope: User, Getenv: func(key string) string { return map[string]string{"HOME": home}[key] }})
	if u := one(t, l, "a.service"); u.Load != unit.Loaded || u.Slice != "app.slice" {
		t.Errorf("an agent: %v", u.LoadErr)
	}
}

// TestAgentReload: a change of a file, a new file and one that goes are found.
func TestAgentReload(t *testing.T) {
	dir := tree{"a.plist": agent("a", atLoad), "b.plist": agent("b", "")}.make(t)
	l := in(dir)
	l.All()
	if l.Changed("a.service") {
		t.Error("changed before it was")
	}
	put(t, filepath.Join(dir, "a.plist"), agent("a", byDate))
	put(t, filepath.Join(dir, "b.plist"), agent("new", byDate))
	if !l.Changed("a.service") {
		t.Error("the change was not noticed")
	}
	units, gone, _ := l.Reload("a.service", "b.service")
	if !slices.Equal(gone, []string{"b.service"}) {
		t.Errorf("gone: %v", gone)
	}
	if i := slices.IndexFunc(units, func(u *unit.Unit) bool { return u.Name == "new.service" }); i < 0 || units[i].Events == nil {
		t.Error("a new job is not loaded, so that no event can start it")
	}
}

// TestAgentBroken: a file that cannot be read costs its own units only.
func TestAgentBroken(t *testing.T) {
	dir := tree{"a.plist": agent("a", atLoad), "b.plist": "<plist><dict>", "c.plist": "->/nonexistent", "a.service.d/x.conf": "[Service]\nNice=1\n"}.make(t)
	l := in(dir)
	p, _, list := l.Plan()
	if got := strings.Join(p.Start, " "); got != "a.service" {
		t.Errorf("starts %q", got)
	}
	var codes []string
	for _, d := range list {
		if d.Severity >= diag.Warning {
			codes = append(codes, d.Code+" "+filepath.Base(d.Pos.File))
		}
	}
	slices.Sort(codes)
	if got := strings.Join(codes, ", "); got != "RL001 b.plist, "+codeRead+" c.plist, "+codeOverride+" x.conf" {
		t.Errorf("told: %s", got)
	}
	if u := one(t, l, "b.service"); u.Load != unit.BadSetting || u.LoadErr.Pos.Line != 1 {
		t.Errorf("b: %v", u.LoadErr)
	}
}

// TestAgentWhy: units are spoken of only where there are some.
func TestAgentWhy(t *testing.T) {
	for _, c := range []struct {
		name  string
		files tree
		why   string
	}{
		{"alone", tree{"a.plist": agent("a", atLoad)}, "1 of 1 jobs of launchd are loaded"},
		{"disabled", tree{"a.plist": agent("a", atLoad+"<key>Disabled</key><true/>")}, "0 of 1 jobs of launchd are loaded"},
		{"beside units", tree{"a.plist": agent("a", atLoad), "u.service": simple + install}, "1 of 1 units are to be installed, and 1 of 1 jobs of launchd are loaded"},
		{"beside inetd", tree{"a.plist": agent("a", atLoad), "inetd.conf": inetdLine}, "1 of 1 services of inetd or xinetd are switched on, and 1 of 1 jobs of launchd are loaded"},
	} {
		if p, _, _ := in(c.files.make(t)).Plan(); p.Why != c.why {
			t.Errorf("%s: %q, want %q", c.name, p.Why, c.why)
		}
	}
}

// A property list of the system's directories that others may write is refused,
// as launchd does, and says what to do.
func TestAgentOfOthers(t *testing.T) {
	dir := tree{
		"good.plist": agent("good", ""), "writable.plist": agent("writable", ""), "foreign.plist": agent("foreign", ""),
	}.make(t)
	if err := os.Chmod(filepath.Join(dir, "writable.plist"), 0o664); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"good": "", "writable": "chmod go-w"}
	if os.Getuid() == 0 {
		if err := os.Chown(filepath.Join(dir, "foreign.plist"), 12345, 0); err != nil {
			t.Fatal(err)
		}
		want["foreign"] = "chown root"
	}
	l := New(Config{Paths: []string{}})
	l.index.agents.strict = true
	l.index.addAgentDir(dir, "", l.index.agentOptions(l.cfg), false)
	for name, fix := range want {
		u := one(t, l, name+".service")
		switch {
		case fix == "" && u.Load != unit.Loaded:
			t.Errorf("%s: %v", name, u.LoadErr)
		case fix != "" && (u.Load != unit.NotFound || u.LoadErr == nil || !strings.HasPrefix(u.LoadErr.Fix, fix)):
			t.Errorf("%s: %d, %v", name, u.Load, u.LoadErr)
		}
	}
}
