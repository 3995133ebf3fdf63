// SPDX-License-Identifier: Apache-2.0

package load

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/launchd"
	"github.com/rouse-init/rouse/internal/format/launchd/plist"
	"github.com/rouse-init/rouse/internal/unit"
)

// DisabledFile is where `launchctl enable` and `disable` leave their word,
// beside the jobs that they are about: a property list of booleans by label,
// as macOS has it.
const DisabledFile = ".disabled.plist"

// maxAgents is how many files of one directory are read at most.
const maxAgents = 4096

// agentIndex is what directories of property lists have told.
type agentIndex struct {
	dirs  []string // that hold nothing else
	mixed []string // that hold other things, too
	// strict: the files are of the system's own directories, and are refused
	// where others than root may write them.
	strict bool
	files  []string // given one by one
	jobs   []*launchd.Job
}

// IsPropertyList tells the files of launchd by their names.
func IsPropertyList(path string) bool { return strings.HasSuffix(path, launchd.Suffix) }

// AgentDirs returns the directories of jobs of launchd of the scope of c,
// first ones first, as paths inside the root.
func AgentDirs(c Config) []string {
	if c.Scope == System {
		return []string{RuntimeAgents(c), "/etc/launchd", "/Library/LaunchDaemons"}
	}
	out := []string{RuntimeAgents(c)}
	if c.Scope == User && c.Getenv != nil && c.Root == "" {
		if home := c.Getenv("HOME"); filepath.IsAbs(home) {
			out = append(out, filepath.Join(home, "Library/LaunchAgents"))
		}
	}
	return unique(append(out, "/Library/LaunchAgents"))
}

// RuntimeAgents is the directory of the jobs that `launchctl submit` and `load`
// add until the next boot or login. Its DisabledFile has what `unload` has said,
// and counts for all directories of the scope. It is "" where a user has no
// XDG_RUNTIME_DIR.
func RuntimeAgents(c Config) string {
	if c.Scope == System {
		return "/run/launchd"
	}
	if c.Scope == User && c.Getenv != nil && c.Root == "" {
		if dir := c.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
			return filepath.Join(dir, "launchd")
		}
	}
	return ""
}

// agentDirs adds the directories of the scope.
func (x *index) agentDirs(c Config) {
	if c.NoJobs {
		return
	}
	for _, d := range AgentDirs(c) {
		x.agents.dirs = append(x.agents.dirs, x.root.Host(d))
	}
}

// addMixed adds a directory that was given, and those below it that are named
// as on macOS.
func (x *agentIndex) addMixed(dir string) {
	x.mixed = append(x.mixed, dir)
	for _, name := range []string{"LaunchDaemons", "LaunchAgents"} {
		x.dirs = append(x.dirs, filepath.Join(dir, name))
	}
}

// addAgents reads all property lists and adds their units to the index, after
// those of systemd and Upstart.
func (x *index) addAgents(c Config) {
	a := &x.agents
	opt := x.agentOptions(c)
	for _, path := range a.files {
		opt.Disabled = x.disabledIn("", filepath.Dir(path))
		x.addAgent(path, opt, false)
	}
	for _, dir := range a.mixed {
		x.addAgentDir(dir, "", opt, true)
	}
	runtime := ""
	if dir := RuntimeAgents(c); dir != "" && c.Paths == nil {
		runtime = x.root.Host(dir)
	}
	for _, dir := range a.dirs {
		x.agents.strict = c.Scope == System && c.Root == "" && c.Paths == nil && dir != runtime
		x.addAgentDir(dir, runtime, opt, false)
	}
	x.agents.strict = false
}

func (x *index) agentOptions(c Config) launchd.Options {
	db := &netDB{root: x.root}
	opt := launchd.Options{User: c.Scope != System, NoIPv6: x.noIPv6(), Program: programOf(c), Port: db.port, Addrs: db.addrs}
	opt.Host, _ = os.Hostname() // "" is as good as a name that no list has
	if c.Scope != System && c.Getenv != nil {
		opt.RuntimeDir = c.Getenv("XDG_RUNTIME_DIR")
	}
	if c.SocketDir != "" {
		opt.RuntimeDir = c.SocketDir
	}
	return opt
}

