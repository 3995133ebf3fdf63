// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// defaultUmask is that of init(5) and of systemd.
const defaultUmask = 0o022

func signed(n int64) string { return strconv.FormatInt(n, 10) }

func limit(n uint64) string {
	if n == math.MaxUint64 {
		return "infinity"
	}
	return decimal(n)
}

// plainName tells whether s is the name of a variable that systemd takes.
func plainName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_' && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// identity writes as whom and where the service runs.
func (c *conversion) identity() {
	s, x := &c.service, c.svc.Exec
	if x == nil {
		return
	}
	for _, l := range [...]struct{ key, value string }{
		{"User", x.User}, {"Group", x.Group}, {"RootDirectory", x.RootDirectory}, {"WorkingDirectory", x.WorkingDirectory},
	} {
		switch {
		case l.value == "":
		case strings.Contains(l.value, "$"):
			c.stanza(l.key+" "+l.value, "the setting knows no variables")
		default:
			s.set(l.key, escapeText(l.value))
		}
	}
	if x.Umask >= 0 && x.Umask != defaultUmask {
		s.set("UMask", fmt.Sprintf("%04o", x.Umask))
	}
}

// environment writes the variables of the job: its own, those that name the
// instance, and those that an event always carries.
func (c *conversion) environment(start effect) {
	s := &c.service
	var pairs, pass []string
	if x := c.svc.Exec; x != nil {
		pairs, pass = slices.Clone(x.Environment), x.PassEnvironment
	}
	text := c.commandText()
	for _, p := range start.environment {
		if name, _, _ := strings.Cut(p, "="); mentions(text, name) {
			pairs = append(pairs, p)
		}
	}
	if mentions(text, "UPSTART_JOB") {
		pairs = append(pairs, "UPSTART_JOB="+c.job.Name)
	}
	if len(start.sockets) > 0 {
		pairs = append(pairs, "UPSTART_FDS=3") // the first of LISTEN_FDS
	}
	var dropped []string
	for _, p := range pairs {
		name, _, _ := strings.Cut(p, "=")
		switch {
		case !plainName(name):
			dropped = append(dropped, name)
		default:
			s.set("Environment", word(p))
		}
	}
	if len(dropped) > 0 {
		c.stanza("env "+strings.Join(dropped, " "), "systemd refuses names of variables that a shell could not use")
	}
	if c.template() {
		c.instance(text)
	}
	s.list("PassEnvironment", pass)
	if i := slices.IndexFunc(pairs, func(p string) bool { return strings.HasPrefix(p, "PATH=") }); i >= 0 {
		c.searchPath(pairs[i][len("PATH="):])
	}
}

// searchPath makes the PATH of the job count for commands without a slash.
func (c *conversion) searchPath(list string) {
	bare := slices.ContainsFunc(c.svc.Commands, func(cmd unit.Command) bool { return !strings.Contains(cmd.Path, "/") })
	dirs := strings.Split(list, ":")
	if bare && !slices.ContainsFunc(dirs, func(d string) bool { return !path.IsAbs(d) || strings.ContainsAny(d, "$ ") }) {
		c.service.set("ExecSearchPath", escapeText(strings.Join(dirs, ":")))
	}
}

// instance gives the variables of the instance's name to the service.
func (c *conversion) instance(text string) {
	s := &c.service
	if c.variable != "" {
		s.set("Environment", c.variable+"=%I")
	}
	if mentions(text, "UPSTART_INSTANCE") {
		s.set("Environment", "UPSTART_INSTANCE=%I")
	}
	if c.variable == "" {
		file := "/etc/default/" + strings.TrimSuffix(unit.Split(c.name).Prefix, ".service") + "@%i"
		s.set("EnvironmentFile", "-"+file)
		c.note(s, diag.Pos{File: c.u.Fragment}, "instance "+c.job.Instance,
			"an instance has one name and no variables; set those of the text in "+file)
	}
}
