// SPDX-License-Identifier: Apache-2.0

package load

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// jobsIn makes a loader of directories that hold jobs only.
func jobsIn(dirs ...string) *Loader { return New(Config{Paths: []string{}, JobPaths: dirs}) }

// told prints diagnostics as "CODE file", without the directory.
func told(dir string, list diag.List) string {
	var out []string
	for _, d := range list {
		out = append(out, d.Code+" "+short(dir, []string{d.Pos.File}))
	}
	return strings.Join(out, ", ")
}

func TestJobLookup(t *testing.T) {
	env := map[string]string{"HOME": "/home/u", "XDG_CONFIG_DIRS": "/c1:relative:/c2"}
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{}, "/etc/init"},
		{Config{Scope: Global}, "/etc/xdg/upstart /usr/share/upstart/sessions"},
		{Config{Scope: User}, "/etc/xdg/upstart /usr/share/upstart/sessions"},
		{
			Config{Scope: User, Getenv: func(k string) string { return env[k] }},
			"/home/u/.config/upstart /home/u/.init /c1/upstart /c2/upstart /usr/share/upstart/sessions",
		},
		{
			Config{Scope: User, Getenv: func(k string) string { return map[string]string{"XDG_CONFIG_HOME": "/x"}[k] }},
			"/x/upstart /etc/xdg/upstart /usr/share/upstart/sessions",
		},
	} {
		if got := strings.Join(JobLookup(c.cfg), " "); got != c.want {
			t.Errorf("scope %d: %s, want %s", c.cfg.Scope, got, c.want)
		}
	}
	root := tree{"srv/init/a.conf": "exec true\n", "etc/init": "->/srv/init"}.make(t)
	if got := New(Config{Root: root}).JobNames(); !slices.Equal(got, []string{"a.service"}) {
		t.Errorf("jobs below a root: %v", got)
	}
	if got := New(Config{Root: root, NoJobs: true}).JobNames(); got != nil {
		t.Errorf("with NoJobs: %v", got)
	}
}

// TestJobFiles: which files are jobs and what they are called.
func TestJobFiles(t *testing.T) {
	dir := tree{
		"a.conf": "exec true\n", "net/apache.conf": "exec true\n", "net/deep/x.d/y.conf": "exec true\n",
		".hidden.conf": "exec true\n", ".dir/x.conf": "exec true\n", "old.conf~": "exec true\n", "new.conf.dpkg-new": "",
		"link.conf": "->a.conf", "dir.conf/z.conf": "exec true\n", "README": "", ".conf": "", "empty.conf": "",
		"not a unit@.conf": "exec true\n", strings.Repeat("x", 250) + ".conf": "exec true\n", "gone.override": "manual\n",
	}.make(t)
	l := jobsIn(dir, filepath.Join(dir, "none"))
	want := "a.service dir.conf-z.service empty.service net-apache.service net-deep-x.d-y.service not\\x20a\\x20unit\\x40.service"
	if got := strings.Join(l.JobNames(), " "); got != want {
		t.Errorf("jobs are %s\nwant %s", got, want)
	}
	if got := short(dir, l.WatchDirs()); got != strings.TrimPrefix(dir, "/")+" dir.conf net net/deep net/deep/x.d" && got != dir+" dir.conf net net/deep net/deep/x.d" {
		t.Errorf("directories to watch: %s", got)
	}
	units, list := l.Jobs()
	for _, u := range units {
		if u.Load != unit.Loaded {
			t.Errorf("%s: %v", u.Name, u.LoadErr)
		}
	}
	if got, want := told(dir, list), "RS309 link.conf, RS309 "+strings.Repeat("x", 250)+".conf, RS311 gone.override, RU011 empty.conf"; got != want {
		t.Errorf("findings are %s, want %s", got, want)
	}
	u, _ := l.Unit("net-apache.service")
	if u.Fragment != filepath.Join(dir, "net/apache.conf") || !isJob(u) || u.Service.Job.Name != "net/apache" {
		t.Errorf("net-apache.service is %+v", u)
	}
}

