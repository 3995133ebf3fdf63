// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

// cause is a higher-level stanza: what Upstart's author wanted to put in the
// place of raw events. Each stands for expressions over events; any of the
// causes of a job starts it, and so does its start on.
type cause struct {
	text        string // as written
	start, stop unit.Expr
	bus         string // of dbus: the name
}

// event makes an operand from a name and KEY=VALUE words.
func (r *reader) event(name string, words ...string) unit.Term {
	t := unit.Term{Event: name, Pos: r.pos(r.start)}
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		t.Match = append(t.Match, unit.Match{Key: key, Value: value})
	}
	return t
}

// causeStanzas are the higher-level stanzas that start a job.
func causeStanzas() []stanza {
	return []stanza{
		row("dbus system-bus", "NAME",
			"starts when a message to NAME finds nobody; ready when the job owns it; runs only while dbus runs, which it starts", dbus("system")),
		row("dbus session-bus", "NAME", "the same on the bus of the session", dbus("session")),
		row("socket", "ADDRESS",
			"starts when somebody connects; the job gets the socket. ADDRESS is PORT, A.B.C.D:PORT, [V6]:PORT, /PATH or @NAME", socket),
		row("file", "PATH", "starts when the file appears or changes; PATH/ is a directory that has files in it, and the last part may be a pattern", file),
		row("calendar", "SPEC", `starts at the times of systemd.time(7), such as Mon..Fri 08:00`, calendar),
	}
}

// caused is a cause without anything but its start.
func (r *reader) caused(text string, start unit.Expr) apply {
	c := cause{text: text, start: start}
	return func(b *build) { b.addCause(c) }
}

// addCause adds a cause, in the place of an equal one.
func (b *build) addCause(c cause) {
	if i := slices.IndexFunc(b.causes, func(old cause) bool { return old.text == c.text }); i >= 0 {
		b.causes[i] = c
		return
	}
	b.causes = append(b.causes, c)
}

// busUnit is the unit of the bus, of both kinds.
const busUnit = "dbus.service"

// dbus is the stanza of seed 004: `dbus system-bus org.freedesktop.UDisks`.
func dbus(bus string) func(*reader) apply {
	return func(r *reader) apply {
		const what = "the name of a service on the bus, such as org.example.Name"
		w := r.word(what)
		if !busName(w.text) {
			r.bad(w, what, "")
		}
		stopping := r.event("stopping")
		stopping.Match = []unit.Match{{Value: "dbus"}}
		c := cause{
			text: r.name + " " + w.text, bus: w.text,
			start: unit.Expr{r.event("dbus-activation", "NAME="+w.text, "BUS="+bus)},
			stop:  unit.Expr{stopping},
		}
		return func(b *build) {
			// A service is ready when it owns one name: the last one counts.
			b.causes = slices.DeleteFunc(b.causes, func(old cause) bool { return old.bus != "" })
			own := c
			if b.u.Name == busUnit {
				own.stop = nil
			}
			b.addCause(own)
			b.busName, b.job.SessionBus = c.bus, bus == "session"
		}
	}
}

// busName tells whether s is a well-known name (D-Bus specification, Valid
// Names).
func busName(s string) bool {
	if len(s) > 255 || !strings.Contains(s, ".") {
		return false
	}
	for part := range strings.SplitSeq(s, ".") {
		if part == "" || part[0] >= '0' && part[0] <= '9' {
			return false
		}
		for _, c := range []byte(part) {
			if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
				return false
			}
		}
	}
	return true
}

// patternChars are special in the values of conditions. The event has the
// same text as the condition, so that "*" and "?" match themselves.
const patternChars = "*?[\\"

func socket(r *reader) apply {
	const what = "PORT, A.B.C.D:PORT, [V6]:PORT, /PATH or @NAME"
	w := r.word(what)
	var words []string
	switch addr, ok := socketAddress(w.text); {
	case strings.ContainsAny(w.text, "*?\\") || strings.Contains(addr.path, "["):
		r.bad(w, what, "an address cannot have the characters of patterns")
	case !ok:
		r.bad(w, what, addressFix(w.text))
	case addr.path != "":
		words = []string{"PROTO=unix", "SOCKET_PATH=" + addr.path}
	default:
		words = []string{"PROTO=" + addr.proto, "PORT=" + addr.port}
		if addr.ip != "" {
			words = append(words, "ADDR="+addr.ip)
		}
	}
	return r.caused("socket "+quoteWord(w.text), unit.Expr{r.event("socket", words...)})
}

