// SPDX-License-Identifier: Apache-2.0

package install

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rouse-init/rouse/internal/load"
	"github.com/rouse-init/rouse/internal/unit"
)

// tree is the unit files of the tests, below usr/lib/systemd/system; "->"
// makes a symbolic link.
var tree = map[string]string{
	"a.service":                           "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\nAlias=aa.service\nAlso=a.socket\n",
	"a.socket":                            "[Socket]\nListenStream=/run/a\n[Install]\nWantedBy=sockets.target\n",
	"static.service":                      "[Service]\nExecStart=/bin/true\n",
	"also.service":                        "[Service]\nExecStart=/bin/true\n[Install]\nAlso=a.service\n",
	"t@.service":                          "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\nDefaultInstance=one\n",
	"n@.service":                          "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\nRequiredBy=x-%i.service\n",
	"g@.service":                          "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=g@.target\nAlias=gg@.service\n",
	"req.service":                         "[Service]\nExecStart=/bin/true\n[Install]\nRequiredBy=multi-user.target static.service\n",
	"multi-user.target":                   "[Unit]\nAllowIsolate=yes\n",
	"sockets.target":                      "[Unit]\nDescription=s\n",
	"graphical.target":                    "[Unit]\nAllowIsolate=yes\n[Install]\nAlias=default.target\n",
	"badalias.service":                    "[Service]\nExecStart=/bin/true\n[Install]\nAlias=x.socket\nWantedBy=not_a_unit\n",
	"miss.service":                        "[Service]\nExecStart=/bin/true\n[Install]\nAlso=nothere.service\nWantedBy=multi-user.target\n",
	"reset.service":                       "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\nWantedBy=\nWantedBy=graphical.target\n",
	"valias.service":                      "->a.service",
	"vmask.service":                       "->/dev/null",
	"empty.service":                       "",
	"vwi.service":                         "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=graphical.target\n",
	"multi-user.target.wants/vwi.service": "->../vwi.service",
	"../../../../opt/linked.service":      "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n",
}

func makeTree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, d := range []string{"etc/systemd/system", "run/systemd/system"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range tree {
		write(t, filepath.Join(root, "usr/lib/systemd/system", name), text)
	}
	return root
}

