// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// build is a job in the making: what the stanzas so far have said.
type build struct {
	u    *unit.Unit
	list diag.List
	opt  Options

	job    *unit.Job
	exec   unit.Exec
	kill   unit.Kill
	normal unit.ExitSet

	reload      uint8
	killTimeout time.Duration
	busName     string

	processes [len(processes)]unit.Command // in the order of processes
	security  unit.Command

	startOn, stopOn unit.Expr
	causes          []cause
	emits, export   []string
	needs           []need
	cgroupPos       []diag.Pos // of job.Cgroups
	full            bool       // too many words have been told
}

// need is one name of a needs stanza.
type need struct {
	name, unit string
	pos        diag.Pos
}

// newBuild starts with the defaults of init(5).
func newBuild(name string, opt Options) *build {
	return &build{
		u:           &unit.Unit{Name: unitName(name), Kind: unit.KindService},
		opt:         opt,
		job:         &unit.Job{Name: name, ExpectTimeout: 10 * time.Second, RespawnCount: 10, RespawnInterval: 5 * time.Second},
		exec:        unit.Exec{Umask: 0o022},
		kill:        unit.Kill{Mode: unit.KillControlGroup, Signal: sigTERM, FinalSignal: sigKILL, WatchdogSignal: sigABRT, SendSIGKILL: true},
		reload:      sigHUP,
		killTimeout: 5 * time.Second,
	}
}

// The signals of the defaults.
const (
	sigHUP  = 1
	sigABRT = 6
	sigKILL = 9
	sigTERM = 15
)

// unitName escapes what the names of units may not hold, and the backslash
// that escapes.
func unitName(job string) string {
	var s strings.Builder
	for i := range len(job) {
		switch c := job[i]; {
		case c == '/':
			s.WriteByte('-')
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(":-_.", c) >= 0:
			s.WriteByte(c)
		default:
			fmt.Fprintf(&s, `\x%02x`, c)
		}
	}
	return s.String() + ".service"
}

func (b *build) run(f *File) {
	for _, a := range f.acts {
		a.apply(b)
	}
}

// report adds the findings of Parse.
func (b *build) report(list diag.List) {
	for _, d := range list {
		d.Unit = b.u.Name
		b.list.Add(d)
	}
}

func (b *build) ignoreOverride(o *File, why diag.Diagnostic) {
	why.Severity, why.Code, why.Unit = diag.Warning, CodeOverride, b.u.Name
	why.Msg += ", ignoring the whole override " + o.Path
	b.list.Add(why)
}

func (b *build) unsupported(pos diag.Pos, msg, fix string) {
	d := diag.Diagnostic{Pos: pos, Severity: diag.Warning, Code: CodeUnsupported, Unit: b.u.Name, Msg: msg, Fix: fix}
	b.list.Add(d)
	b.u.Unsupported = append(b.u.Unsupported, d)
}

// where notes the place of a setting that may fail at start.
func (b *build) where(directive string, pos diag.Pos) {
	for i := range b.exec.Where {
		if b.exec.Where[i].Directive == directive {
			b.exec.Where[i].Pos = pos
			return
		}
	}
	b.exec.Where = append(b.exec.Where, unit.Where{Directive: directive, Pos: pos})
}

// manual drops what starts the job, of start on and of the higher-level
// stanzas; the rest of these stays.
func (b *build) manual() {
	b.startOn, b.job.Manual = nil, true
	for i := range b.causes {
		b.causes[i].start = nil
	}
}

func (b *build) need(name string, pos diag.Pos) {
	n := need{name: name, unit: name, pos: pos}
	if !unit.ValidName(name) {
		n.unit = unitName(name)
	}
	if slices.ContainsFunc(b.needs, func(old need) bool { return old.unit == n.unit }) {
		return
	}
	if len(b.needs) == maxWords {
		b.tooMany("needs", pos)
		return
	}
	b.needs = append(b.needs, n)
}

// addNew adds the words of a stanza that are not there yet.
func (b *build) addNew(list *[]string, stanza string, more []string, pos diag.Pos) {
	for _, w := range more {
		switch {
		case slices.Contains(*list, w):
		case len(*list) == maxWords:
			b.tooMany(stanza, pos)
			return
		default:
			*list = append(*list, w)
		}
	}
}

func (b *build) tooMany(stanza string, pos diag.Pos) {
	if !b.full {
		b.full = true
		b.fail(pos, CodeLimit, fmt.Sprintf("cannot read %s: the job has more than %d words of it", stanza, maxWords), "")
	}
}

// fail adds an error that is not one of a single stanza.
func (b *build) fail(pos diag.Pos, code, msg, fix string) {
	if pos.File == "" {
		pos.File = b.u.Fragment
	}
	b.list.Add(diag.Diagnostic{Pos: pos, Severity: diag.Error, Code: code, Unit: b.u.Name, Msg: msg, Fix: fix})
}