// addAgentDir reads the files of one directory. One that is not there may
// come, so it is remembered in any case.
func (x *index) addAgentDir(dir, runtime string, opt launchd.Options, mixed bool) {
	names, err := x.superList(dir)
	if err != nil {
		x.super.read = append(x.super.read, stamped{path: dir, stamp: stampOf(dir)})
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errNotDir) {
			x.diags.Add(diag.Diagnostic{
				Pos: diag.Pos{File: dir}, Severity: diag.Warning, Code: codePath,
				Msg: fmt.Sprintf("cannot list %q: %s, going on without its jobs", dir, reason(err)),
			})
		}
		return
	}
	opt.Disabled = x.disabledIn(runtime, dir)
	read := 0
	for _, name := range names {
		if !IsPropertyList(name) || ignoredName(name) {
			continue
		}
		if read++; read > maxAgents {
			x.diags.Add(diag.Diagnostic{
				Pos: diag.Pos{File: dir}, Severity: diag.Error, Code: codePath,
				Msg: fmt.Sprintf("cannot read all property lists of %q: it has more than %d", dir, maxAgents),
			})
			return
		}
		x.addAgent(filepath.Join(dir, name), opt, mixed)
	}
}

// addAgent reads one file. In a directory that holds other things a property
// list without a label is no job.
func (x *index) addAgent(path string, opt launchd.Options, mixed bool) {
	text, err := x.superRead(path)
	if err != nil {
		x.diags.Add(diag.Diagnostic{
			Pos: diag.Pos{File: path}, Severity: diag.Error, Code: codeRead, Msg: fmt.Sprintf("cannot read the file: %s", reason(err)),
		})
		return
	}
	if mixed {
		if v, _ := plist.Parse(path, text); v != nil && v.Get("Label") == nil && v.Get("ProgramArguments") == nil && v.Get("Program") == nil {
			x.diags.Add(diag.Diagnostic{
				Pos: diag.Pos{File: path}, Severity: diag.Note, Code: codePath, Msg: "is a property list, and no job of launchd: it has no Label, ignoring",
			})
			return
		}
	}
	j := launchd.Parse(path, text, opt)
	names := j.Names()
	if x.agents.strict {
		if why, fix := unsafe(path); why != "" {
			d := diag.Diagnostic{
				Pos: diag.Pos{File: path}, Severity: diag.Error, Code: codeUnsafe, Unit: names[0],
				Msg: "cannot load the job: " + why, Fix: fix,
			}
			x.diags.Add(d)
			for _, n := range names {
				x.jobs.refused[n] = &d
			}
			return
		}
	}
	for _, n := range names {
		if !unit.ValidName(n) {
			x.diags = append(x.diags, j.Diags...)
			return
		}
		by := x.names[n]
		if by == nil {
			continue
		}
		x.diags.Add(diag.Diagnostic{
			Pos: j.Pos, Severity: diag.Note, Code: codeShadowed, Unit: names[0],
			Msg: fmt.Sprintf("cannot load the job: %s defines %s already, ignoring", by.path, n),
		})
		return
	}
	for _, n := range names {
		x.names[n] = &entry{kind: entryFile, path: path, source: readSource{maker: j, what: "a job of launchd, " + path}}
	}
	x.agents.jobs = append(x.agents.jobs, j)
}

// disabledIn reads what launchctl has said of the jobs of a directory, first in
// the runtime directory ("" for none) and then in its own.
func (x *index) disabledIn(dirs ...string) func(string) (off, said bool) {
	var words []map[string]bool
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		path := filepath.Join(dir, DisabledFile)
		if text, err := x.superRead(path); err == nil {
			words = append(words, Disabled(path, text))
		}
	}
	return func(label string) (off, said bool) {
		for _, w := range words {
			if off, said = w[label]; said {
				return off, true
			}
		}
		return false, false
	}
}

// Disabled reads a DisabledFile: true for what is disabled, by label. What
// cannot be read says nothing.
func Disabled(path string, text []byte) map[string]bool {
	out := map[string]bool{}
	v, _ := plist.Parse(path, text)
	if v == nil {
		return out
	}
	for _, e := range v.Entries {
		if e.Value.Kind == plist.Bool {
			out[e.Key] = e.Value.Bool
		}
	}
	return out
}

// unsafe says why a property list may not be trusted with what is started as
// root, as launchd has it.
func unsafe(path string) (why, fix string) {
	st, err := os.Stat(path)
	if err != nil {
		return "", "" // it was read a moment ago
	}
	switch owner, open := Dubious(st, os.Getuid()); {
	case owner >= 0:
		return fmt.Sprintf("the file belongs to user %d, who could have root start anything", owner), "chown root " + path
	case open:
		return fmt.Sprintf("others than its owner may write the file (mode %04o)", st.Mode().Perm()), "chmod go-w " + path
	}
	return "", ""
}

// Dubious tells whether a file that says what a user's manager runs is another
// user's (owner, else -1), or open for others to write.
func Dubious(st fs.FileInfo, uid int) (owner int, open bool) {
	owner = -1
	if sys, ok := st.Sys().(*syscall.Stat_t); ok && sys.Uid != 0 && int(sys.Uid) != uid {
		owner = int(sys.Uid)
	}
	return owner, st.Mode().Perm()&0o022 != 0
}
