// SPDX-License-Identifier: Apache-2.0

package launchd

import (
	"path/filepath"
	"strings"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/launchd/plist"
	"github.com/rouse-init/rouse/internal/unit"
)

// start adds an event that starts the job, and tells whether there was room.
func (b *build) start(t unit.Term) bool {
	if len(b.startOn) > maxTerms {
		if !b.crowded {
			b.report(diag.Error, CodeLimit, t.Pos, "cannot load: the job is started by too many paths, jobs and dates", "split it")
		}
		b.crowded = true
		return false
	}
	b.startOn = either(b.startOn, unit.Expr{t})
	return true
}

// either joins two expressions with or.
func either(x, y unit.Expr) unit.Expr {
	switch {
	case len(x) == 0:
		return y
	case len(y) == 0:
		return x
	}
	x = append(append(x[:len(x):len(x)], y...), unit.Term{Op: unit.OpOr, Pos: y[len(y)-1].Pos})
	return x
}

// literal is a pattern of fnmatch(3) that matches s alone.
func literal(s string) string {
	return strings.NewReplacer("*", "[*]", "?", "[?]", "[", "[[]").Replace(s)
}

// watchable tells whether a path can be an operand of an expression. One with
// characters of patterns is taken for a pattern by the source of the events,
// and one with $ for a variable.
func watchable(path string) bool { return !strings.ContainsAny(path, "$\x00\n*?[\\") }

func fileTerm(pos diag.Pos, path, event string, more ...unit.Match) unit.Term {
	return unit.Term{Event: "file", Pos: pos, Match: append([]unit.Match{{Key: "FILE", Value: path}, {Key: "EVENT", Value: event}}, more...)}
}

func dateTerm(pos diag.Pos, spec string) unit.Term {
	return unit.Term{Event: "calendar", Pos: pos, Match: []unit.Match{{Key: "SPEC", Value: spec}}}
}

// jobTerm is an event of a job of launchd. Others are known by the names of
// their services, as they are in JOB=.
func jobTerm(pos diag.Pos, event, label string) unit.Term {
	return unit.Term{Event: event, Pos: pos, Match: []unit.Match{{Key: "JOB", Value: literal(strings.TrimSuffix(ServiceName(label), ".service"))}}}
}

// setWatch: whatever happens to a path starts the job, but not that it is there
// already. The directory that it lies in is watched for its name, so that it
// may come and go, and the path itself in case that it is a directory.
func (b *build) setWatch(v *plist.Value) {
	for _, item := range b.texts("WatchPaths", v) {
		path, ok := b.watched("WatchPaths", item)
		if !ok {
			continue
		}
		b.watches = true
		if dir := filepath.Dir(path); dir != path {
			b.start(fileTerm(item.Pos, below(dir), changed, unit.Match{Key: "MATCH", Value: path}))
		}
		b.start(fileTerm(item.Pos, below(path), changed, unit.Match{Key: "MATCH", Value: "?*"}))
	}
}

// changed matches create and modify. What is told of a directory at the first
// look is its creation, without MATCH=, and what changes in it a modification
// with it; so what asks for both and wants MATCH= hears of changes alone.
const changed = "[cm]*"

// setQueues: a directory that has something in it starts the job, also when it
// had that before.
func (b *build) setQueues(v *plist.Value) {
	for _, item := range b.texts("QueueDirectories", v) {
		path, ok := b.watched("QueueDirectories", item)
		if !ok {
			continue
		}
		b.start(fileTerm(item.Pos, below(path), "modify"))
		b.holds(item.Pos, "queue:"+path)
	}
}

// setMount: every mount starts the job.
func (b *build) setMount(v *plist.Value) {
	if v.Bool {
		b.start(unit.Term{Event: "mount", Pos: v.Pos})
		b.dated = true
	}
}

// below is the operand for what happens in a directory.
func below(dir string) string {
	if dir == "/" {
		return dir
	}
	return dir + "/"
}

func (b *build) watched(key string, v *plist.Value) (string, bool) {
	if !filepath.IsAbs(v.Text) || !watchable(v.Text) {
		b.warn(v.Pos, "cannot watch the path %.60q of %s: expected an absolute path without *, ?, [, \\ and $, ignoring", v.Text, key)
		return "", false
	}
	return filepath.Clean(v.Text), true
}
