// SPDX-License-Identifier: Apache-2.0

package xinetd

import (
	"fmt"
	"math"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

func (b *build) onlyFrom(v []word) {
	b.access.Only = true // of nobody, if the list is empty
	for _, w := range v {
		rules, why := b.rules(w)
		switch {
		case why == "":
			b.access.OnlyFrom = append(b.access.OnlyFrom, rules...)
		case rules == nil && looksLikeName(w.text):
			b.warn(CodeHost, w.pos, fmt.Sprintf("cannot let in %s by only_from: %s, ignoring it", brief(w.text), why), "write its address or network")
		default:
			b.bad("only_from", w, why)
		}
	}
}

// noAccess differs in that nothing may be ignored: it would let in who is to
// stay out.
func (b *build) noAccess(v []word) {
	for _, w := range v {
		rules, why := b.rules(w)
		switch {
		case why == "":
			b.access.NoAccess = append(b.access.NoAccess, rules...)
		case looksLikeName(w.text):
			b.fail(CodeHost, w.pos, fmt.Sprintf("cannot keep out %s by no_access: %s", brief(w.text), why), "write its address or network")
		default:
			b.bad("no_access", w, why)
		}
	}
}

// looksLikeName tells host and domain names from addresses gone wrong.
func looksLikeName(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r >= 'g' && r <= 'z' || r >= 'G' && r <= 'Z' }) || strings.HasPrefix(s, ".")
}

const addressForms = "an address, a network such as 10.1.0.0 or 10.1.0.0/16, or addresses such as 10.1.2.{3,4}"

// rules reads one word of only_from or no_access: an address, where zeros at
// the end stand for anything, a list such as 10.1.{2,3}, ADDRESS/BITS, a host.
func (b *build) rules(w word) (out []unit.AccessRule, why string) {
	text := w.text
	if strings.HasPrefix(text, ".") {
		return nil, "the name of each client would have to be looked up, which could hold up all others"
	}
	if strings.Contains(text, "/") {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, addressForms
		}
		return []unit.AccessRule{unit.Network(p, w.pos)}, ""
	}
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		if a.Is6() {
			if a.IsUnspecified() {
				return []unit.AccessRule{unit.Network(netip.PrefixFrom(a, 0), w.pos)}, ""
			}
			return []unit.AccessRule{unit.Network(netip.PrefixFrom(a, 128), w.pos)}, ""
		}
		bits := 32
		for b4 := a.As4(); bits > 0 && b4[bits/8-1] == 0; {
			bits -= 8
		}
		return []unit.AccessRule{unit.Network(netip.PrefixFrom(a, bits), w.pos)}, ""
	}
	if strings.Contains(text, "{") {
		return factored(w)
	}
	var found []netip.Addr
	if b.c.opt.Addrs != nil {
		found = b.c.opt.Addrs(text)
	}
	if len(found) == 0 {
		if !looksLikeName(text) {
			return nil, addressForms
		}
		return nil, "the host is not in /etc/hosts, and name servers are not asked"
	}
	for _, a := range found {
		out = append(out, unit.Network(netip.PrefixFrom(a, a.BitLen()), w.pos))
	}
	return out, ""
}

// factored reads 10.1.2.{3,4} and 10.1.{2,3}, where the braces come last and
// what is missing after them stands for anything.
func factored(w word) (out []unit.AccessRule, why string) {
	head, list, ok := strings.Cut(w.text, "{")
	list, closed := strings.CutSuffix(list, "}")
	dots := strings.Count(head, ".")
	if !ok || !closed || dots == 0 || dots > 3 || !strings.HasSuffix(head, ".") {
		return nil, addressForms
	}
	for item := range strings.SplitSeq(list, ",") {
		if len(out) == 256 {
			return nil, "at most 256 numbers in the braces"
		}
		a, err := netip.ParseAddr(head + item + strings.Repeat(".0", 3-dots))
		if err != nil || !a.Is4() {
			return nil, addressForms
		}
		out = append(out, unit.Network(netip.PrefixFrom(a, (dots+1)*8), w.pos))
	}
	return out, ""
}