// TestOverride: the first one counts, if it is not after the job's own
// directory.
func TestOverride(t *testing.T) {
	for _, c := range []struct {
		name  string
		files tree
		want  string // descriptions come from the files
		drop  string
	}{
		{"none", tree{"1/a.conf": "description one\n", "2/a.conf": "description two\n"}, "one", ""},
		{"beside", tree{"1/a.conf": "description one\n", "1/a.override": "description over\n"}, "over", "1/a.override"},
		{"before", tree{"1/a.override": "description over\n", "2/a.conf": "description two\n", "2/a.override": "description no\n"}, "over", "1/a.override"},
		{"after", tree{"1/a.conf": "description one\n", "2/a.override": "description over\n"}, "one", ""},
		{"subdirectory", tree{"1/n/a.override": "description over\n", "2/n/a.conf": "description two\n", "1/a.override": "description no\n"}, "over", "1/n/a.override"},
		{"link", tree{"1/a.conf": "description one\n", "1/a.override": "->x", "1/x": "description over\n"}, "one", ""},
		{"with an error", tree{"1/a.conf": "description one\n", "1/a.override": "description over\nnonsense\n"}, "one", "1/a.override"},
	} {
		dir := c.files.make(t)
		l := jobsIn(filepath.Join(dir, "1"), filepath.Join(dir, "2"))
		name := "a.service"
		if c.name == "subdirectory" {
			name = "n-a.service"
		}
		if u := one(t, l, name); u.Description != c.want || short(dir, u.DropIns) != c.drop {
			t.Errorf("%s: description %q, overrides %q; want %q, %q", c.name, u.Description, short(dir, u.DropIns), c.want, c.drop)
		}
	}
}

// TestPrecedence: of two formats systemd's wins, in whatever order the
// directories come, and both files are named.
func TestPrecedence(t *testing.T) {
	dir := tree{
		"jobs/a.conf": "exec job\n", "units/a.service": simple,
		"jobs/b.conf": "exec job\n", "units/b.service": "->/dev/null",
		"jobs/c.conf": "exec job\n", "units/c.service": "->a.service",
		"jobs/d.conf": "exec job\n", "units/e.service": "->d.service", "units/d.service.d/x.conf": "[Service]\n",
		"jobs/d.conf.d/x": "", "units/d.service.wants/w.service": "->../w.service", "units/w.service": simple,
		"jobs/x/y.conf": "exec job\n", "jobs/x-y.conf": "exec job\n",
	}.make(t)
	jobs, units := filepath.Join(dir, "jobs"), filepath.Join(dir, "units")
	l := New(Config{Paths: []string{jobs, units}})
	if got := strings.Join(l.JobNames(), " "); got != "d.service x-y.service" {
		t.Errorf("jobs are %s", got)
	}
	_, list := l.All()
	clash := slices.IndexFunc(list, func(d diag.Diagnostic) bool { return d.Code == codeJob })
	if clash < 0 || list[clash].Severity != diag.Error || !strings.Contains(list[clash].String(), "x/y.conf") || !strings.Contains(list[clash].String(), "x-y.conf") {
		t.Errorf("two jobs of one unit: %v", list)
	}
	u := one(t, l, "a.service")
	if isJob(u) || len(u.Unsupported) != 1 || u.Unsupported[0].Pos.File != filepath.Join(jobs, "a.conf") || !strings.Contains(u.Unsupported[0].Msg, u.Fragment) {
		t.Errorf("a.service hides a job and says %v", u.Unsupported)
	}
	if u := one(t, l, "b.service"); u.Load != unit.Masked {
		t.Errorf("b.service, masked, has load state %d", u.Load)
	}
	if u := one(t, l, "c.service"); u.Name != "a.service" {
		t.Errorf("c.service is %s", u.Name)
	}
	u = one(t, l, "e.service")
	if u.Name != "d.service" || !isJob(u) || depNames(u, unit.Wants) != "w.service" || len(u.DropIns) != 0 {
		t.Errorf("e.service is %s, wants %q, drop-ins %v", u.Name, depNames(u, unit.Wants), u.DropIns)
	}
	if !slices.ContainsFunc(u.Unsupported, func(d diag.Diagnostic) bool { return d.Code == codeOverride }) {
		t.Errorf("nobody says that a job takes no drop-in: %v", u.Unsupported)
	}
}

