// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

const synText = "TEXT"

// maxSeconds is what an int of Upstart holds; nobody waits longer.
const maxSeconds = 1<<31 - 1

// seconds reads a number of seconds.
func (r *reader) seconds(low int64) time.Duration {
	what := "a number of seconds"
	if low > 0 {
		what += " from " + strconv.FormatInt(low, 10)
	}
	return time.Duration(r.number(what, low, maxSeconds)) * time.Second
}

// bare is a stanza without arguments.
func bare(set func(b *build)) func(*reader) apply {
	return func(*reader) apply { return set }
}

// lifeStanzas say how long a job lives and how it ends.
func lifeStanzas() []stanza {
	return []stanza{
		row("task", "", "whoever starts the job waits until it has finished; exit status 0 is no failure", bare(func(b *build) { b.job.Task = true })),
		row("instance", "NAME", "names the instances of the job, from its $VARIABLES; without it there is one", func(r *reader) apply {
			name := r.word("the name of the instances").text
			return func(b *build) { b.job.Instance = name }
		}),
		row("respawn", "", "start the main process again when it ends unasked", bare(func(b *build) { b.job.Respawn = true })),
		row("respawn limit", "COUNT SECONDS|unlimited", "how many respawns are allowed in how many seconds (10 5); 0 is unlimited", respawnLimit),
		row("normal exit", "STATUS|SIGNAL…", "ends that are no failure and are not respawned from", normalExit),
		row("expect", "stop|fork|daemon|listen|none", "what tells that the main process is ready: SIGSTOP, one fork, two forks, listen(), nothing", expect),
		{
			StanzaDoc: StanzaDoc{Name: "wait for", Synopsis: "stop|fork|daemon|none", Meaning: "the older name of expect", Origin: fromBefore},
			read: func(r *reader) apply {
				at := r.start
				do := expect(r)
				r.warn(at, CodeStricter, "Upstart 1.13 refuses this stanza of Upstart 0.3, which means expect", "write expect")
				return do
			},
		},
		row("kill signal", "SIGNAL", "what stops the main process (TERM)", signalStanza(func(b *build, n uint8) { b.kill.Signal = n })),
		row("reload signal", "SIGNAL", "what makes it reload (HUP)", signalStanza(func(b *build, n uint8) { b.reload = n })),
		row("kill timeout", "SECONDS", "how long after the kill signal KILL follows (5); 0 is at once", func(r *reader) apply {
			d := r.seconds(0)
			if d == 0 {
				d = 1 // the shortest time that is not endless
			}
			return func(b *build) { b.killTimeout = d }
		}),
		row("debug", "", "Upstart stops each process before exec when it is debugged; no effect", func(r *reader) apply {
			pos := r.pos(r.start)
			return func(b *build) {
				b.job.Debug = true
				b.unsupported(pos, "debug has no effect", "remove it; start a debugger in the command itself")
			}
		}),
	}
}

func respawnLimit(r *reader) apply {
	const what = "a number of respawns or unlimited"
	if !r.more() {
		r.missing(what)
		return nil
	}
	before := r.scan.pos
	if w := r.word(what); w.text == "unlimited" {
		return func(b *build) { b.job.RespawnCount, b.job.RespawnInterval = 0, 0 }
	}
	r.scan.pos = before
	count := uint32(r.number(what, 0, maxSeconds))
	interval := r.seconds(0)
	if count == 0 || interval == 0 {
		count, interval = 0, 0
	}
	return func(b *build) { b.job.RespawnCount, b.job.RespawnInterval = count, interval }
}

func expect(r *reader) apply {
	values := map[string]unit.Expect{
		"stop": unit.ExpectStop, "fork": unit.ExpectFork, "daemon": unit.ExpectDaemon,
		"listen": unit.ExpectListen, "none": unit.ExpectNone,
	}
	const what = "stop, fork, daemon, listen or none"
	w := r.word(what)
	x, ok := values[w.text]
	if !ok {
		r.bad(w, what, "")
	}
	return func(b *build) { b.job.Expect = x }
}

// normalExit reads statuses and signals. Upstart takes statuses above 255 too,
// which no process can end with.
func normalExit(r *reader) apply {
	const what = "an exit status or a signal such as TERM"
	var codes, signals []uint8
	for first := true; first || r.more(); first = false {
		w := r.word(what)
		if n, err := strconv.ParseUint(w.text, 10, 31); err == nil {
			if n > 255 {
				r.warn(w.off, CodeOdd, "no process ends with status "+w.text+", ignoring it", "write a status from 0 to 255")
				continue
			}
			codes = append(codes, uint8(n))
			continue
		}
		n, ok := signalNumber(w.text)
		if !ok {
			r.bad(w, what, signalFix(w.text))
		}
		signals = append(signals, n)
	}
	return func(b *build) {
		b.normal.Codes = addSorted(b.normal.Codes, codes)
		b.normal.Signals = addSorted(b.normal.Signals, signals)
	}
}

// addSorted adds what is not there yet, in order. It leaves old as it is.
func addSorted(old, more []uint8) []uint8 {
	list := slices.Concat(old, more)
	slices.Sort(list)
	return slices.Compact(list)
}

func signalStanza(set func(b *build, n uint8)) func(*reader) apply {
	return func(r *reader) apply {
		const what = "a signal such as TERM"
		w := r.word(what)
		n, ok := signalNumber(w.text)
		if number, err := strconv.ParseUint(w.text, 10, 8); err == nil && number >= 1 && number <= maxSignal {
			n, ok = uint8(number), true
		}
		if !ok {
			r.bad(w, what, signalFix(w.text))
		}
		return func(b *build) { set(b, n) }
	}
}

// maxSignal is _NSIG of Linux.
const maxSignal = 64

// signalNames are the signals of Linux by number, as on every architecture
// that Go runs on but mips.
var signalNames = [...]string{
	1: "HUP", 2: "INT", 3: "QUIT", 4: "ILL", 5: "TRAP", 6: "ABRT", 7: "BUS", 8: "FPE",
	9: "KILL", 10: "USR1", 11: "SEGV", 12: "USR2", 13: "PIPE", 14: "ALRM", 15: "TERM", 16: "STKFLT",
	17: "CHLD", 18: "CONT", 19: "STOP", 20: "TSTP", 21: "TTIN", 22: "TTOU", 23: "URG", 24: "XCPU",
	25: "XFSZ", 26: "VTALRM", 27: "PROF", 28: "WINCH", 29: "IO", 30: "PWR", 31: "SYS",
}

// signalNumber reads the name of a signal, with or without its SIG.
func signalNumber(s string) (uint8, bool) {
	name := strings.TrimPrefix(s, "SIG")
	switch name {
	case "CLD":
		name = "CHLD"
	case "POLL":
		name = "IO"
	case "IOT":
		name = "ABRT"
	case "UNUSED":
		name = "SYS"
	}
	i := slices.Index(signalNames[1:], name)
	return uint8(i + 1), i >= 0 && name != ""
}

func signalFix(s string) string {
	if upper := strings.ToUpper(s); upper != s {
		if _, ok := signalNumber(upper); ok {
			return "write " + upper
		}
	}
	return ""
}