func write(t *testing.T, p, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if target, ok := strings.CutPrefix(text, "->"); ok {
		if err := os.Symlink(target, p); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// links prints all that is below etc and run.
func links(t *testing.T, root string) string {
	t.Helper()
	var out []string
	for _, d := range []string{"etc", "run"} {
		err := filepath.WalkDir(filepath.Join(root, d), func(p string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			line := strings.TrimPrefix(p, root)
			if e.Type()&fs.ModeSymlink != 0 {
				target, err := os.Readlink(p)
				if err != nil {
					return err
				}
				line += " -> " + target
			}
			out = append(out, line)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return strings.Join(out, "\n")
}

// carryOut does with this package what `systemctl args` does, and prints as
// it would.
func carryOut(root string, args []string) (out string, code int) {
	opt := Options{Config: load.Config{Root: root}}
	var rest []string
	for _, a := range args {
		switch a {
		case "--runtime":
			opt.Runtime = true
		case "--force":
			opt.Force = true
		case "--preset-mode=enable-only":
			opt.Mode = PresetEnableOnly
		default:
			rest = append(rest, a)
		}
	}
	names := rest[1:]
	var r Result
	switch rest[0] {
	case "enable":
		r = Enable(opt, names...)
	case "disable":
		r = Disable(opt, names...)
	case "reenable":
		r = Reenable(opt, names...)
	case "mask":
		r = Mask(opt, names...)
	case "unmask":
		r = Unmask(opt, names...)
	case "preset":
		r = Preset(opt, names...)
	case "preset-all":
		r = PresetAll(opt)
	case "link":
		r = Link(opt, names...)
	case "revert":
		r = Revert(opt, names...)
	case "add-wants":
		r = AddDependency(opt, names[0], false, names[1:]...)
	case "set-default":
		r = SetDefault(opt, names[0])
	case "get-default":
		name, err := GetDefault(opt)
		if err != nil {
			return "", 1
		}
		return name, 0
	case "is-enabled":
		code = 1
		var lines []string
		for _, n := range names {
			s := IsEnabled(opt, n)
			if s.OK() {
				code = 0
			}
			lines = append(lines, string(s))
		}
		return strings.Join(lines, "\n"), code
	case "list-unit-files":
		var lines []string
		for _, u := range List(opt, names...) {
			p := u.Preset
			if p == "" {
				p = "-"
			}
			lines = append(lines, fmt.Sprintf("%s %s %s", u.Name, u.State, p))
		}
		return strings.Join(lines, "\n"), 0
	}
	var lines []string
	for _, c := range r.Changes {
		if c.Kind == Failed {
			code = 1
			continue
		}
		lines = append(lines, c.String())
	}
	return strings.Join(lines, "\n"), code
}

// normal makes the lines of two versions of systemctl comparable: quotes are
// new in 256, failures are worded differently, the order of removals is the
// directory's.
func normal(out string) string {
	var lines []string
	for l := range strings.Lines(out) {
		l = strings.Join(strings.Fields(strings.NewReplacer(`"`, "", "'", "").Replace(l)), " ")
		if l == "" || strings.HasPrefix(l, "Failed to ") && !strings.Contains(l, "auxiliary") {
			continue
		}
		lines = append(lines, l)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// TestAsSystemctl carries out the same commands on two equal trees, once
// with systemctl and once with this package, and compares what they print,
// how they end and every file.
func TestAsSystemctl(t *testing.T) {
	systemctl, err := exec.LookPath("systemctl")
	if err != nil {
		t.Skip("no systemctl to compare with")
	}
	stories := map[string][]string{
		"enable":   {"enable a.service", "is-enabled a.service aa.service valias.service static.service also.service", "enable a.service", "disable a.service", "disable a.service"},
		"valias":   {"enable valias.service", "disable valias.service"},
		"masked":   {"enable vmask.service", "enable empty.service", "is-enabled vmask.service empty.service", "disable vmask.service"},
		"template": {"enable t@.service t@two.service", "is-enabled t@.service t@one.service t@two.service", "is-enabled t@three.service", "disable t@.service"},
		"instance": {"enable n@.service", "enable n@5.service", "is-enabled n@.service n@5.service", "disable n@5.service", "enable n@6.service", "disable n@.service"},
		"generic":  {"enable g@.service", "is-enabled g@.service gg@.service", "enable g@7.service", "disable g@.service"},
		"required": {"enable req.service", "is-enabled req.service", "reenable req.service", "disable req.service"},
		"faults":   {"enable badalias.service", "enable miss.service", "is-enabled miss.service", "enable nothere.service a.service", "is-enabled a.service"},
		"reset":    {"enable reset.service", "disable reset.service"},
		"vendor":   {"is-enabled vwi.service", "enable vwi.service", "is-enabled vwi.service"},
		"linked":   {"enable /opt/linked.service", "is-enabled linked.service", "link /opt/linked.service", "disable linked.service", "link /opt/linked.service", "is-enabled linked.service", "enable linked.service", "disable linked.service"},
		"link":     {"link /opt/nope.service", "link /opt"},
		"mask":     {"mask a.service t@.service nothere.service", "is-enabled a.service", "enable a.service", "mask a.service", "unmask a.service t@.service nothere.service", "unmask a.service"},
		"runtime":  {"--runtime mask a.service", "is-enabled a.service", "unmask a.service", "--runtime unmask a.service", "--runtime enable a.service", "is-enabled a.service", "enable a.service", "disable a.service", "--runtime disable a.service"},
		"default":  {"set-default multi-user.target", "get-default", "set-default graphical.target", "set-default nothere.target", "set-default a.service", "set-default multi-user.target", "enable graphical.target", "--force enable graphical.target", "is-enabled default.target graphical.target"},
		"presets":  {"preset a.service", "preset static.service", "preset vmask.service", "list-unit-files"},
		"list":     {"enable a.service t@x.service", "--runtime enable miss.service", "list-unit-files", "list-unit-files a*"},
		"wants":    {"add-wants multi-user.target t@3.service static.service"},
	}
	for name, story := range stories {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ours, theirs := makeTree(t), makeTree(t)
			for _, line := range story {
				compare(t, systemctl, ours, theirs, line)
			}
		})
	}
	t.Run("preset-files", func(t *testing.T) {
		t.Parallel()
		ours, theirs := makeTree(t), makeTree(t)
		for _, root := range []string{ours, theirs} {
			write(t, filepath.Join(root, "etc/systemd/system-preset/10-x.preset"), "# c\nenable t@.service x y\n disable a.*\n\ndisable [m-r]*\n")
			write(t, filepath.Join(root, "usr/lib/systemd/system-preset/05-y.preset"), "enable req.service\n")
			write(t, filepath.Join(root, "usr/lib/systemd/system-preset/10-x.preset"), "disable req.service\nenable *\n")
		}
		for _, line := range []string{"enable a.service", "preset a.service t@.service", "list-unit-files"} {
			compare(t, systemctl, ours, theirs, line)
		}
		for _, root := range []string{ours, theirs} {
			if err := os.Remove(filepath.Join(root, "usr/lib/systemd/system/badalias.service")); err != nil {
				t.Fatal(err)
			}
		}
		compare(t, systemctl, ours, theirs, "preset-all")
		compare(t, systemctl, ours, theirs, "list-unit-files")
	})
}

func compare(t *testing.T, systemctl, ours, theirs, line string) {
	t.Helper()
	args := strings.Fields(line)
	cmd := exec.Command(systemctl, append([]string{"--root=" + theirs, "--no-legend"}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "SYSTEMD_LOG_LEVEL=info")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	if _, ok := err.(*exec.ExitError); err != nil && !ok { //nolint:errorlint // Output returns it bare
		t.Fatal(err)
	}
	hint := strings.Index(stderr.String(), "The unit files have no installation config")
	text := stderr.String()
	if hint >= 0 {
		text = text[:hint]
	}
	want := strings.ReplaceAll(normal(string(stdout)+text), theirs, "ROOT")
	out, code := carryOut(ours, args)
	got := strings.ReplaceAll(normal(out), ours, "ROOT")
	if got != want {
		t.Errorf("%s\nprints:\n%s\nsystemctl prints:\n%s", line, got, want)
	}
	if code != cmd.ProcessState.ExitCode() {
		t.Errorf("%s ends with %d, systemctl with %d: %s", line, code, cmd.ProcessState.ExitCode(), text)
	}
	if a, b := links(t, ours), links(t, theirs); a != b {
		t.Fatalf("%s leaves\n%s\nsystemctl leaves\n%s", line, a, b)
	}
}

// TestStatesWithoutFiles covers what systemctl has no word for: units that
// exist without files.
func TestStatesWithoutFiles(t *testing.T) {
	root := t.TempDir()
	opt := Options{Config: load.Config{Root: root}}
	if s := IsEnabled(opt, "network.target"); s != Static {
		t.Errorf("a built-in target is %q, want static", s)
	}
	if s := IsEnabled(opt, "nothere.service"); s != NotFound {
		t.Errorf("a missing unit is %q, want not-found", s)
	}
	if r := SetDefault(opt, "rescue.target"); r.Err() != nil {
		t.Errorf("set-default to a built-in target: %v", r.Err())
	}
	if name, err := GetDefault(opt); err != nil || name != "rescue.target" {
		t.Errorf("GetDefault() = %q, %v; want rescue.target", name, err)
	}
	if unit.KindOf(defaultTarget) != unit.KindTarget {
		t.Error("default.target is no target")
	}
}
