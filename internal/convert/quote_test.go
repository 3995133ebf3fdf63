// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/rouse-init/rouse/internal/format/systemd"
	"github.com/rouse-init/rouse/internal/unit"
)

// scripts are what is hard to carry through a unit file.
var scripts = []string{
	"echo one",
	"echo '100%' \"$HOME\" \\\\ | sed 's/\\n/x/'\n",
	"# first\necho a # not # a comment\n\n  # second, with 'one quote\n  echo b\n# last",
	"case $1 in\na) echo a\n;;\n  ;;\nesac\n",
	"cat <<EOF\n# not a comment\n; nor this\nEOF\necho done",
	"x='one\n# two\n  three'\nprintf %s \"$x\"",
	"echo a\\\nb \\\n c\n",
	"\techo tab\tin it\nif [ -f \"a b\" ]\nthen\n\techo \"it's\"\nfi",
	"echo \u00e9\nx=`date\n`",
	"printf '\\033[0m\x01\xff'\necho $((1 << 2))\necho after",
	"echo ends in a backslash\\\\\necho $# ${x#y}",
}

// TestScriptsSurvive reads what is written with our own loader and compares
// what the shell would get, line by line: but for comments, blanks at the
// start of a line and empty lines nothing may change.
func TestScriptsSurvive(t *testing.T) {
	for _, text := range scripts {
		got := throughUnit(t, text)
		if strings.Contains(text, "<<EOF") || strings.Contains(text, "'one\n") {
			// Line breaks inside are exact.
			if !strings.Contains(squeeze(got), squeeze(text)) {
				t.Errorf("script %q\nbecame %q", text, got)
			}
			continue
		}
		if a, b := shellLines(text), shellLines(got); a != b {
			t.Errorf("script %q\nbecame %q", text, got)
		}
	}
}

// TestScriptsRunAlike runs those that can be run.
func TestScriptsRunAlike(t *testing.T) {
	if _, err := exec.LookPath("/bin/sh"); err != nil {
		t.Skip("there is no /bin/sh")
	}
	for _, text := range scripts {
		want, wantErr := exec.Command("/bin/sh", "-c", text).CombinedOutput()
		got, gotErr := exec.Command("/bin/sh", "-c", throughUnit(t, text)).CombinedOutput()
		if string(got) != string(want) || (gotErr == nil) != (wantErr == nil) {
			t.Errorf("script %q\nprinted %q, %v\nand before %q, %v", text, got, gotErr, want, wantErr)
		}
	}
}

// throughUnit writes a script into a unit and reads it again.
func throughUnit(t *testing.T, text string) string {
	t.Helper()
	file, list := systemd.Parse("/x.service", []byte("[Service]\nExecStart=:/bin/sh -c "+script(text)+" end\n"))
	u, more := systemd.Compile("x.service", []*systemd.File{file}, systemd.Options{})
	if u.Load != unit.Loaded || len(list)+len(more) > 0 {
		t.Fatalf("%q does not load: %v %v\n%s", text, list, more, script(text))
	}
	args := u.Service.Commands[0].Args
	if len(args) != 4 || args[3] != "end" {
		t.Fatalf("%q became the words %q", text, args)
	}
	return args[2]
}

// squeeze drops blanks at the start of lines.
func squeeze(s string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimRight(s, "\n\t ")) {
		b.WriteString(strings.TrimLeft(line, " \t"))
	}
	return b.String()
}

func shellLines(s string) string {
	var kept []string
	for line := range strings.Lines(squeeze(s)) {
		if line = strings.TrimRight(line, "\n"); line != "" && line[0] != '#' {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

func TestWord(t *testing.T) {
	for _, w := range []string{"", "plain", "two words", "100%", `a"b`, "a'b", `a\b`, "$X", ";", "#x", "a\nb", "-x=1", "'\""} {
		file, _ := systemd.Parse("/x.service", []byte("[Service]\nExecStart=:/bin/x "+word(w)+"\nEnvironment="+word("K="+w)+"\n"))
		u, list := systemd.Compile("x.service", []*systemd.File{file}, systemd.Options{})
		if u.Load != unit.Loaded || len(list) > 0 {
			t.Errorf("%q as %s: %v", w, word(w), list)
			continue
		}
		if args := u.Service.Commands[0].Args; len(args) != 2 || args[1] != w {
			t.Errorf("%q as %s is read as %q", w, word(w), args)
		}
		if env := u.Service.Exec.Environment; len(env) != 1 || env[0] != "K="+w {
			t.Errorf("%q in Environment= is read as %q", w, env)
		}
	}
}
