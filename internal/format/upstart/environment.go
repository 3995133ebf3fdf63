// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"math"
	"strconv"
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

// environmentStanzas set up the environment of the processes (init(5), Job
// environment and Process environment). The directives of systemd that do the
// same name what fails at the start.
func environmentStanzas() []stanza {
	return []stanza{
		row("env", "KEY[=VALUE]", "a variable that starts and events may replace; without a value it is rouse's own", env),
		row("umask", "OCTAL", "the mask for the modes of new files (022)", func(r *reader) apply {
			w := r.word(wantUmask)
			n, err := strconv.ParseUint(w.text, 8, 16)
			if err != nil || n > 0o777 {
				r.bad(w, wantUmask, "")
			}
			return r.setting("UMask", func(x *unit.Exec) { x.Umask = int32(n) })
		}),
		row("nice", "N", "the nice value", func(r *reader) apply {
			n := int8(r.number("-20 to 19", -20, 19))
			return r.setting("Nice", func(x *unit.Exec) { x.Nice = &n })
		}),
		row("oom", "ADJUSTMENT|never", "how likely the process is killed for memory, on the old scale from -16 to 15", func(r *reader) apply {
			n := r.numberOrNever("-16 to 15 or never", -17, 15)
			if n < 0 {
				n = n * 1000 / 17
			} else {
				n = n * 1000 / 15
			}
			return r.oomScore(n)
		}),
		row("oom score", "ADJUSTMENT|never", "the same from -999 to 1000", func(r *reader) apply {
			return r.oomScore(r.numberOrNever("-999 to 1000 or never", -1000, 1000))
		}),
		row("limit", "RESOURCE SOFT HARD", "a resource limit; each a number or unlimited", limit),
		row("chroot", "DIR", "the root directory of the processes", directory("RootDirectory", func(x *unit.Exec, dir string) { x.RootDirectory = dir })),
		row("chdir", "DIR", "their working directory (/)", directory("WorkingDirectory", func(x *unit.Exec, dir string) { x.WorkingDirectory = dir })),
		row("setuid", "USER", "the user that they run as, with the user's groups", func(r *reader) apply {
			name := r.word("the name of a user").text
			return r.setting("User", func(x *unit.Exec) { x.User = name })
		}),
		row("setgid", "GROUP", "the group that they run as", func(r *reader) apply {
			name := r.word("the name of a group").text
			return r.setting("Group", func(x *unit.Exec) { x.Group = name })
		}),
		row("console", "log|none|output|owner", "where their output goes: kept, nowhere, to the console, to the console as its owner", console),
	}
}

const wantUmask = "an octal number from 0 to 0777"

// setting notes the place of a setting and makes it.
func (r *reader) setting(directive string, set func(x *unit.Exec)) apply {
	pos := r.pos(r.start)
	return func(b *build) {
		b.where(directive, pos)
		set(&b.exec)
	}
}

// env reads a variable. Its value is not expanded.
func env(r *reader) apply {
	w := r.word("KEY or KEY=VALUE")
	key, _, assigned := strings.Cut(w.text, "=")
	if key == "" {
		r.bad(w, "KEY or KEY=VALUE", "")
	}
	return func(b *build) {
		b.exec.Environment = dropKey(b.exec.Environment, key)
		b.exec.PassEnvironment = dropKey(b.exec.PassEnvironment, key)
		if assigned {
			b.exec.Environment = append(b.exec.Environment, w.text)
		} else {
			b.exec.PassEnvironment = append(b.exec.PassEnvironment, key)
		}
	}
}

// dropKey leaves out what is set of a variable.
func dropKey(list []string, key string) []string {
	kept := list[:0]
	for _, e := range list {
		if k, _, _ := strings.Cut(e, "="); k != key {
			kept = append(kept, e)
		}
	}
	return kept
}

