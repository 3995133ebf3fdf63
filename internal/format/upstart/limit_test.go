// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rouse-init/rouse/internal/unit"
)

// TestLimits: what is larger than a job may be is refused by name.
func TestLimits(t *testing.T) {
	many := func(n int, s string) string { return strings.Repeat(s, n) }
	for name, c := range map[string]struct{ text, want string }{
		"file":        {many(maxFile+1, "#"), "it has more than 1048576 bytes"},
		"stanzas":     {many(maxStanzas+1, "task\n"), "more than 4096 stanzas"},
		"terms":       {"start on a" + many(maxTerms, " or a"), "more than 256 events and operators in one expression"},
		"matches":     {"start on a" + many(maxMatches+1, " b"), "more than 64 conditions on one event"},
		"parentheses": {"start on " + many(maxDepth+1, "(") + "a", "more than 64 parentheses within each other"},
		"script":      {"script\n" + many(maxScript, "x") + "\nend script\n", "the script has more than 131066 bytes"},
		"exec":        {"exec a" + many(maxScript, ";"), "the command has more than 131066 bytes"},
		"causes":      {numbered("file /%d\n", maxTerms), "all that starts or stops the job has more than 256"},
		"words":       {numbered("emits e%d\n", maxWords+1), "cannot read emits: the job has more than 256 words of it"},
		"needs":       {numbered("needs n%d\n", maxWords+1), "cannot read needs: the job has more than 256 words of it"},
		"name":        {"", "the name of a job has 1 to 247 bytes"},
	} {
		job := "x"
		if name == "name" {
			job = many(248, "x")
		}
		u, list := Compile(job, Parse("x.conf", []byte(c.text)), nil, Options{})
		if u.Load != unit.BadSetting || !strings.Contains(u.LoadErr.Error(), c.want) {
			t.Errorf("%s: %v", name, u.LoadErr)
		}
		if len(list) > 2 {
			t.Errorf("%s: %d diagnostics", name, len(list))
		}
	}
}

func numbered(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// TestLimitsLetThrough: what is just as large as it may be loads.
func TestLimitsLetThrough(t *testing.T) {
	for name, text := range map[string]string{
		"terms":       "start on a" + strings.Repeat(" or a", maxTerms/2-1),
		"matches":     "start on a" + strings.Repeat(" b", maxMatches),
		"parentheses": "start on " + strings.Repeat("(", maxDepth) + "a" + strings.Repeat(")", maxDepth),
		"script":      "script\n" + strings.Repeat("x", maxScript-1) + "\nend script\n",
		"name":        "",
	} {
		if u, _ := Compile(strings.Repeat("x", 247), Parse("x.conf", []byte(text)), nil, Options{}); u.LoadErr != nil {
			t.Errorf("%s: %v", name, u.LoadErr)
		}
	}
}

// TestManyErrors: a file of nonsense is not listed in full.
func TestManyErrors(t *testing.T) {
	_, list := Compile("x", Parse("x.conf", []byte(strings.Repeat("nice x\n", 1000))), nil, Options{})
	if n := len(list); n != maxErrors+1 || list[0].Code != CodeManyMore && list[n-1].Code != CodeManyMore {
		t.Errorf("%d diagnostics: %v", n, list)
	}
}

// TestManyWarnings: nor is one of oddities.
func TestManyWarnings(t *testing.T) {
	u, list := Compile("x", Parse("x.conf", []byte("normal exit"+strings.Repeat(" 300", 1000))), nil, Options{})
	if len(list) != maxErrors || u.LoadErr != nil {
		t.Errorf("%d diagnostics, %v", len(list), u.LoadErr)
	}
}

// TestEmptyName has no unit, but a diagnostic.
func TestEmptyName(t *testing.T) {
	if u, _ := Compile("", Parse("x.conf", nil), nil, Options{}); u.LoadErr == nil {
		t.Error("a job without a name loads")
	}
}

// TestUnitName keeps names apart that are not the same, "/" apart.
func TestUnitName(t *testing.T) {
	for job, want := range map[string]string{
		"apache": "apache.service", "net/apache": "net-apache.service", "a@b": `a\x40b.service`,
		`a\x40b`: `a\x5cx40b.service`, "a b": `a\x20b.service`, "x.service": "x.service.service", "é": `\xc3\xa9.service`,
	} {
		if got := UnitName(job); got != want || !unit.ValidName(got) {
			t.Errorf("UnitName(%q) = %q, want %q", job, got, want)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	text := []byte("description \"a server\"\nstart on (filesystem and started dbus)\nstop on runlevel [!2345]\nrespawn\n" +
		"limit nofile 1024 2048\npre-start script\n  mkdir -p /run/a\nend script\nexec /usr/sbin/a -F\n")
	for b.Loop() {
		Compile("a", Parse("/etc/init/a.conf", text), nil, Options{})
	}
}