// TestJobInstances: the unit of an instance is that of its job under another
// name.
func TestJobInstances(t *testing.T) {
	dir := tree{
		"tty.conf": "description getty\ninstance $TTY\nexec getty $TTY\nneeds b\n", "b.conf": "exec b\n",
		"units/tty.service.wants/w.service": "->w.service", "units/w.service": simple,
	}.make(t)
	l := New(Config{Paths: []string{filepath.Join(dir, "units")}, JobPaths: []string{dir}})
	u := one(t, l, "tty@tty1.service")
	if u.Name != "tty@tty1.service" || u.Load != unit.Loaded || u.Description != "getty" || u.Service.Job.Name != "tty" ||
		depNames(u, unit.Requires) != "b.service" || depNames(u, unit.Wants) != "w.service" || u.Fragment != filepath.Join(dir, "tty.conf") {
		t.Errorf("the instance is %+v", u)
	}
	if class := one(t, l, "tty.service"); class.Name != "tty.service" || depNames(class, unit.Requires) != "b.service" {
		t.Errorf("the class is %+v", class)
	}
	if u := one(t, l, "b@1.service"); u.Load != unit.NotFound || !strings.Contains(u.LoadErr.Msg, "no instance stanza") {
		t.Errorf("an instance of a job without is %d: %v", u.Load, u.LoadErr)
	}
	if units, _ := l.Instance("tty@.service", "x"); units[0].Name != "tty@x.service" || units[0].Load != unit.Loaded {
		t.Errorf("Instance makes %+v", units[0])
	}
	if l.Changed("tty@other.service") {
		t.Error("an instance that was made elsewhere is changed")
	}
	rewrite(t, filepath.Join(dir, "tty.conf"), "instance $TTY\nexec other $TTY\n")
	if !l.Changed("tty@other.service") || !l.Changed("tty@tty1.service") || !l.Changed("tty.service") {
		t.Error("the new file is not noticed")
	}
}

// rewrite replaces a file by one that has another inode, as editors do.
func rewrite(t *testing.T, path, text string) {
	t.Helper()
	put(t, path+"~new", text)
	if err := os.Rename(path+"~new", path); err != nil {
		t.Fatal(err)
	}
}