// addressFix says what is wrong with an address that cannot be read.
func addressFix(s string) string {
	i := strings.LastIndexByte(s, ':')
	port := s[i+1:]
	switch {
	case i > 0 && s[0] != '[' && strings.Contains(s[:i], ":"):
		return "write an IPv6 address in brackets: [" + s[:i] + "]:" + port
	case s == "" || s[0] == '/' || s[0] == '@':
		return ""
	case port != "" && strings.Trim(port, "0123456789") == "":
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "write a port from 1 to 65535"
		}
	case i < 0 || !strings.ContainsAny(port, "0123456789"):
		return "write the port as a number; names are not looked up"
	}
	if i < 0 {
		return ""
	}
	return "write the address as a number; names are not looked up"
}

type socketAddr struct{ proto, port, ip, path string }

func socketAddress(s string) (a socketAddr, ok bool) {
	if s == "" {
		return a, false
	}
	if s[0] == '/' || s[0] == '@' && len(s) > 1 {
		const longest = 107 // sun_path of unix(7) less its NUL
		return socketAddr{path: s}, len(s) <= longest
	}
	a.proto = "inet"
	port := s
	if i := strings.LastIndexByte(s, ':'); i >= 0 {
		port = s[i+1:]
		bare, bracket := strings.CutPrefix(s[:i], "[")
		bare, closed := strings.CutSuffix(bare, "]")
		ip, err := netip.ParseAddr(bare)
		if err != nil || bracket != closed || ip.Is4() == bracket || ip.Zone() != "" {
			return a, false
		}
		if bracket {
			a.proto = "inet6"
		}
		a.ip = ip.String()
	}
	n, err := strconv.ParseUint(port, 10, 16)
	a.port = strconv.FormatUint(n, 10)
	return a, err == nil && n > 0
}

func file(r *reader) apply {
	const what = "an absolute path"
	w := r.word(what)
	dir := w.text[:strings.LastIndexByte(w.text, '/')+1]
	switch {
	case w.text == "" || w.text[0] != '/':
		r.bad(w, what, "")
	case strings.ContainsAny(dir, patternChars) || strings.ContainsAny(w.text, "[\\"):
		r.bad(w, "a path with * and ? in its last part only, and without [ and backslashes", "")
	}
	if strings.HasSuffix(w.text, "/") {
		// Files in a directory are told as its modification (file-event(7)).
		return r.caused("file "+quoteWord(w.text), unit.Expr{r.event("file", "FILE="+w.text, "EVENT=modify")})
	}
	created := r.event("file", "FILE="+w.text, "EVENT=create")
	modified := r.event("file", "FILE="+w.text, "EVENT=modify")
	return r.caused("file "+quoteWord(w.text), unit.Expr{created, modified, {Op: unit.OpOr, Pos: created.Pos}})
}

// calendar reads a specification, which may have blanks without quotes. What
// it means the source of its events knows.
func calendar(r *reader) apply {
	const what = "a time such as Mon..Fri 08:00"
	off := r.scan.pos
	spec := strings.Join(r.words(what), " ")
	const special = "*.,:/~-+_ "
	for _, c := range []byte(spec) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte(special, c) < 0 {
			r.bad(word{text: spec, off: off}, what, "")
			break
		}
	}
	return r.caused("calendar "+quoteWord(spec), unit.Expr{r.event("calendar", "SPEC="+spec)})
}

// ownStanzas are rouse's own that start nothing.
func ownStanzas() []stanza {
	return []stanza{
		row("needs", "JOB…", "jobs or units that are started before the job and must run", func(r *reader) apply {
			names := r.words("the name of a job or unit")
			pos := r.pos(r.start)
			return func(b *build) {
				for _, n := range names {
					b.need(n, pos)
				}
			}
		}),
		row("expect timeout", "SECONDS", "how long expect is waited for (10); then the job goes on with what is there", func(r *reader) apply {
			d := r.seconds(1)
			return func(b *build) { b.job.ExpectTimeout = d }
		}),
	}
}