func (b *build) accessTimes(v []word) {
	for _, w := range v {
		from, to, ok := strings.Cut(w.text, "-")
		f, ok1 := clock(from)
		t, ok2 := clock(to)
		if !ok || !ok1 || !ok2 {
			b.bad("access_times", w, "hours and minutes such as 08:00-17:30")
			return
		}
		b.access.Times = append(b.access.Times, unit.TimeRange{From: f, To: t})
	}
}

// clock reads hh:mm.
func clock(s string) (uint16, bool) {
	h, m, ok := strings.Cut(s, ":")
	hour, err1 := strconv.ParseUint(h, 10, 8)
	minute, err2 := strconv.ParseUint(m, 10, 8)
	return uint16(hour*60 + minute), ok && err1 == nil && err2 == nil && hour < 24 && minute < 60
}

func (b *build) cps(v []word) {
	n, err := strconv.ParseUint(v[0].text, 10, 32)
	wait, err2 := strconv.ParseUint(v[1].text, 10, 31)
	switch {
	case err != nil || n == 0:
		b.bad("cps", v[0], "a number of connections in a second")
	case err2 != nil:
		b.bad("cps", v[1], "a number of seconds")
	default:
		b.Socket.TriggerBurst, b.Socket.TriggerInterval = uint32(n), time.Second
		b.note(v[1], fmt.Sprintf("after more than %d connections in a second the service pauses for at most 10 s and clients wait in its queue, where xinetd would close it for %d s", n, wait))
	}
}

func (b *build) maxLoad(w word) {
	f, err := strconv.ParseFloat(w.text, 64)
	if err != nil || f <= 0 || math.IsInf(f, 0) || math.IsNaN(f) {
		b.bad("max_load", w, "a load average such as 2.5")
		return
	}
	b.access.MaxLoad = f
}

func (b *build) denyTime(w word) {
	switch strings.ToUpper(w.text) {
	case "FOREVER":
		b.access.DenyTime = unit.Infinity
		return
	case "NEVER":
		return
	}
	n, err := strconv.ParseUint(w.text, 10, 24)
	if err != nil {
		b.bad("deny_time", w, "a number of minutes, FOREVER or NEVER")
		return
	}
	b.access.DenyTime = time.Duration(n) * time.Minute
}

func (b *build) file(attr string, w word) string {
	if !path.IsAbs(w.text) {
		b.bad(attr, w, "the absolute path of a file")
		return ""
	}
	return path.Clean(w.text)
}

func (b *build) banner(w word)        { b.access.Banner = b.file("banner", w) }
func (b *build) bannerSuccess(w word) { b.access.BannerSuccess = b.file("banner_success", w) }
func (b *build) bannerFail(w word)    { b.access.BannerFail = b.file("banner_fail", w) }

func (b *build) logType(v []word) {
	if len(v) == 0 {
		return
	}
	switch strings.ToUpper(v[0].text) {
	case "SYSLOG":
	case "FILE":
		b.note(v[0], "what would be logged to a file goes to the log of the unit")
	default:
		b.bad("log_type", v[0], "SYSLOG FACILITY or FILE PATH")
	}
}

func (b *build) logOnSuccess(v []word) {
	b.access.LogOnSuccess = b.logWords("log_on_success", v, "PID", "HOST", "USERID", "EXIT", "DURATION", "TRAFFIC")
}

func (b *build) logOnFailure(v []word) {
	b.access.LogOnFailure = b.logWords("log_on_failure", v, "HOST", "USERID", "ATTEMPT")
}

func (b *build) logWords(attr string, v []word, known ...string) []string {
	for _, w := range v {
		if u := strings.ToUpper(w.text); !slices.Contains(known, u) {
			b.bad(attr, w, "some of "+strings.Join(known, ", "))
			return nil
		}
	}
	return slices.DeleteFunc(upper(v), func(s string) bool { return s == "USERID" }) // ident is not asked
}
