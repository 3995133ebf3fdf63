// SPDX-License-Identifier: Apache-2.0

package unit

import (
	"strings"
	"testing"
	"time"
)

func TestValidName(t *testing.T) {
	for name, want := range map[string]bool{
		"a.service": true, "a@.service": true, "a@b@c.service": true, `a\x2db-c:d_e.f.mount`: true, "-.slice": true,
		"a": false, ".service": false, "@.service": false, "@x.service": false, "a b.service": false, "a/b.service": false,
		"a.servic": false, "ä.service": false, "a.service.": false, "": false,
		strings.Repeat("x", 247) + ".service": true, strings.Repeat("x", 248) + ".service": false,
	} {
		if ValidName(name) != want {
			t.Errorf("ValidName(%q) is %v", name, !want)
		}
	}
}

func TestParts(t *testing.T) {
	if got := TemplateOf("a@b@c.service"); got != "a@.service" {
		t.Error(got)
	}
	if got := TemplateOf("a.service") + TemplateOf("a@.service"); got != "" {
		t.Error(got)
	}
	if got := InstanceOf("a@.socket", "1"); got != "a@1.socket" {
		t.Error(got)
	}
	if got := WithKind("a@1.socket", KindService); got != "a@1.service" {
		t.Error(got)
	}
	for name, want := range map[string]string{
		"a-b-c.slice": "a-b.slice", "a.slice": "-.slice", "-.slice": "", "a.service": "",
	} {
		if got := SliceParent(name); got != want {
			t.Errorf("the parent of %s is %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]bool{
		"-.slice": true, "a-b.slice": true, "a--b.slice": false, "-a.slice": false, "a-.slice": false, "a@b.slice": false,
	} {
		if ValidSlice(name) != want {
			t.Errorf("ValidSlice(%q) is %v", name, !want)
		}
	}
}

// The wanted values are those of systemd-escape(1).
func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"a/b": "a-b", "a-b": `a\x2db`, ".a.b": `\x2ea.b`, "ä": `\xc3\xa4`, `\`: `\x5c`, "a:b_c": "a:b_c", "": "", "@": `\x40`,
	} {
		if got := Escape(in); got != want {
			t.Errorf("Escape(%q) is %q, want %q", in, got, want)
		}
		if back, err := Unescape(want); err != nil || back != in {
			t.Errorf("Unescape(%q) is %q, %v", want, back, err)
		}
	}
	for in, want := range map[string]string{"/": "-", "": "-", "//a//b/": "a-b", "/a/./b": "a-b", "/.x": `\x2ex`, "/..": "!", "/a/../b": "!"} {
		got, err := EscapePath(in)
		if err != nil {
			got = "!"
		}
		if got != want {
			t.Errorf("EscapePath(%q) is %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"-": "/", "a-b": "/a/b", "a--b": "!", `a\x2`: "!", `\x2e\x2e`: "!"} {
		got, err := UnescapePath(in)
		if err != nil {
			got = "!"
		}
		if got != want {
			t.Errorf("UnescapePath(%q) is %q, want %q", in, got, want)
		}
	}
}

func TestMangle(t *testing.T) {
	for in, want := range map[string]string{
		"a": "a.service", "a.socket": "a.socket", "/srv/x": "srv-x.mount", "/dev/sda": "dev-sda.device",
		"a b": `a\x20b.service`, "x.y": "x.y.service", "a@b": "a@b.service", "": "!", "@": "!",
	} {
		got, err := Mangle(in, ".service")
		if err != nil {
			got = "!"
		}
		if got != want {
			t.Errorf("Mangle(%q) is %q, want %q", in, got, want)
		}
	}
}

// The wanted values are those of `systemd-analyze timespan`.
func TestTimespan(t *testing.T) {
	for in, want := range map[string]string{
		"1.5s": "1.500000s", "90": "1min 30s", "1y 2month 3w 4d 5h 6min 7s 8ms 9us": "1y 2month 3w 4d 5h 6min 7.008009s",
		"0": "0", "infinity": "infinity", "100ms": "100ms", "1500us": "1.500ms", "61.5s": "1min 1.500000s",
		"2.5h": "2h 30min", "1.5us": "1us", "1min30": "1min 30s", ".5": "500ms", "+5": "5s", "5m": "5min", "5M": "5month",
		"5 hours": "5h", "5hr": "5h", "1d1h": "1d 1h", "5µs": "5us", "5 days 3 hours 2 m": "5d 3h 2min", " 5 ": "5s",
		"1.23456789s": "1.234567s", "5sec5": "10s",
		"1. 5": "!", "5.": "!", "1e3": "!", "-5": "!", "": "!", "5H": "!", "1.2.3": "!", "1nsec": "!", "µs": "!",
		"1 infinity": "!", "18446744073709551615us": "!", "99999999999999y": "!",
	} {
		got := "!"
		if d, err := ParseTimespan(in, false); err == nil {
			got = FormatTimespan(d)
		}
		if got != want {
			t.Errorf("%q is %s, want %s", in, got, want)
		}
	}
	if d, err := ParseTimespan("1us 5ns", true); err != nil || d != time.Microsecond+5 {
		t.Error(d, err)
	}
}
