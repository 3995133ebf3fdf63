// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rouse-init/rouse/internal/format/systemd"
	"github.com/rouse-init/rouse/internal/unit"
)

// evil are texts that end a line, a word or an encoding.
var evil = []string{
	"", " ", ";", `\;`, `\`, `a\`, "#", "%", "%h", "%%", "$HOME", "${X}", "'", `"`, `a"b'c`, "\t", "a\x00b"[:1],
	"x\n[Service]\nExecStartPre=/usr/bin/touch /tmp/INJECTED\n#", "\r", "\n", "\x01\x7f", "\xff", "\xff\xfe%", "\u0085", "\u2028", "\ufeff",
	"\ufffd", "☃", "-x", "@", "!", "a=b", `\x41`, `\n`, strings.Repeat("\\", 5),
}

// wordsOf is what the parser of unit files makes of a command's line.
func wordsOf(t testing.TB, line string) []string {
	t.Helper()
	f, list := systemd.Parse("x.service", []byte("[Service]\nExecStart=:/bin/x "+line+"\nUser=end\n"))
	u, more := systemd.Compile("x.service", []*systemd.File{f}, systemd.Options{})
	for _, d := range append(list, more...) {
		t.Errorf("%q: %s", line, d.String())
	}
	if len(u.Service.Commands) != 1 || u.Service.Exec.User != "end" {
		t.Fatalf("%q changes the unit: %d commands", line, len(u.Service.Commands))
	}
	return u.Service.Commands[0].Args[1:]
}

func TestQuoteWord(t *testing.T) {
	for _, w := range evil {
		if got := wordsOf(t, quoteWord(w)+" "+quoteWord(w)); !slices.Equal(got, []string{w, w}) {
			t.Errorf("%q comes back as %q", w, got)
		}
	}
}

// FuzzQuoteWord: whatever an argument holds, it comes back as one word.
func FuzzQuoteWord(f *testing.F) {
	for _, w := range evil {
		f.Add(w)
	}
	f.Fuzz(func(t *testing.T, w string) {
		if strings.IndexByte(w, 0) >= 0 || len(w) > 1000 {
			t.Skip("no argument of a program holds a NUL")
		}
		if got := wordsOf(t, quoteWord(w)); !slices.Equal(got, []string{w}) {
			t.Errorf("%q comes back as %q", w, got)
		}
	})
}

// on is `rouse on` with its default flags.
func on() *onOptions {
	return &onOptions{handover: "both", idleAction: "stop", killSignal: "SIGTERM", timeout: 90e9, dir: "/"}
}

// TestOnTextStaysText: no argument becomes a directive, in no value.
func TestOnTextStaysText(t *testing.T) {
	for _, w := range evil {
		o := on()
		files, err := o.checked([]string{"8080"}, "/bin/x", []string{"x", w, "last"})
		if err != nil {
			t.Errorf("%q is refused: %v", w, err)
			continue
		}
		for _, f := range files {
			if strings.Contains(f.text, "\nExecStartPre=") {
				t.Errorf("%q makes a directive:\n%s", w, f.text)
			}
			file, _ := systemd.Parse(f.name, []byte(f.text))
			u, list := systemd.Compile(f.name, []*systemd.File{file}, systemd.Options{})
			if len(list) != 0 || u.Load != unit.Loaded {
				t.Errorf("%q: %s", f.text, list)
			}
		}
	}
}

func TestOnRefuses(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		address string
		set     func(*onOptions)
		want    string
	}{
		{"99999", nil, "1 to 65535"},
		{"0", nil, "1 to 65535"},
		{"localhost:80", nil, "numeric address: 127.0.0.1:80"},
		{"256.1.1.1:80", nil, "numeric address"},
		{"", nil, "empty"},
		{"udp:", nil, "empty"},
		{"/tmp/a\nExecStartPre=/x", nil, "control character"},
		{"/tmp/a ", nil, "blank"},
		{"seqpacket:80", nil, "unix socket"},
		{"udp:80", func(o *onOptions) { o.accept = true }, "datagrams come without connections"},
		{"80", func(o *onOptions) { o.accept, o.idle = true, 1e9 }, "--idle has no meaning"},
		{"80", func(o *onOptions) { o.user = "no-such-user" }, "--user=no-such-user: expected"},
		{"80", func(o *onOptions) { o.user = "a\nGroup=x" }, "--user="},
		{"80", func(o *onOptions) { o.dir = "/no/such" }, "--dir=/no/such: no such file"},
		{"80", func(o *onOptions) { o.dir = file }, "expected a directory"},
		{"80", func(o *onOptions) { o.idleAction = "freeze" }, "no meaning without --idle"},
		{"80", func(o *onOptions) { o.idleAction = "nap" }, "expected stop or freeze"},
		{"80", func(o *onOptions) { o.handover = "none" }, "expected both, bind"},
		{"80", func(o *onOptions) { o.handover = "bridge:" }, "X-Handover=bridge:: expected a port"},
		{"80", func(o *onOptions) { o.handover = "bridge:127.0.0.1:80" }, "connect to its own socket"},
		{"80", func(o *onOptions) { o.handover = "bridge:81 send-proxi=v1" }, "send-proxi is no option"},
		{"80", func(o *onOptions) { o.handover = "bridge:81\nAccept=yes" }, "control character"},
		{"80", func(o *onOptions) { o.handover, o.accept = "bridge:81", true }, "no meaning with --accept"},
		{"80", func(o *onOptions) { o.killSignal = "FOO" }, "expected the name or number of a signal"},
		{"80", func(o *onOptions) { o.killSignal = "TERM\nUser=x" }, "--kill-signal"},
		{"80", func(o *onOptions) { o.env = []string{"FOO"} }, "expected NAME=value"},
		{"80", func(o *onOptions) { o.env = []string{"A B=1"} }, "expected NAME=value"},
		{"80", func(o *onOptions) { o.env = []string{"A=\x01"} }, "control character"},
	} {
		o := on()
		if c.set != nil {
			c.set(o)
		}
		_, err := o.checked([]string{c.address}, "/bin/x", []string{"x"})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.address, err, c.want)
		}
	}
}

func TestOnAccepts(t *testing.T) {
	for _, a := range []string{"80", "127.0.0.1:80", "[::1]:80", "/run/x", "@x", "vsock:1:2", "udp:80", "unix:/run/%n", "seqpacket:/run/x"} {
		o := on()
		o.env, o.user, o.killSignal, o.idle = []string{"A=%x\n\xff ☃", "B="}, "0", "RTMIN+3", 1500e6
		if _, err := o.checked([]string{a}, "/bin/x", []string{"x"}); err != nil {
			t.Errorf("%q: %v", a, err)
		}
	}
}

func TestSpanFlag(t *testing.T) {
	for text, want := range map[string]string{
		"2": "2s", "10min": "10min", "1h 30min": "1h 30min", "20ms": "20ms", "1m30s": "1min 30s", "infinity": "infinity", "0": "0",
		"-5s": "!", "soon": "!", "": "!",
	} {
		var s span
		got := "!"
		if s.Set(text) == nil {
			got = s.String()
		}
		if got != want {
			t.Errorf("--idle %q is %s, want %s", text, got, want)
		}
	}
}

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"plain ☃": "plain ☃", "a\nb": `a\nb`, "\x1b[31m": `\x1b[31m`, "\xff\ufffd": `\xff` + "\ufffd", "\u0085": `\u0085`, "\u2028x": `\u2028x`, "": "",
	} {
		if got := visible(in); got != want {
			t.Errorf("visible(%q) = %q, want %q", in, got, want)
		}
	}
}
