// SPDX-License-Identifier: Apache-2.0

package launchctl

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rouse-init/rouse/internal/bus/bustest"
	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// rig is a root directory with jobs, and a manager that knows them.
type rig struct {
	t    *testing.T
	root string
	fake *bustest.Fake
	path string // of the manager's socket
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, root: t.TempDir(), fake: &bustest.Fake{Views: map[string]*engine.View{}, Env: []string{"A=1 \"2\""}}}
	r.path = bustest.Serve(t, r.fake).Path
	return r
}

// job writes a property list and has the manager know it.
func (r *rig) job(label, more string, set func(v *engine.View)) string {
	r.t.Helper()
	path := filepath.Join(r.root, "etc/launchd", label+".plist")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.t.Fatal(err)
	}
	text := "<plist><dict><key>Label</key><string>" + label + "</string><key>ProgramArguments</key><array><string>/bin/x</string><string>a \"b\"</string></array>" + more + "</dict></plist>"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
	v := r.fake.Add(&unit.Unit{Name: label + ".service", Kind: unit.KindService, Fragment: path, Service: &unit.Service{Exec: &unit.Exec{}}})
	if set != nil {
		set(v)
	}
	return path
}

// run runs a command line: its exit status and all that it prints.
func (r *rig) run(input string, args ...string) (int, string) {
	r.t.Helper()
	var out bytes.Buffer
	code := Main(args, Sys{
		In: strings.NewReader(input), Out: bufio.NewWriter(&out), Err: &out, Getenv: func(string) string { return "" },
		Connect: func() (*client.Conn, error) { return client.Dial(r.path) }, Version: "test", Root: r.root,
	})
	return code, out.String()
}

// TestList has the lines of launchctl list: its callers cut them at tabs.
func TestList(t *testing.T) {
	r := newRig(t)
	r.job("org.runs", "<key>KeepAlive</key><true/><key>StandardOutPath</key><string>/dev/null</string>", func(v *engine.View) { v.MainPid = 4711 })
	r.job("org.exited", "<key>Sockets</key><dict><key>http</key><dict><key>SockServiceName</key><string>http</string></dict></dict>",
		func(v *engine.View) { v.MainCode, v.MainStatus = 1, 3 })
	r.job("org.killed", "", func(v *engine.View) { v.MainCode, v.MainStatus = 2, 15 })
	r.job("org.off", "<key>Disabled</key><true/>", nil)
	r.fake.Add(&unit.Unit{Name: "other.service", Kind: unit.KindService, Fragment: "/lib/systemd/system/other.service", Service: &unit.Service{Exec: &unit.Exec{}}})
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"list"}, 0, "PID\tStatus\tLabel\n-\t3\torg.exited\n-\t-15\torg.killed\n4711\t-\torg.runs\n"},
		{[]string{"list", "org.runs"}, 0, `{
	"Label" = "org.runs";
	"LimitLoadToSessionType" = "System";
	"OnDemand" = false;
	"LastExitStatus" = 0;
	"PID" = 4711;
	"TimeOut" = 30;
	"StandardOutPath" = "/dev/null";
	"ProgramArguments" = (
		"/bin/x";
		"a "b"";
	);
};
`},
		{[]string{"list", "org.exited"}, 0, `{
	"Label" = "org.exited";
	"LimitLoadToSessionType" = "System";
	"OnDemand" = true;
	"LastExitStatus" = 768;
	"TimeOut" = 30;
	"ProgramArguments" = (
		"/bin/x";
		"a "b"";
	);
	"Sockets" = {
		"http" = (
			file-descriptor-object;
		);
	};
};
`},
		{[]string{"list", "org.none"}, 1, "launchctl list returned unknown response\n"},
		{[]string{"list", "-x"}, 64, "Usage: launchctl list [-x] [LABEL]\n"},
		{[]string{"start", "org.none"}, 3, "launchctl start error: No such process\n"},
		{[]string{"kil"}, 64, "Unrecognized subcommand: kil\n    fix: did you mean \"kill\"?\n"},
		{[]string{"export"}, 0, "A=\"1 \\\"2\\\"\"; export A;\n"},
		{[]string{"getenv", "A"}, 0, "1 \"2\"\n"},
		{[]string{"managername"}, 0, "System\n"},
		{[]string{"bslist"}, 1, "this is not supported: it is about Mach, which Linux does not have\n"},
		{[]string{"limit", "cpu", "1"}, 1, "limits of the manager are not changed at run time\n    fix: set SoftResourceLimits and HardResourceLimits in the job, or LimitNOFILE= and its kin in a unit\n"},
	} {
		if code, out := r.run("", c.args...); code != c.code || out != c.want {
			t.Errorf("%s: status %d\n%swant %d\n%s", strings.Join(c.args, " "), code, out, c.code, c.want)
		}
	}
}

// TestScript: without arguments the input has the subcommands.
func TestScript(t *testing.T) {
	r := newRig(t)
	code, out := r.run("# a comment\n\nsetenv B 2\ngetenv B\nquit\nlist\n")
	if code != 0 || out != "2\n" || !slices.Contains(r.fake.Env, "B=2") {
		t.Errorf("%d, %q, %v", code, out, r.fake.Env)
	}
}

// TestDubious: what others could have written is not loaded.
func TestDubious(t *testing.T) {
	r := newRig(t)
	path := r.job("org.x", "<key>RunAtLoad</key><true/>", nil)
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if code, out := r.run("", "load", path); code != 1 || !strings.HasPrefix(out, path+": Dubious permissions on file (skipping)\n") {
		t.Errorf("%d, %s", code, out)
	}
}

// TestDisabledFile: what is said is kept beside the job, and taken back whole.
func TestDisabledFile(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		label     string
		off, said bool
		want      map[string]bool
	}{
		{"a", true, true, map[string]bool{"a": true}},
		{"b", false, true, map[string]bool{"a": true, "b": false}},
		{"a", false, false, map[string]bool{"b": false}},
		{"b", false, false, map[string]bool{}},
	} {
		if err := setDisabled(dir, c.label, c.off, c.said); err != nil {
			t.Fatal(err)
		}
		got := readDisabled(dir)
		if len(got) != len(c.want) {
			t.Errorf("%v, want %v", got, c.want)
		}
		for label, off := range c.want {
			if is, ok := got[label]; !ok || is != off {
				t.Errorf("%v, want %v", got, c.want)
			}
		}
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 0 {
		t.Errorf("left behind: %v, %v", list, err)
	}
}

func TestTargets(t *testing.T) {
	for target, want := range map[string]string{
		"system/org.x": "org.x", "gui/501/org.x": "org.x", "user/0/a/b": "a/b", "org.x": "org.x", "system": "", "gui/501": "",
	} {
		if got := split(target); got != want {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
	}
	for name, want := range map[string]string{"org.a-b.service": "org.a-b", `a\x20b.service`: "a b", "x@.service": "x"} {
		if got := labelOf(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