func TestReloadJobs(t *testing.T) {
	dir := tree{
		"a.conf": "description one\nexec a\n", "b.conf": "exec b\n", "i.conf": "instance $X\nexec i\n", "s.service": "[Unit]\nDescription=one\n" + simple,
		"notes.conf": "[Section]\n", "bad.conf": "exec bad\nnonsense\n",
	}.make(t)
	l := in(dir)
	l.Load("s.service", "i@1.service", "new.service")
	if units, _ := l.Jobs(); len(units) == 0 || l.JobsChanged() {
		t.Fatalf("%d units, changed: %v", len(units), l.JobsChanged())
	}
	if u, _ := l.Unit("bad.service"); u.Load != unit.BadSetting || u.LoadErr == nil || !isJob(u) || u.Service.Job.Name != "bad" {
		t.Errorf("a job with an error is %+v", u)
	}
	for _, c := range []struct {
		what   string
		change func()
		check  func() bool
		gone   string
	}{
		{"changed", func() { rewrite(t, filepath.Join(dir, "a.conf"), "description two\nexec a\n") }, func() bool { return l.units["a.service"].Description == "two" }, ""},
		{"changed in place", func() { put(t, filepath.Join(dir, "a.conf"), "description three\nexec a\n") }, func() bool { return l.units["a.service"].Description == "three" }, ""},
		{"override", func() { put(t, filepath.Join(dir, "a.override"), "description over\n") }, func() bool { return l.units["a.service"].Description == "over" }, ""},
		{"override gone", func() { remove(t, filepath.Join(dir, "a.override")) }, func() bool { return l.units["a.service"].Description == "three" }, ""},
		{"new", func() { put(t, filepath.Join(dir, "sub/new.conf"), "exec new\n") }, func() bool { return l.units["sub-new.service"] != nil }, ""},
		{"new that was missed", func() { put(t, filepath.Join(dir, "new.conf"), "exec new\n") }, func() bool { return isJob(l.units["new.service"]) }, ""},
		{"new in a new directory", func() { put(t, filepath.Join(dir, "sub/x.conf"), "exec x\n") }, func() bool { return l.units["sub-x.service"] != nil }, ""},
		{"a job after all", func() { put(t, filepath.Join(dir, "notes.conf"), "exec notes\n") }, func() bool { return l.units["notes.service"] != nil }, ""},
		{"too large", func() { put(t, filepath.Join(dir, "b.conf"), "exec b\n"+strings.Repeat("#", maxFile)) }, func() bool { return l.units["b.service"] == nil }, "b.service"},
		{"mended", func() { put(t, filepath.Join(dir, "b.conf"), "exec b\n") }, func() bool { return l.units["b.service"] != nil }, ""},
		{"seen by Look", func() { put(t, filepath.Join(dir, "sub/seen.conf"), "exec x\n"); l.Look() }, func() bool { return l.units["sub-seen.service"] != nil }, ""},
		{"gone", func() { remove(t, filepath.Join(dir, "b.conf")) }, func() bool { return l.units["b.service"] == nil }, "b.service"},
		{"hidden", func() { put(t, filepath.Join(dir, "new.service"), simple) }, func() bool { return l.units["new.service"] == nil && l.Defined("new.service") }, ""},
		{"without instances", func() { rewrite(t, filepath.Join(dir, "i.conf"), "exec i\n") }, func() bool { return true }, "i@1.service"},
	} {
		c.change()
		if !l.JobsChanged() {
			t.Errorf("%s: not noticed", c.what)
		}
		_, gone, _ := l.ReloadJobs()
		if !c.check() || strings.Join(gone, " ") != c.gone {
			t.Errorf("%s: gone are %v, want %q; jobs are %v", c.what, gone, c.gone, l.JobNames())
		}
		if l.JobsChanged() {
			t.Errorf("%s: still changed after the reload", c.what)
		}
	}
	rewrite(t, filepath.Join(dir, "s.service"), "[Unit]\nDescription=two\n"+simple)
	remove(t, filepath.Join(dir, "a.conf"))
	l.ReloadJobs()
	if l.units["s.service"].Description != "one" {
		t.Error("reloading jobs has reloaded a unit of systemd's")
	}
	put(t, filepath.Join(dir, "late.conf"), "exec late\n")
	remove(t, filepath.Join(dir, "notes.conf"))
	units, gone, _ := l.Reload("s.service")
	if !slices.ContainsFunc(units, func(u *unit.Unit) bool { return u.Name == "late.service" }) || strings.Join(gone, " ") != "notes.service" {
		t.Errorf("after a reload of all, gone are %v and %d units are there", gone, len(units))
	}
}

