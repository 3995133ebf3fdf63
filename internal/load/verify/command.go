// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/load"
	"github.com/rouse-init/rouse/internal/unit"
)

// searchPath is where commands without a slash are looked for when a unit has
// no ExecSearchPath= (systemd's compiled-in default).
var searchPath = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

// binDir is the listing of one directory of programs, kept because thousands
// of units name programs of a few directories.
type binDir struct {
	names []string
	has   map[string]bool
	err   error
}

func (c *checker) dir(path string) *binDir {
	if d := c.dirs[path]; d != nil {
		return d
	}
	d := &binDir{has: map[string]bool{}}
	c.dirs[path] = d
	in, err := c.root.Resolve(path)
	if err != nil {
		d.err = err
		return d
	}
	list, err := os.ReadDir(c.root.Host(in))
	if err != nil {
		d.err = err
		return d
	}
	for _, e := range list {
		d.names = append(d.names, e.Name())
		d.has[e.Name()] = true
	}
	return d
}

// commands checks that the programs are there and can be executed.
func (c *checker) commands(u *unit.Unit, cmds []unit.Command, exec *unit.Exec) {
	if exec != nil && exec.RootDirectory != "" {
		return // the paths are those of another root
	}
	dirs := searchPath
	if exec != nil && len(exec.SearchPath) > 0 {
		dirs = exec.SearchPath
	}
	for i := range cmds {
		c.command(u, &cmds[i], dirs)
	}
}

func (c *checker) command(u *unit.Unit, cmd *unit.Command, dirs []string) {
	var why, fix string
	if filepath.IsAbs(cmd.Path) {
		why, fix = c.program(cmd.Path)
	} else {
		why, fix = c.lookup(cmd.Path, dirs)
	}
	if why == "" {
		return
	}
	sev := diag.Error
	if cmd.IgnoreFailure {
		sev = diag.Note
	}
	c.add(u, sev, CodeMissingBinary, cmd.Pos, "cannot start: exec %q: %s", cmd.Path, why).Fix = fix
}

// program says why a program cannot be executed.
func (c *checker) program(path string) (why, fix string) {
	in, err := c.root.Resolve(path)
	if err != nil {
		return err.Error(), ""
	}
	st, err := os.Stat(c.root.Host(in))
	switch {
	case err != nil:
		return "no such file or directory", c.meant(path)
	case st.IsDir():
		return "is a directory", ""
	case st.Mode()&0o111 == 0:
		return "permission denied", fmt.Sprintf("chmod +x %s", path)
	}
	return "", ""
}

// lookup says why a bare name is not found on the search path.
func (c *checker) lookup(name string, dirs []string) (why, fix string) {
	for _, d := range dirs {
		if c.dir(d).has[name] {
			return "", ""
		}
	}
	if fix = load.OwnNameFix(name); fix != "" {
		return "not found in " + strings.Join(dirs, ":"), fix
	}
	for _, d := range dirs {
		if near := load.Nearest(name, c.dir(d).names); near != "" {
			fix = fmt.Sprintf("did you mean %q?", near)
			break
		}
	}
	return "not found in " + strings.Join(dirs, ":"), fix
}

// meant guesses the program that a wrong path stood for: one of a similar
// name beside it, or one of the same name on the search path.
func (c *checker) meant(path string) string {
	dir, name := filepath.Split(path)
	if near := load.Nearest(name, c.dir(filepath.Clean(dir)).names); near != "" {
		return fmt.Sprintf("did you mean %q?", filepath.Join(dir, near))
	}
	for _, d := range searchPath {
		if d != filepath.Clean(dir) && c.dir(d).has[name] {
			return fmt.Sprintf("did you mean %q?", filepath.Join(d, name))
		}
	}
	return ""
}

// environment checks the files of EnvironmentFile= that must be there.
func (c *checker) environment(u *unit.Unit, e *unit.Exec) {
	if e == nil {
		return
	}
	for _, f := range e.EnvironmentFile {
		if f.Optional || strings.ContainsAny(f.Path, "*?[") {
			continue
		}
		in, err := c.root.Resolve(f.Path)
		if err == nil {
			_, err = os.Stat(c.root.Host(in))
		}
		if err != nil {
			d := c.add(u, diag.Warning, CodeMissingFile, f.Pos, "cannot start: EnvironmentFile=%s: no such file or directory", f.Path)
			d.Fix = fmt.Sprintf("write EnvironmentFile=-%s if it may be missing", f.Path)
		}
	}
}
