// SPDX-License-Identifier: Apache-2.0

package launchd

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/launchd/plist"
	"github.com/rouse-init/rouse/internal/format/pair"
	"github.com/rouse-init/rouse/internal/unit"
)

// build is a job in the making: what the keys so far have said.
type build struct {
	opt  Options
	path string
	list diag.List
	read bool // it is a dictionary, so that what is missing in it can be told

	label       string
	labelPos    diag.Pos
	description string
	off         string // why it is not to be loaded
	disabled    *plist.Value

	program    *plist.Value
	arguments  []string
	argsPos    diag.Pos
	globbing   diag.Pos
	exec       unit.Exec
	sched      unit.Sched
	attributes []unit.Attribute
	limits     [16]limit
	nice       *int8

	keep     keep
	runAt    bool     // RunAtLoad
	once     diag.Pos // of LaunchOnlyOnce
	abandon  bool
	throttle time.Duration
	every    intervals
	exitTime time.Duration
	idle     time.Duration // TimeOut; 0: not set
	idlePos  diag.Pos

	inetd   bool
	wait    bool
	sockets []*sock

	startOn, stopOn unit.Expr
	crowded         bool     // there are more than startOn may have
	watches, dated  bool     // WatchPaths, and dates or mounts, are among startOn
	mach            diag.Pos // of MachServices
}

// limit is a resource limit, of which a file may set one half.
type limit struct {
	soft, hard       uint64
	hasSoft, hasHard bool
}

func newBuild(path string, opt Options) *build {
	return &build{
		path: path, opt: opt, label: labelOf(path),
		exec: unit.Exec{Umask: -1}, sched: unit.Sched{Policy: -1, IOClass: -1},
		throttle: 10 * time.Second, exitTime: 20 * time.Second,
	}
}

// report adds a finding. Of too many the first error is kept, as it keeps the
// job from loading.
func (b *build) report(s diag.Severity, code string, pos diag.Pos, msg, fix string) {
	if len(b.list) < maxFindings || s == diag.Error && !b.list.Errors() {
		b.list.Add(diag.Diagnostic{Pos: pos, Severity: s, Code: code, Msg: msg, Fix: fix})
	}
}

func (b *build) warn(pos diag.Pos, format string, args ...any) {
	b.report(diag.Warning, CodeValue, pos, fmt.Sprintf(format, args...), "")
}

func (b *build) fail(pos diag.Pos, fix, format string, args ...any) {
	b.report(diag.Error, CodeValue, pos, fmt.Sprintf(format, args...), fix)
}

// note is for what is worth knowing and is no fault of the file.
func (b *build) note(pos diag.Pos, format string, args ...any) {
	b.report(diag.Note, CodeDiffers, pos, fmt.Sprintf(format, args...), "")
}

// where notes the place of a setting that can fail at start, under the name
// that the manager gives to the step.
func (b *build) where(directive string, v *plist.Value) {
	b.exec.Where = append(b.exec.Where, unit.Where{Directive: directive, Pos: v.Pos})
}

// root reads the dictionary that the file is.
func (b *build) root(v *plist.Value) {
	b.labelPos = v.Pos
	if v.Kind != plist.Dict {
		b.fail(v.Pos, "", "cannot load: expected a dictionary, found a value of kind %s", v.Kind)
		return
	}
	b.read = true
	for _, e := range v.Entries {
		k := find(e.Key)
		switch {
		case k == nil:
			b.report(diag.Warning, CodeKey, e.Pos, "cannot use the key "+quoteKey(e.Key)+": it is not known, ignoring", meant(e.Key, keyNames()))
		case k.read == nil:
			s, code := diag.Note, CodeUnsupported
			if k.matters {
				s = diag.Warning
			}
			b.report(s, code, e.Pos, "cannot use "+k.name+": "+k.becomes+", ignoring", "")
		case b.fits(k.name, k.kinds, e.Value, k.must):
			k.read(b, e.Value)
		}
	}
	b.judgeInterval()
	if !slices.ContainsFunc(v.Entries, func(e plist.Entry) bool { return strings.EqualFold(e.Key, "Label") }) {
		b.fail(v.Pos, fmt.Sprintf("add <key>Label</key> <string>%s</string>", b.label), "cannot load: the job has no Label")
	}
}

// unknown tells of a key that a dictionary inside that of the job does not have.
func (b *build) unknown(e plist.Entry, in string, names []string) {
	b.report(diag.Warning, CodeKey, e.Pos, "cannot use "+quoteKey(e.Key)+" in "+in+": it is not known, ignoring", meant(e.Key, names))
}

func meant(key string, names []string) string {
	if near := nearest(key, names); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}

// fits tells whether a value is of one of the kinds that a key takes.
// Truth may be told by the numbers 0 and 1.
func (b *build) fits(name string, kinds []plist.Kind, v *plist.Value, must bool) bool {
	var words []string
	for _, k := range kinds {
		if v.Kind == k {
			return true
		}
		if k == plist.Bool && v.Kind == plist.Integer && (v.Int == 0 || v.Int == 1) {
			v.Kind, v.Bool = plist.Bool, v.Int == 1
			return true
		}
		words = append(words, k.String())
	}
	msg := fmt.Sprintf("cannot read %s: expected a value of kind %s, found %s", name, strings.Join(words, " or "), v.Kind)
	if must {
		b.fail(v.Pos, "", "%s", msg)
	} else {
		b.warn(v.Pos, "%s, ignoring", msg)
	}
	return false
}

// texts are the strings of an array, or one string.
func (b *build) texts(name string, v *plist.Value) (out []*plist.Value) {
	if v.Kind == plist.String {
		return []*plist.Value{v}
	}
	for _, item := range v.Items {
		if b.fits(name, []plist.Kind{plist.String}, item, false) {
			out = append(out, item)
		}
	}
	return out
}

// absolute reads a path.
func (b *build) absolute(name string, v *plist.Value) (string, bool) {
	switch {
	case strings.ContainsRune(v.Text, 0):
	case strings.HasPrefix(v.Text, "/"):
		return v.Text, true
	}
	fix := "write all of the path"
	if strings.HasPrefix(v.Text, "~") {
		fix = "write the home directory in full: launchd does not expand ~ here either"
	}
	b.fail(v.Pos, fix, "cannot read %s: expected an absolute path, found %.80q", name, v.Text)
	return "", false
}

// stem is what the names of the units begin with.
func (b *build) stem() string { return pair.Escape(b.label) }
