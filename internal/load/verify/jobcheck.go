// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/upstart"
	"github.com/rouse-init/rouse/internal/load"
	"github.com/rouse-init/rouse/internal/unit"
)

// job looks at one job by itself.
func (c *checker) job(u *unit.Unit) {
	c.list = append(c.list, Calendars(u, c.now)...)
	if c.root == "" { // another root has a shell of its own
		c.list = append(c.list, Scripts(u)...)
	}
	c.directory(u, u.Service.Exec)
	c.ownNames(u)
}

// ownCall is where a line of a script, or a command in it, begins with such a
// name; a function of that name is defined with a parenthesis.
var ownCall = regexp.MustCompile(`(?m)(?:^|[;&|]|\b(?:exec|then|do|else)\b)[ \t]*(` + strings.Join(load.InitctlNames, "|") + `)[ \t]+[^( \t]`)

// ownNames reports names of rouse in scripts that are not to be found here.
func (c *checker) ownNames(u *unit.Unit) {
	if e := u.Service.Exec; e != nil && e.RootDirectory != "" {
		return
	}
	for i := range u.Service.Commands {
		cmd := &u.Service.Commands[i]
		if cmd.Path != shell || len(cmd.Args) < 2 {
			continue
		}
		m := ownCall.FindStringSubmatch(cmd.Args[len(cmd.Args)-1])
		if m == nil {
			continue
		}
		if why, fix := c.lookup(m[1], searchPath); why != "" {
			c.add(u, diag.Warning, CodeMissingBinary, cmd.Pos, "cannot run %s in the script: %s", m[1], why).Fix = fix
		}
	}
}

// neededAs is the name by which a needs stanza of the job means a unit.
func neededAs(j *unit.Job, name string) string {
	for _, n := range j.Needs {
		if n == name || upstart.UnitName(n) == name {
			return n
		}
	}
	return name
}

// directory reports a chdir to what is not there. What lies on a file system
// that is empty at boot may be made by then.
func (c *checker) directory(u *unit.Unit, e *unit.Exec) {
	if e == nil || e.WorkingDirectory == "" || e.WorkingDirectory == "~" {
		return
	}
	path := filepath.Join("/", e.RootDirectory, e.WorkingDirectory)
	in, err := c.root.Resolve(path)
	if err != nil {
		return
	}
	why := "no such directory"
	switch st, err := os.Stat(c.root.Host(in)); {
	case err == nil && st.IsDir(), errors.Is(err, fs.ErrPermission):
		return
	case err == nil:
		why = "it is no directory"
	}
	sev := diag.Warning
	if strings.HasPrefix(in, "/run/") || strings.HasPrefix(in, "/tmp/") {
		sev = diag.Note
	}
	at := diag.Pos{}
	for _, w := range e.Where {
		if w.Directive == "WorkingDirectory" {
			at = w.Pos
		}
	}
	_ = c.add(u, sev, CodeMissingFile, at, "cannot start: chdir %s: %s", e.WorkingDirectory, why)
}

// variables reports conditions on variables that their events do not have,
// and names of instances that no event gives.
func (c *checker) variables(jobs []*unit.Unit, own map[string]bool) {
	vars := load.NewVars(jobs)
	for _, u := range jobs {
		if !own[u.Name] || u.Load != unit.Loaded {
			continue
		}
		for _, w := range vars.Wrong(u) {
			d := c.add(u, diag.Warning, CodeVariable, w.Pos, "cannot come true: the event %q has no variable %s", w.Event, w.Key)
			switch {
			case w.Meant != "":
				d.Fix = "did you mean " + w.Meant + "?"
			case len(w.Vars) > 0:
				d.Fix = "it has " + strings.Join(w.Vars, ", ")
			}
		}
		for _, name := range ungiven(vars, u) {
			c.add(u, diag.Note, CodeVariable, u.Events.StartOn[0].Pos, "cannot start by start on: instance needs the variable %s, which none of the events has", name).Fix =
				"write env " + name + "=VALUE for where it is not given"
		}
	}
}

// ungiven are the variables in the name of a job's instances that neither
// its environment nor any event of its start on gives. Where one of the events
// may have anything, there is none.
func ungiven(vars *load.Vars, u *unit.Unit) []string {
	if u.Events == nil || len(u.Events.StartOn) == 0 {
		return nil
	}
	have := []string{"PATH", "TERM"} // of every job
	for _, t := range u.Events.StartOn {
		if t.Op != unit.OpEvent {
			continue
		}
		more, whole := vars.Of(t)
		if !whole {
			return nil
		}
		have = append(have, more...)
	}
	if e := u.Service.Exec; e != nil {
		for _, kv := range e.Environment {
			key, _, _ := strings.Cut(kv, "=")
			have = append(have, key)
		}
		have = append(have, e.PassEnvironment...)
	}
	var out []string
	for _, name := range variablesOf(u.Service.Job.Instance) {
		if !slices.ContainsFunc(have, func(g string) bool { return load.Glob(g, name) }) {
			out = append(out, name)
		}
	}
	return out
}

// variable is $NAME or ${NAME}. ${NAME:-DEFAULT} and its kin need nothing.
var variable = regexp.MustCompile(`\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})`)

// variablesOf are the names of the variables in a text, each once.
func variablesOf(text string) []string {
	var out []string
	for _, m := range variable.FindAllStringSubmatch(text, -1) {
		if name := m[1] + m[2]; !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}
