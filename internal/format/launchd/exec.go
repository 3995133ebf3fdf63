// SPDX-License-Identifier: Apache-2.0

package launchd

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/launchd/plist"
	"github.com/rouse-init/rouse/internal/unit"
)

func (b *build) setLabel(v *plist.Value) {
	switch {
	case v.Text == "" || len(v.Text) > maxLabel || strings.ContainsAny(v.Text, "\x00\n"):
		b.fail(v.Pos, "", "cannot read Label: expected a name of 1 to %d bytes, found %.40q", maxLabel, v.Text)
		return
	case v.Text != b.label && strings.HasSuffix(b.path, Suffix):
		b.note(v.Pos, "the label is %q, and the file is not called %q, as is the custom", v.Text, v.Text+Suffix)
	}
	b.label, b.labelPos = v.Text, v.Pos
}

func (b *build) setDescription(v *plist.Value) { b.description = v.Text }

func (b *build) setProgram(v *plist.Value) { b.program = v }

func (b *build) setArguments(v *plist.Value) {
	b.argsPos = v.Pos
	for _, item := range v.Items {
		if !b.fits("ProgramArguments", []plist.Kind{plist.String}, item, true) {
			continue
		}
		if strings.ContainsRune(item.Text, 0) {
			b.fail(item.Pos, "", "cannot read ProgramArguments: an argument has a NUL byte")
			continue
		}
		b.arguments = append(b.arguments, item.Text)
	}
}

func (b *build) setGlobbing(v *plist.Value) {
	if v.Bool {
		b.globbing = v.Pos
	}
}

// command is the program with its arguments. Without Program the first
// argument is looked for in the search path.
func (b *build) command() (c unit.Command, ok bool) {
	c = unit.Command{Phase: unit.PhaseStart, NoEnv: true, Args: b.arguments, Pos: b.argsPos}
	switch {
	case b.program != nil:
		c.Path, c.Pos = b.program.Text, b.program.Pos
		if len(c.Args) == 0 {
			c.Args = []string{c.Path}
		}
	case len(b.arguments) > 0:
		c.Path = b.arguments[0]
	case !b.read:
		return c, false
	default:
		pos := b.argsPos
		if pos.Line == 0 {
			pos = b.labelPos
		}
		b.fail(pos, "", "cannot load: the job has neither Program nor ProgramArguments")
		return c, false
	}
	if c.Path == "" || strings.ContainsRune(c.Path, 0) {
		b.fail(c.Pos, "", "cannot load: expected the path of a program, found %.80q", c.Path)
		return c, false
	}
	if strings.Contains(c.Path, "/") && !strings.HasPrefix(c.Path, "/") {
		if b.exec.WorkingDirectory == "" {
			b.fail(c.Pos, "write the absolute path of the program, or set WorkingDirectory", "cannot load: the path %.80q is relative to no directory", c.Path)
			return c, false
		}
		c.Path = filepath.Join(b.exec.WorkingDirectory, c.Path)
	}
	b.glob(&c)
	return c, true
}

// glob has the patterns of the arguments expanded when the job starts, by a
// process of its own that becomes the program.
func (b *build) glob(c *unit.Command) {
	i := slices.IndexFunc(c.Args, func(a string) bool { return strings.ContainsAny(a, "*?[~") })
	switch {
	case b.globbing.Line == 0 || i < 0:
	case b.exec.RootDirectory != "":
		b.report(diag.Warning, CodeUnsupported, b.globbing, fmt.Sprintf("cannot use EnableGlobbing: patterns are not expanded within RootDirectory, and the job gets %.80q as it stands", c.Args[i]),
			"have a shell expand them: /bin/sh -c 'exec PROGRAM PATTERN'")
	default:
		c.Args = slices.Concat([]string{"rouse", "launchd-glob", c.Path}, c.Args)
		c.Path = b.opt.Program
	}
}

func (b *build) setUser(v *plist.Value) {
	if b.opt.User {
		b.note(v.Pos, "UserName has no effect: a user's manager starts everything as its own user")
		return
	}
	if b.account("UserName", v) {
		b.exec.User = v.Text
		b.where("User", v)
	}
}

func (b *build) setGroup(v *plist.Value) {
	switch {
	case b.opt.User:
		b.note(v.Pos, "GroupName has no effect: a user's manager starts everything as its own group")
	case v.Text == "wheel":
		b.note(v.Pos, "GroupName is that of root on macOS, and has no effect")
	case b.account("GroupName", v):
		b.exec.Group = v.Text
		b.where("Group", v)
	}
}

func (b *build) account(name string, v *plist.Value) bool {
	if v.Text == "" || strings.ContainsAny(v.Text, ":/\n\x00 ") {
		b.fail(v.Pos, "", "cannot read %s: expected a name, found %.80q", name, v.Text)
		return false
	}
	return true
}

func (b *build) setInitGroups(v *plist.Value) {
	if !v.Bool && !b.opt.User {
		b.report(diag.Note, CodeUnsupported, v.Pos, "cannot use InitGroups: the job has all groups of its user, ignoring", "")
	}
}

func (b *build) setEnvironment(v *plist.Value) {
	for _, e := range v.Entries {
		if !b.fits("EnvironmentVariables", []plist.Kind{plist.String}, e.Value, false) {
			continue
		}
		if e.Key == "" || strings.ContainsAny(e.Key, "=\x00\n") || strings.ContainsRune(e.Value.Text, 0) {
			b.warn(e.Pos, "cannot set the variable %.80q: expected a name without =, ignoring", e.Key)
			continue
		}
		b.exec.Environment = append(b.exec.Environment, e.Key+"="+e.Value.Text)
	}
}