func (r *reader) numberOrNever(what string, low, high int64) int64 {
	if r.more() {
		before := r.scan.pos
		if w := r.word(what); w.text == "never" {
			return low
		}
		r.scan.pos = before
	}
	return r.number(what, low, high)
}

func (r *reader) oomScore(n int64) apply {
	score := int16(n)
	return r.setting("OOMScoreAdjust", func(x *unit.Exec) { x.OOMScoreAdjust = &score })
}

// resources are the limits by the name that init(5) gives them, with the
// kernel's numbers (asm-generic/resource.h). locks and rttime are rouse's.
var resources = map[string]uint8{
	"cpu": 0, "fsize": 1, "data": 2, "stack": 3, "core": 4, "rss": 5, "nproc": 6, "nofile": 7, "memlock": 8,
	"as": 9, "locks": 10, "sigpending": 11, "msgqueue": 12, "nice": 13, "rtprio": 14, "rttime": 15,
}

const wantResource = "one of as, core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending and stack"

func limit(r *reader) apply {
	w := r.word(wantResource)
	resource, ok := resources[w.text]
	if !ok {
		fix := ""
		if _, ok := resources[strings.ToLower(w.text)]; ok {
			fix = "write " + strings.ToLower(w.text)
		}
		r.bad(w, wantResource, fix)
	}
	at := r.scan.pos
	l := unit.Limit{Resource: resource, Soft: r.limitValue(), Hard: r.limitValue()}
	if l.Soft > l.Hard && r.scan.fault == nil {
		r.warn(at, CodeOdd, "the soft limit is above the hard one, which the kernel refuses, lowering it", "write the soft limit first")
		l.Soft = l.Hard
	}
	return r.setting("Limit"+strings.ToUpper(w.text), func(x *unit.Exec) {
		for i := range x.Limits {
			if x.Limits[i].Resource == resource {
				x.Limits[i] = l
				return
			}
		}
		x.Limits = append(x.Limits, l)
	})
}

// limitValue reads a number, or unlimited, which -1 means too.
func (r *reader) limitValue() uint64 {
	const what = "unlimited or a number"
	w := r.word(what)
	if w.text == "unlimited" || w.text == "-1" {
		return math.MaxUint64
	}
	n, err := strconv.ParseUint(w.text, 10, 64)
	if err != nil {
		r.bad(w, what, "")
	}
	return n
}

func directory(directive string, set func(x *unit.Exec, dir string)) func(*reader) apply {
	return func(r *reader) apply {
		w := r.word("a directory")
		dir := w.text
		if r.scan.fault == nil && dir[0] != '/' {
			r.warn(w.off, CodeOdd, quote(dir)+" is not an absolute path, taking it from /", "write the whole path")
			dir = "/" + dir
		}
		return r.setting(directive, func(x *unit.Exec) { set(x, dir) })
	}
}

func console(r *reader) apply {
	const what = "log, none, output or owner"
	w := r.word(what)
	switch w.text {
	case "log", "none", "output", "owner":
	default:
		r.bad(w, what, "")
	}
	return func(b *build) { b.job.Console = w.text }
}

// consoleStdio connects the streams as the console stanza says (init(5)).
// The default is kept output, as with log.
func consoleStdio(x *unit.Exec, console string) {
	const path = "/dev/console"
	x.Stdin = unit.Stdio{Kind: unit.StdioNull}
	switch console {
	case "none":
		x.Stdout = unit.Stdio{Kind: unit.StdioNull}
	case "output":
		x.Stdin = unit.Stdio{Kind: unit.StdioFile, Arg: path}
		x.Stdout = x.Stdin
	case "owner":
		x.Stdin = unit.Stdio{Kind: unit.StdioTTYForce}
		x.Stdout = unit.Stdio{Kind: unit.StdioTTY}
		x.TTYPath = path
	case "log":
		x.Stdout = unit.Stdio{Kind: unit.StdioJournal}
	}
	x.Stderr = x.Stdout
}
