// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rouse-init/rouse/internal/bus/bustest"
	"github.com/rouse-init/rouse/internal/cli/initctl"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

func TestMain(m *testing.M) {
	commands := map[string]func(){}
	for _, name := range append([]string{"rouse", "init", "initctl", "init-checkconf", "runlevel", "telinit"}, initctl.Names...) {
		commands[name] = func() { os.Exit(Main(append([]string{name}, os.Args[1:]...), os.Stdout, os.Stderr)) }
	}
	testscript.Main(m, commands)
}

// TestScripts runs the command line as a user would, against a manager that
// pretends. The socket's path is short, as unix(7) wants it.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			dir, err := os.MkdirTemp("", "rouse-cli") //nolint:usetesting // a socket's path is short
			if err != nil {
				return err
			}
			fake := bustest.New()
			if strings.HasSuffix(env.WorkDir, "script-odd") {
				addOdd(fake)
			}
			if strings.HasSuffix(env.WorkDir, "script-why") {
				addWhy(fake)
			}
			s, stop, err := bustest.Start(fake, filepath.Join(dir, "private"))
			if err != nil {
				return err
			}
			env.Defer(func() {
				stop()
				_ = os.RemoveAll(dir)
			})
			env.Values["server"] = s
			env.Setenv("ROUSE_SOCKET", s.Path)
			env.Setenv("TZ", "UTC")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":    exits,
			"asked":    asked,
			"jobasked": jobAsked,
		},
	})
}

// addOdd adds units that look strange: for the script of that name.
func addOdd(fake *bustest.Fake) {
	target := &unit.Unit{Name: "odd.target", Kind: unit.KindTarget}
	for _, name := range []string{"asleep.service", "broken.service", "masked.service", "missing.service", "nowhere.service", "web.service"} {
		target.Deps = append(target.Deps, unit.Dep{Kind: unit.Wants, Name: name})
	}
	fake.Add(target)
	odd := &unit.Unit{Name: "odd.service", Kind: unit.KindService, Description: "red \x1b[31m and\nanother line \xff"}
	bustest.Fill(odd)
	fake.Add(odd).Failure = "bell \a\nsecond line"
}

// addWhy adds an Upstart job that has much to say: for the script of that name.
func addWhy(fake *bustest.Fake) {
	u := &unit.Unit{Name: "apache.service", Kind: unit.KindService, Description: "web server", Fragment: "/etc/init/apache.conf", DropIns: []string{"/etc/init/apache.override"}}
	bustest.Fill(u)
	v := fake.Add(u)
	v.Active, v.Sub, v.NRestarts, v.MainStart, v.Run = engine.Active, "running", 57, engine.Time(time.Second), 1
	fake.Reasons = map[string]engine.Explanation{"apache.service": {
		Unit: "apache.service", Active: "active", Sub: "running", Goal: "up", Since: engine.Time(time.Second),
		Causes: []engine.Cause{{At: engine.Time(time.Second), What: "event startup"}}, Notes: []string{"respawned 57 times, the last time just now", "expected 2 forks, saw 1"},
	}}
}

// exits runs a program and checks its exit status: exits 3 rouse is-active x.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		exit, ok := err.(interface{ ExitCode() int })
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// asked checks what the manager was asked for last.
func asked(ts *testscript.TestScript, neg bool, args []string) {
	s, ok := ts.Value("server").(*bustest.Server)
	if !ok || len(args) != 1 {
		ts.Fatalf("usage: asked CALL")
	}
	last := ""
	s.Do(func() {
		if n := len(s.Fake.Calls); n > 0 {
			last = s.Fake.Calls[n-1]
		}
	})
	if (last == args[0]) == neg {
		ts.Fatalf("manager was asked for %q", last)
	}
}

// jobAsked is asked, for what the manager was asked in Upstart's language.
func jobAsked(ts *testscript.TestScript, neg bool, args []string) {
	s, ok := ts.Value("server").(*bustest.Server)
	if !ok || len(args) != 1 {
		ts.Fatalf("usage: jobasked CALL")
	}
	last := ""
	s.Do(func() {
		if n := len(s.Fake.Upstart.Calls); n > 0 {
			last = s.Fake.Upstart.Calls[n-1]
		}
	})
	if (last == args[0]) == neg {
		ts.Fatalf("manager was asked for %q", last)
	}
}

// A verb is found by its name before its command is made.
func TestCommandsHaveTheirNames(t *testing.T) {
	for _, v := range slices.Concat(verbs, roles) {
		if name := v.command(&app{}).Name(); name != v.name {
			t.Errorf("%q makes the command %q", v.name, name)
		}
	}
}
