// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rouse-init/rouse/internal/unit"
)

// textStanzas are for people.
func textStanzas() []stanza {
	text := func(name, meaning string, set func(b *build, s string)) stanza {
		return row(name, synText, meaning, func(r *reader) apply {
			s := r.text()
			return func(b *build) { set(b, s) }
		})
	}
	return []stanza{
		text("description", "what the job is", func(b *build, s string) { b.u.Description = s }),
		text("author", "who wrote it", func(b *build, s string) { b.job.Author = s }),
		text("version", "its version", func(b *build, s string) { b.job.Version = s }),
		text("usage", "what start needs to know, shown where it was not told", func(b *build, s string) { b.job.Usage = s }),
	}
}

// confinementStanzas are AppArmor's and the control groups'.
func confinementStanzas() []stanza {
	return []stanza{
		row("apparmor load", "PATH", "a profile to load before pre-start, where there is AppArmor", func(r *reader) apply {
			pos := r.pos(r.start)
			w := r.word("the path of a profile")
			if r.scan.fault == nil && w.text[0] != '/' {
				r.warn(w.off, CodeOdd, quote(w.text)+" is not an absolute path: loading it will fail", "write the whole path")
			}
			return func(b *build) {
				b.job.AppArmorLoad = w.text
				b.security = unit.Command{
					Phase: unit.PhaseSecurity, IgnoreFailure: true, NoEnv: true, Path: "/sbin/apparmor_parser",
					Args: []string{"/sbin/apparmor_parser", "-r", "-W", w.text}, Pos: pos,
				}
			}
		}),
		row("apparmor switch", "NAME", "the profile of the main process; no effect", func(r *reader) apply {
			pos := r.pos(r.start)
			name := r.word("the name of a profile").text
			return func(b *build) {
				b.job.AppArmorSwitch = name
				b.unsupported(pos, "apparmor switch has no effect: rouse does not change profiles, so the job is less confined",
					"name the program in the profile, so that AppArmor attaches it")
			}
		}),
		row("cgroup", "CONTROLLER [NAME] [KEY VALUE]", "a setting of the job's control group; memory limit_in_bytes and cpu shares have an effect", cgroup),
		{
			StanzaDoc: StanzaDoc{
				Name: "import", Synopsis: "KEY", Meaning: "of ChromeOS: a variable of the event to pass on, which all are", Origin: fromChromeOS,
			},
			read: func(r *reader) apply {
				at := r.start
				keys := r.words("the name of a variable")
				r.warn(at, CodeStricter, "Upstart 1.13 refuses this stanza of ChromeOS; "+quote(strings.Join(keys, " "))+
					" is passed on anyway if the event or the start has it", "remove it")
				return func(*build) {}
			},
		},
	}
}

// ownCgroup is the NAME of init(5) for the group that is the job's own.
const ownCgroup = "$UPSTART_CGROUP"

// cgroup reads CONTROLLER, CONTROLLER NAME, CONTROLLER KEY VALUE or all four.
// cgmanager(8), which Upstart asked to do it, is gone; every job has a group of
// its own here.
func cgroup(r *reader) apply {
	pos := r.pos(r.start)
	rule := unit.CgroupRule{Controller: r.word("a controller").text}
	var words []string
	for r.more() && len(words) < 3 {
		w := r.scan.word("") // an empty value is one
		if !utf8.ValidString(w.text) {
			r.bad(w, "a word in UTF-8", "convert the file to UTF-8")
		}
		words = append(words, w.text)
	}
	if n := len(words); n == 1 || n == 3 {
		rule.Name, words = words[0], words[1:]
	}
	if len(words) == 2 {
		rule.Key, rule.Value = words[0], words[1]
	}
	return func(b *build) {
		for i, c := range b.job.Cgroups {
			if c.Controller == rule.Controller && c.Key == rule.Key {
				b.job.Cgroups[i], b.cgroupPos[i] = rule, pos
				return
			}
		}
		b.job.Cgroups, b.cgroupPos = append(b.job.Cgroups, rule), append(b.cgroupPos, pos)
	}
}

// cgroupAttribute is the file and value of cgroup version 2 that a rule stands
// for, where there is one (cgroups(7), cgroup-v2 of the kernel's admin guide).
func cgroupAttribute(c unit.CgroupRule) (a unit.Attribute, ok bool) {
	if c.Name != "" && c.Name != ownCgroup {
		return a, false
	}
	switch c.Controller + " " + c.Key {
	case "memory limit_in_bytes":
		n, ok := bytesOf(c.Value)
		return unit.Attribute{File: "memory.max", Value: strconv.FormatUint(n, 10)}, ok
	case "cpu shares":
		// 2…262144 with a default of 1024 become 1…10000 with one of 100.
		n, err := strconv.ParseUint(c.Value, 10, 32)
		return unit.Attribute{File: "cpu.weight", Value: strconv.FormatUint(min(max(n*100/1024, 1), 10000), 10)}, err == nil
	}
	return a, false
}

// bytesOf reads a number of bytes with the suffixes of the kernel.
func bytesOf(s string) (uint64, bool) {
	shift := 0
	if s != "" {
		switch s[len(s)-1] {
		case 'k', 'K':
			shift = 10
		case 'm', 'M':
			shift = 20
		case 'g', 'G':
			shift = 30
		}
	}
	if shift > 0 {
		s = s[:len(s)-1]
	}
	n, err := strconv.ParseUint(s, 10, 63)
	return n << shift, err == nil && n<<shift>>shift == n
}
