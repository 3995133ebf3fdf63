// SPDX-License-Identifier: Apache-2.0

package systemd1_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rouse-init/rouse/internal/bus/bustest"
)

// peerTool skips without one of systemd's own clients.
func peerTool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

// run runs a client of systemd against the served manager, and returns what
// it printed and its exit status.
func run(t *testing.T, s *bustest.Server, args ...string) (string, int) {
	t.Helper()
	cmd := exec.Command(peerTool(t, args[0]), args[1:]...)
	cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+filepath.Dir(filepath.Dir(s.Path)), "LC_ALL=C.UTF-8", "TZ=UTC", "SYSTEMD_PAGER=", "SYSTEMD_COLORS=0")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

func TestSystemctl(t *testing.T) {
	s := bustest.Serve(t, bustest.New())
	for _, c := range []struct {
		args string
		code int
		want []string // in this order
	}{
		{"list-units", 0, []string{"broken.service", "loaded", "failed", "db.service", "loaded active running Database", "7 loaded units"}},
		{"list-units --all --state=not-found", 0, []string{"missing.service"}},
		{"list-units web*", 0, []string{"web.service", "web.socket", "2 loaded units"}},
		{"status web.service", 0, []string{"web.service - Web ☃ server", "(/lib/systemd/system/web.service; enabled; preset: enabled)", "active (running) since", "web.socket", "man:web(8)", "Main PID: 4711", `"Serving"`, "Memory: 1.5M", "42ms", "/rouse/web.service", "4711 /usr/bin/web --serve"}},
		{"status broken.service", 3, []string{"failed (Result: exit-code)"}},
		{"status web.socket", 0, []string{"Triggers", "web.service", "127.0.0.1:8080 (Stream)"}},
		{"status nope.service", 4, []string{"could not be found"}},
		{"is-active web.service", 0, []string{"active\n"}},
		{"is-active asleep.service", 3, []string{"inactive\n"}},
		{"list-sockets", 0, []string{"/run/web.sock", "127.0.0.1:8080", "2 sockets listed"}},
		{"list-jobs", 0, []string{"No jobs running."}},
		{"show web.service -p Id,Environment,RestartUSec,KillSignal,UMask,TimeoutStartUSec", 0, []string{"Id=web.service", "RestartUSec=100ms", "TimeoutStartUSec=1min 30s", `Environment=A=1 "B=two words"`, "UMask=0022", "KillSignal=15"}},
		{"show web.service -p ExecStart", 0, []string{"path=/usr/bin/web ; argv[]=/usr/bin/web --serve ; ignore_errors=no"}},
		{"show web.service", 0, []string{"Id=web.service", "CollectMode=inactive", "Type=notify", "LimitNOFILE="}},
		{"show web.socket", 0, []string{"BindIPv6Only=default", "Listen=127.0.0.1:8080 (Stream)"}},
		{"show", 0, []string{"Version=257", "NNames="}},
		{"list-dependencies multi-user.target", 0, []string{"broken.service", "web.service"}},
		{"list-dependencies --reverse web.service", 0, []string{"multi-user.target"}},
		{"start asleep.service", 0, nil},
		{"is-active asleep.service", 0, []string{"active"}},
		{"stop asleep.service", 0, nil},
		{"start broken.service", 1, []string{"Job for broken.service failed"}},
		{"start nope.service", 5, []string{"Unit nope.service not found."}},
		{"start masked.service", 1, []string{"is masked"}},
		{"start --no-block hang.service", 0, nil},
		{"list-jobs", 0, []string{"hang.service start running"}},
		{"cancel", 0, nil},
		{"kill -s HUP web.service", 0, nil},
		{"reset-failed", 0, nil},
		{"daemon-reload", 0, nil},
		{"show-environment", 0, []string{"LANG=C.UTF-8"}},
		{"set-environment A=b", 0, nil},
		{"show-environment", 0, []string{"A=b"}},
	} {
		out, code := run(t, s, append([]string{"systemctl", "--user", "--no-pager", "-l"}, strings.Fields(c.args)...)...)
		rest, ok := out, code == c.code
		for _, w := range c.want {
			i := strings.Index(rest, w)
			if i < 0 {
				t.Errorf("systemctl %s: want %q", c.args, w)
				ok = false
				break
			}
			rest = rest[i+len(w):]
		}
		if !ok {
			t.Errorf("systemctl %s: exit %d, want %d:\n%s", c.args, code, c.code, out)
		}
	}
	var calls []string
	s.Do(func() { calls = s.Fake.Calls })
	if got := strings.Join(calls, "; "); !strings.Contains(got, "kill web.service 0 1 false 0") || !strings.Contains(got, "reload") {
		t.Errorf("manager was asked for %s", got)
	}
}

func TestBusctl(t *testing.T) {
	s := bustest.Serve(t, bustest.New())
	const manager = "org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager "
	for _, c := range []struct{ args, want string }{
		{"get-property " + manager + "Version", "s \"257"},
		{"call " + manager + "GetUnitByPID u 4711", "/org/freedesktop/systemd1/unit/web_2eservice"},
		{"call " + manager + "StartUnit ss asleep.service replace", "/org/freedesktop/systemd1/job/"},
		{"call " + manager + "StartUnit ss asleep.service nonsense", "Job mode nonsense is not known"},
		{"call " + manager + "GetUnit s other.service", "Unit other.service not loaded."},
		{"call " + manager + "EnqueueUnitJob sss asleep.service restart replace", "asleep_2eservice\" \"restart\" 0"},
		{"introspect " + manager, ".ListUnitsByPatterns"},
		{"tree org.freedesktop.systemd1", "unit/web_2esocket"},
		{"introspect org.freedesktop.systemd1 /org/freedesktop/systemd1/unit/never_2dseen_2eservice", "not-found"},
		{"status org.freedesktop.systemd1", ""},
	} {
		out, _ := run(t, s, append([]string{"busctl", "--address=unix:path=" + s.Path, "--no-pager"}, strings.Fields(c.args)...)...)
		if !strings.Contains(out, c.want) {
			t.Errorf("busctl %s: want %q in\n%s", c.args, c.want, out)
		}
	}
}

func TestDumpPassesADescriptor(t *testing.T) {
	s := bustest.Serve(t, bustest.New())
	if out, code := run(t, s, "systemd-analyze", "--user", "--no-pager", "dump"); code != 0 || !strings.Contains(out, "-> Unit web.service") {
		t.Errorf("exit %d:\n%s", code, out)
	}
}

func TestManyUnits(t *testing.T) {
	f := bustest.New()
	for i := range 300 {
		u := *f.Views["asleep.service"].Unit
		u.Name = fmt.Sprintf("x%03d.service", i)
		f.Add(&u)
	}
	s := bustest.Serve(t, f)
	if out, code := run(t, s, "systemctl", "--user", "--no-pager", "list-units", "--all"); code != 0 || !strings.Contains(out, "x299.service") {
		t.Errorf("exit %d:\n%s", code, out)
	}
}
