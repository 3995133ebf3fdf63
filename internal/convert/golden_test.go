// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/rouse-init/rouse/internal/format/systemd"
	"github.com/rouse-init/rouse/internal/format/upstart"
	"github.com/rouse-init/rouse/internal/unit"
)

var update = flag.Bool("update", false, "write the golden files anew")

const wanted = "want/"

// TestGolden converts the jobs of each testdata/*.txtar, one file per topic,
// and compares the units, which stand behind them as want/NAME. A comment
// line "user" means the jobs of a user's session.
func TestGolden(t *testing.T) {
	for _, path := range goldenFiles(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var jobs []txtar.File
			want := map[string]string{}
			for _, f := range ar.Files {
				if name, ok := strings.CutPrefix(f.Name, wanted); ok {
					want[name] = string(f.Data)
				} else {
					jobs = append(jobs, f)
				}
			}
			got := convertAll(t, jobs, strings.Contains(string(ar.Comment), "user\n"))
			if *update {
				ar.Files = jobs
				for _, f := range got {
					ar.Files = append(ar.Files, txtar.File{Name: wanted + f.Name, Data: []byte(f.Text)})
				}
				if err := os.WriteFile(path, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			for _, f := range got {
				if f.Text != want[f.Name] {
					t.Errorf("go test -run Golden -update, and read the diff; got %s:\n%s\nwant:\n%s", f.Name, f.Text, want[f.Name])
				}
				delete(want, f.Name)
			}
			for name := range want {
				t.Errorf("%s is not made any more", name)
			}
		})
	}
}

func goldenFiles(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no golden files", err)
	}
	return paths
}

// convertAll converts jobs, and checks that each note is in the text and that
// our own loader takes the units.
func convertAll(t *testing.T, jobs []txtar.File, user bool) []File {
	t.Helper()
	var all []File
	for _, j := range jobs {
		name := strings.TrimSuffix(j.Name, ".conf")
		u, list := upstart.Compile(name, upstart.Parse(j.Name, j.Data), nil, upstart.Options{User: user})
		files, notes := Systemd(u)
		if len(files) == 0 {
			t.Fatalf("%s does not load: %v", j.Name, list)
		}
		text := ""
		for _, f := range files {
			text += f.Text
			checkLoads(t, f)
		}
		text = strings.ReplaceAll(text, "\n#   ", " ")
		for _, n := range notes {
			if !strings.Contains(text, "# "+n.Msg+"\n") {
				t.Errorf("%s: the note %q is not in the text", j.Name, n.Msg)
			}
		}
		all = append(all, files...)
	}
	return all
}

// checkLoads lets our loader read a unit. "Not supported" is about what it
// does at run time and allowed.
func checkLoads(t *testing.T, f File) {
	t.Helper()
	if unit.KindOf(f.Name) == unit.KindInvalid {
		return
	}
	name := strings.Replace(f.Name, "@.", "@instance.", 1)
	parsed, list := systemd.Parse(f.Name, []byte(f.Text))
	u, more := systemd.Compile(name, []*systemd.File{parsed}, systemd.Options{})
	if u.Load != unit.Loaded {
		t.Errorf("%s does not load: %v\n%s", f.Name, u.LoadErr, f.Text)
	}
	for _, d := range append(list, more...) {
		if !strings.Contains(d.Msg, "is not supported") {
			t.Errorf("%v\n%s", d, f.Text)
		}
	}
}

// TestRealSystemd lets systemd itself read all units of the golden files.
func TestRealSystemd(t *testing.T) {
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("there is no systemd-analyze")
	}
	dir := t.TempDir()
	args := []string{"verify", "--man=no"}
	for _, path := range goldenFiles(t) {
		ar, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range ar.Files {
			name, ok := strings.CutPrefix(f.Name, wanted)
			if !ok || unit.KindOf(name) == unit.KindInvalid || strings.Contains(string(ar.Comment), "user\n") {
				continue
			}
			file := filepath.Join(dir, name)
			if err := os.WriteFile(file, f.Data, 0o644); err != nil {
				t.Fatal(err)
			}
			args = append(args, file)
		}
	}
	// The status counts programs and units that this machine does not have.
	out, _ := exec.Command(tool, args...).CombinedOutput()
	if problems := complaints(string(out), dir); problems != "" {
		t.Error(problems)
	}
	// And the tool is seen to look.
	broken := filepath.Join(dir, "broken.service")
	if err := os.WriteFile(broken, []byte("[Service]\nType=exec\nExecStart=/bin/true\nNonsense=1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, _ := exec.Command(tool, "verify", "--man=no", broken).CombinedOutput(); complaints(string(out), dir) == "" {
		t.Skipf("systemd-analyze says nothing of a broken unit here: %s", out)
	}
}

// complaints are the lines about our units that are not about what is not
// installed.
func complaints(out, dir string) string {
	var b strings.Builder
	for line := range strings.Lines(out) {
		if strings.Contains(line, dir) && !strings.Contains(line, "is not executable") {
			fmt.Fprint(&b, line)
		}
	}
	return b.String()
}