// TestUnreadableJob: a job that cannot be read is known as a job all the same.
func TestUnreadableJob(t *testing.T) {
	dir := tree{"a.conf": "exec a\n" + strings.Repeat("#", maxFile)}.make(t)
	l := jobsIn(dir)
	l.Jobs()
	if u := l.units["a.service"]; u.Load != unit.LoadFailed || !isJob(u) || u.Service.Job.Name != "a" || u.LoadErr == nil {
		t.Errorf("the job is %+v", u)
	}
	put(t, filepath.Join(dir, "a.conf"), "exec a\n")
	if !l.JobsChanged() {
		t.Error("the mended file is not noticed")
	}
	l.ReloadJobs()
	if u := l.units["a.service"]; u.Load != unit.Loaded {
		t.Errorf("the mended job is %v", u.LoadErr)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// TestMixedDirectory: one directory with units, jobs and what is neither.
func TestMixedDirectory(t *testing.T) {
	dir := tree{
		"a.service": simple, "job.conf": "# a job\nstart on startup\nexec job\n", "sub/job.conf": "script\n\techo\nend script\n",
		"a.service.d/x.conf": "exec x\n", "a.service.wants/y.conf": "exec y\n", "broken.conf": "descriptiom x\nrespawn\n",
		"supervisor.conf": "[program:x]\nexec = no\n", "nginx.conf": "user www-data;\nevents {\n}\n", "plain.conf": "exec = /bin/x\n",
		"empty.conf": "", "link.conf": "->job.conf", "job.override": "description over\n",
	}.make(t)
	l := in(dir)
	if got := strings.Join(l.JobNames(), " "); got != "broken.service job.service sub-job.service" {
		t.Errorf("jobs are %s", got)
	}
	if u := one(t, l, "job.service"); u.Description != "over" {
		t.Errorf("job.service is %+v", u)
	}
	l = in(filepath.Join(dir, "nginx.conf"), filepath.Join(dir, "sub/job.conf"), filepath.Join(dir, "a.service"))
	if got := strings.Join(l.Names(), " "); got != "a.service job.service nginx.service" {
		t.Errorf("files given one by one are %s", got)
	}
	_, list := in(filepath.Join(dir, "none.conf")).All()
	if !list.Errors() {
		t.Errorf("a file that is not there: %v", list)
	}
}

// TestManyDirectories: a walk has an end.
func TestManyDirectories(t *testing.T) {
	top := t.TempDir()
	deep := filepath.Join(top, strings.Repeat("d/", maxJobDepth+2))
	put(t, filepath.Join(deep, "x.conf"), "exec x\n")
	put(t, filepath.Join(top, "a.conf"), "exec a\n")
	l := jobsIn(top)
	if got := strings.Join(l.JobNames(), " "); got != "a.service" {
		t.Errorf("jobs are %s", got)
	}
	if _, list := l.Jobs(); told(top, list) != "RS301 "+strings.TrimSuffix(strings.Repeat("d/", maxJobDepth), "/") {
		t.Errorf("findings are %v", list)
	}
}

// TestRefusedJobs: a *.conf file that is no job because something is wrong
// with it is told once, in a directory of jobs and in one of units, and to who
// asks for it by name.
func TestRefusedJobs(t *testing.T) {
	files := tree{
		"a.conf": "exec a\n", "link.conf": "->a.conf", "large.conf": "exec a\n" + strings.Repeat("#", maxFile), "zero.conf": "x\x00",
		"empty.conf": "", "other.conf": "[section]\n", "dangling.conf": "->none", "gone.service": simple, "otherlink.conf": "->other.conf",
	}
	for _, c := range []struct {
		name string
		open func(dir string) *Loader
		want string
	}{
		{
			"jobs", func(dir string) *Loader { return jobsIn(dir) },
			"RS305 large.conf, RS309 dangling.conf, RS309 fifo.conf, RS309 link.conf, RS309 otherlink.conf, RU002 other.conf, RU005 zero.conf, RU011 empty.conf",
		},
		{
			"units", func(dir string) *Loader { return in(dir) },
			"RS309 dangling.conf, RS309 empty.conf, RS309 fifo.conf, RS309 large.conf, RS309 link.conf, RS309 zero.conf",
		},
	} {
		dir := files.make(t)
		if err := syscall.Mkfifo(filepath.Join(dir, "fifo.conf"), 0o644); err != nil {
			t.Fatal(err)
		}
		l := c.open(dir)
		units, list := l.All()
		for _, u := range units {
			if u.LoadErr != nil && u.Load == unit.BadSetting {
				list.Add(*u.LoadErr)
			}
		}
		got := map[string]bool{}
		for _, d := range list {
			got[told(dir, diag.List{d})] = true
		}
		if s := strings.Join(sortedKeys(got), ", "); s != c.want {
			t.Errorf("%s: findings are %s\nwant %s", c.name, s, c.want)
		}
		for name, why := range map[string]string{"link.service": "regular files only", "fifo.service": "regular file"} {
			if u := one(t, l, name); u.Load != unit.NotFound || !strings.Contains(u.LoadErr.String(), why) || u.LoadErr.Fix != "" {
				t.Errorf("%s: %s is %v", c.name, name, u.LoadErr)
			}
		}
	}
}
