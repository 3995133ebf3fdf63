// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/rouse-init/rouse/internal/manager"
)

func TestInitOptions(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for _, d := range []string{a, b} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	for _, c := range []struct {
		args string
		want manager.Upstart
		err  string
	}{
		{"--user", manager.Upstart{}, ""},
		{"--user --confdir a --confdir b --append-confdir b --prepend-confdir a", manager.Upstart{JobDirs: []string{a, b}, AppendJobDirs: []string{b}, PrependJobDirs: []string{a}}, ""},
		{"--user --logdir l --no-log --no-inherit-env --no-dbus --no-cgroups --no-sessions --session", manager.Upstart{LogDir: filepath.Join(dir, "l"), NoLog: true, NoInheritEnv: true, NoDBus: true, NoCgroups: true, SessionBus: true}, ""},
		{"--user --startup-event go -v --default-console none", manager.Upstart{StartupEvent: "go", Verbose: true, DefaultConsole: "none"}, ""},
		{"--user --startup-event go --no-startup-event -q", manager.Upstart{StartupEvent: "-", ErrorsOnly: true}, ""},
		{"--user --confdir none", manager.Upstart{}, "cannot read jobs from none: open "},
		{"--user --default-console tty", manager.Upstart{}, "expected none, log, output or owner"},
	} {
		var o initOptions
		f := pflag.NewFlagSet("init", pflag.ContinueOnError)
		o.register(f)
		if err := f.Parse(strings.Fields(c.args)); err != nil {
			t.Fatalf("%s: %v", c.args, err)
		}
		cfg, err := o.config(filepath.Join(dir, "socket"))
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, want %q", c.args, err, c.err)
			}
			continue
		}
		c.want.Session = true
		if err != nil || cfg.Mode != manager.ModeUser {
			t.Errorf("%s: %v, mode %q", c.args, err, cfg.Mode)
		}
		// What the manager gets has passed through its argument.
		arg, err := cfg.Encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := manager.DecodeConfig(arg)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c.want, back.Upstart); d != "" {
			t.Errorf("%s: %s", c.args, d)
		}
	}
}

func TestJobDirs(t *testing.T) {
	u := manager.Upstart{PrependJobDirs: []string{"/p"}, AppendJobDirs: []string{"/a"}}
	if d := cmp.Diff([]string{"/p", "/etc/init", "/a"}, u.JobDirsOr([]string{"/etc/init"})); d != "" {
		t.Error(d)
	}
	u.JobDirs = []string{"/c"}
	if d := cmp.Diff([]string{"/p", "/c", "/a"}, u.JobDirsOr([]string{"/etc/init"})); d != "" {
		t.Error(d)
	}
}

func TestJobName(t *testing.T) {
	for _, c := range []struct{ id, file, want string }{
		{"apache.service", "/etc/init/apache.conf", "apache"},
		{"net-apache.service", "/etc/init/net/apache.conf", "net/apache"},
		{"net-apache.service", "/etc/init/net-apache.conf", "net-apache"},
		{"getty@tty1.service", "/etc/init/getty.conf", "getty"},
		{"web.service", "/lib/systemd/system/web.service", ""},
		{"web.service", "", ""},
	} {
		if got := jobName(c.id, c.file); got != c.want {
			t.Errorf("%s of %s: %q, want %q", c.id, c.file, got, c.want)
		}
	}
}