func (b *build) setDirectory(v *plist.Value) {
	if path, ok := b.absolute("WorkingDirectory", v); ok {
		b.exec.WorkingDirectory = path
		b.where("WorkingDirectory", v)
	}
}

func (b *build) setRoot(v *plist.Value) {
	if path, ok := b.absolute("RootDirectory", v); ok && path != "/" {
		b.exec.RootDirectory = path
		b.where("RootDirectory", v)
	}
}

func (b *build) setUmask(v *plist.Value) {
	n := v.Int
	if v.Kind == plist.String {
		u, err := strconv.ParseUint(v.Text, 8, 12)
		if err != nil {
			u = math.MaxInt64
		}
		n = int64(u)
	}
	if n < 0 || n > 0o777 {
		b.warn(v.Pos, "cannot read Umask: expected an integer from 0 to 511 (decimal), or a string from 000 to 777 (octal), ignoring")
		return
	}
	b.exec.Umask = int32(n)
}

func (b *build) setNice(v *plist.Value) {
	if v.Int < -20 || v.Int > 20 {
		b.warn(v.Pos, "cannot read Nice: expected -20 to 20, found %d, ignoring", v.Int)
		return
	}
	n := int8(min(v.Int, 19))
	b.nice = &n
	b.where("Nice", v)
}

// The classes of ioprio_set(2).
const (
	ioBestEffort = 2
	ioIdle       = 3
)

func (b *build) setProcessType(v *plist.Value) {
	switch v.Text {
	case "Background":
		if b.nice == nil {
			n := int8(10)
			b.nice = &n
		}
		b.sched.IOClass, b.sched.IOPriority = ioIdle, 7
		b.weight("20", v)
	case "Interactive":
		b.weight("200", v)
	case "Standard", "Adaptive", "App", "SystemApp", "Driver":
	default:
		b.warn(v.Pos, "cannot read ProcessType: expected Background, Standard, Adaptive or Interactive, found %.80q, ignoring", v.Text)
	}
}

func (b *build) weight(w string, v *plist.Value) {
	b.attributes = append(b.attributes, unit.Attribute{File: "cpu.weight", Value: w, Pos: v.Pos})
}

func (b *build) setLowIO(v *plist.Value) {
	if v.Bool && b.sched.IOClass < 0 {
		b.sched.IOClass, b.sched.IOPriority = ioBestEffort, 7
	}
}

// limitNames are the keys by the kernel's numbers (RLIMIT_*).
var limitNames = []string{"CPU", "FileSize", "Data", "Stack", "Core", "ResidentSetSize", "NumberOfProcesses", "NumberOfFiles", "MemoryLock"}

const limitFiles = 7 // NumberOfFiles

func (b *build) setSoftLimits(v *plist.Value) {
	b.readLimits("SoftResourceLimits", v, func(l *limit, n uint64) { l.soft, l.hasSoft = n, true })
}

func (b *build) setHardLimits(v *plist.Value) {
	b.readLimits("HardResourceLimits", v, func(l *limit, n uint64) { l.hard, l.hasHard = n, true })
}

func (b *build) readLimits(name string, v *plist.Value, set func(*limit, uint64)) {
	for _, e := range v.Entries {
		resource := slices.IndexFunc(limitNames, func(n string) bool { return strings.EqualFold(n, e.Key) })
		switch {
		case resource < 0:
			b.unknown(e, name, limitNames)
		case !b.fits(name, []plist.Kind{plist.Integer}, e.Value, false):
		case e.Value.Int < 0:
			set(&b.limits[resource], math.MaxUint64) // RLIM_INFINITY of macOS
		default:
			set(&b.limits[resource], uint64(e.Value.Int))
		}
	}
}

func quoteKey(s string) string { return fmt.Sprintf("%.60q", s) }

// resourceLimits are the limits in the order of their numbers. Of a soft limit
// alone the hard one stays as high as the manager may set it, so that a
// program may still raise it.
func (b *build) resourceLimits() (out []unit.Limit) {
	for i, l := range b.limits {
		if !l.hasSoft && !l.hasHard {
			continue
		}
		if !l.hasHard {
			l.hard = math.MaxUint64
			if i == limitFiles {
				l.hard = max(l.soft, 1<<19) // more than fs.nr_open is refused; systemd's default
			}
		}
		if !l.hasSoft {
			l.soft = l.hard
		}
		out = append(out, unit.Limit{Resource: uint8(i), Soft: min(l.soft, l.hard), Hard: l.hard})
	}
	return out
}

// stream reads the file of a standard stream.
func stream(fd int) func(*build, *plist.Value) {
	return func(b *build, v *plist.Value) {
		name := [...]string{"StandardInPath", "StandardOutPath", "StandardErrorPath"}[fd]
		path, ok := b.absolute(name, v)
		if !ok {
			return
		}
		s := unit.Stdio{Kind: unit.StdioAppend, Arg: path}
		if path == "/dev/null" {
			s = unit.Stdio{Kind: unit.StdioNull}
		}
		switch fd {
		case 0:
			if s.Kind == unit.StdioAppend {
				s.Kind = unit.StdioFile
			}
			b.exec.Stdin = s
			b.where("StandardInput", v)
		case 1:
			b.exec.Stdout = s
			b.where("StandardOutput", v)
		case 2:
			b.exec.Stderr = s
			b.where("StandardError", v)
		}
	}
}

// seconds reads a time of at most a hundred years.
func (b *build) seconds(name string, v *plist.Value) (time.Duration, bool) {
	const most = 100 * 365 * 24 * 3600
	if v.Int < 0 || v.Int > most {
		b.warn(v.Pos, "cannot read %s: expected a number of seconds, found %d, ignoring", name, v.Int)
		return 0, false
	}
	return time.Duration(v.Int) * time.Second, true
}
