// SPDX-License-Identifier: Apache-2.0

package launchd

import (
	"bytes"
	"flag"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/rouse-init/rouse/internal/calendar"
	"github.com/rouse-init/rouse/internal/format/golden"
	"github.com/rouse-init/rouse/internal/format/pair/pairtest"
	"github.com/rouse-init/rouse/internal/unit"
)

var update = flag.Bool("update", false, "write testdata/ and docs/launchd.md anew")

func testOptions() Options {
	return Options{
		Program: "/usr/bin/rouse", Host: "here",
		Port: func(s, _ string) (uint16, bool) { return 80, s == "http" },
		Addrs: func(h string) []netip.Addr {
			if h == "localhost" {
				return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")}
			}
			return nil
		},
	}
}

// dict is a property list with this in its dictionary.
func dict(inside string) []byte {
	return []byte("<plist version=\"1.0\"><dict>\n" + inside + "</dict></plist>\n")
}

// TestGolden reads the property lists of each archive, whose members have only
// what stands in the dictionary unless they begin with "<?xml", and compares
// their units with those of a job that says nothing. Words in the comment set
// options: user, noipv6, disabled.
func TestGolden(t *testing.T) {
	golden.Run(t, *update, func(comment string, files []txtar.File) string {
		opt := testOptions()
		for line := range strings.Lines(comment) {
			switch strings.TrimSpace(line) {
			case "user":
				opt.User = true
			case "noipv6":
				opt.NoIPv6 = true
			case "disabled":
				opt.Disabled = func(label string) (off, said bool) { return label == "off", label == "off" || label == "on" }
			}
		}
		var got strings.Builder
		for _, f := range files {
			text := f.Data
			if !bytes.HasPrefix(text, []byte("<")) || bytes.HasPrefix(text, []byte("<key>")) {
				text = dict(string(text))
			}
			got.WriteString(printJob(Parse(f.Name, text, opt), opt))
		}
		return got.String()
	})
}

func printJob(j *Job, opt Options) string {
	var b strings.Builder
	for _, name := range j.Names() {
		fmt.Fprintf(&b, "== %s\n", name)
		u, _ := j.Instance(name)
		b.WriteString(pairtest.Diff(u, plain(j.Label, u, opt)))
	}
	if j.Off {
		fmt.Fprintf(&b, "off: %s\n", j.Why)
	}
	if len(j.Load) > 0 {
		fmt.Fprintf(&b, "loads %s\n", strings.Join(j.Load, " "))
	}
	for _, d := range j.Diags {
		d.Unit = ""
		fmt.Fprintf(&b, "%s %v\n", d.Code, d)
	}
	return b.String()
}

// plain is the unit of a job that says nothing, under the name of u.
func plain(label string, u *unit.Unit, opt Options) *unit.Unit {
	opt.Disabled = nil
	text := "<key>Label</key><string>" + label + "</string><key>Program</key><string>/x</string>"
	if u.Kind == unit.KindSocket {
		text += "<key>Sockets</key><dict><key>x</key><dict><key>SockServiceName</key><string>1</string><key>SockFamily</key><string>IPv4</string></dict></dict>"
	}
	j := Parse(u.Fragment, dict(text), opt)
	for _, name := range j.Names() {
		if base, _ := j.Instance(name); base.Kind == u.Kind {
			base.Name = u.Name
			return base
		}
	}
	return &unit.Unit{}
}

// TestLongNames: a label that is short enough for a service can be too long for
// its sockets.
func TestLongNames(t *testing.T) {
	const sock = "<dict><key>SockServiceName</key><string>1</string></dict>"
	text := "<key>Label</key><string>" + strings.Repeat("~", 60) + "</string><key>Program</key><string>/x</string>" +
		"<key>Sockets</key><dict><key>~~~</key>" + sock + "<key>second</key>" + sock + "</dict>"
	if j := Parse("x.plist", dict(text), testOptions()); !j.Diags.Errors() {
		t.Errorf("%q: %v", j.Names(), j.Diags)
	}
}

// TestManyFindings: an error is not lost among warnings, as the job would load.
func TestManyFindings(t *testing.T) {
	text := "<key>Label</key><string>x</string><key>Program</key><string>/x</string>" + strings.Repeat("<key>Label</key><string>x</string>", maxFindings)
	for i := range maxFindings {
		text += fmt.Sprintf("<key>Nonsense%d</key><true/>", i)
	}
	j := Parse("x.plist", dict(text+"<key>UserName</key><integer>1</integer>"), testOptions())
	if u, _ := j.Instance("x.service"); u.LoadErr == nil || u.LoadErr.Code != CodeValue {
		t.Errorf("%d findings, %v", len(j.Diags), u.LoadErr)
	}
}

// TestLongKeys: messages quote what they are about, and are no longer than that
// takes.
func TestLongKeys(t *testing.T) {
	long := strings.Repeat("x\x1b", 1000)
	for _, text := range []string{
		"<key>" + long + "</key><true/>",
		"<key>Sockets</key><dict><key>" + long + "</key><true/></dict>",
		"<key>Sockets</key><dict><key>" + long + "</key><dict/></dict>",
		"<key>EnvironmentVariables</key><dict><key>=" + long + "</key><string/></dict>",
		"<key>UserName</key><string>:" + long + "</string>",
		"<key>Program</key><string>./" + long + "</string>",
		"<key>WorkingDirectory</key><string>" + long + "</string>",
		"<key>LimitLoadToHosts</key><string>" + long + "</string>",
		"<key>Label</key><string>" + long + "</string>",
		"<key>ProcessType</key><string>" + long + "</string>",
		"<key>Sockets</key><dict><key>x</key><dict><key>SockType</key><string>" + long + "</string></dict></dict>",
		"<key>Sockets</key><dict><key>x</key><dict><key>SockFamily</key><string>" + long + "</string></dict></dict>",
		"<key>Sockets</key><dict><key>x</key><dict><key>SockProtocol</key><string>" + long + "</string></dict></dict>",
		"<key>Sockets</key><dict><key>x</key><dict><key>SecureSocketWithKey</key><string>=" + long + "</string></dict></dict>",
		"<key>EnableGlobbing</key><true/><key>RootDirectory</key><string>/r</string><key>ProgramArguments</key><array><string>*" + long + "</string></array>",
	} {
		j := Parse("x.plist", dict(text), testOptions())
		for _, d := range j.Diags {
			if len(d.Msg) > 500 || strings.Contains(d.Msg, "\x1b") {
				t.Errorf("%.100s: %d bytes: %.100q", text, len(d.Msg), d.Msg)
			}
		}
	}
}

// TestIntervals: every interval has dates that can be read, and as many in a
// day as it should.
func TestIntervals(t *testing.T) {
	for n := int64(1); n <= 2*day; n += 1 + n/50 {
		specs, real := interval(n)
		if real > n || len(specs) == 0 || len(specs) > maxDates {
			t.Fatalf("%d: %d s by %d dates", n, real, len(specs))
		}
		if real != n && n > 60 && n < 3600 && real*2 < n {
			t.Errorf("%d is brought to %d", n, real)
		}
		for _, s := range specs {
			if _, err := calendar.Parse(s); err != nil {
				t.Fatalf("%d: %v", n, err)
			}
		}
	}
	for n, want := range map[int64]string{
		90: "*-*-* *:00:00 *-*-* *:01:30 ", 5400: "*-*-* 00,03,06,09,12,15,18,21:00:00 *-*-* 01,04,07,10,13,16,19,22:30:00", 300: "*-*-* *:0/5:00", 10: "*-*-* *:*:0/10",
		7200: "*-*-* 0/2:00:00", day: "*-*-* 00:00:00",
	} {
		specs, real := interval(n)
		if got := strings.Join(specs, " "); !strings.HasPrefix(got+" ", want) || real != n {
			t.Errorf("%d: %s, %d", n, got, real)
		}
	}
}

// TestCrowd: whatever starts a job, there is a limit to it, told once.
func TestCrowd(t *testing.T) {
	many := func(before, each, after string) string {
		var b strings.Builder
		for i := range 1000 {
			b.WriteString(strings.ReplaceAll(each, "N", strconv.Itoa(i)))
		}
		return before + b.String() + after
	}
	for _, text := range []string{
		many("<key>KeepAlive</key><dict><key>PathState</key><dict>", "<key>/N</key><true/>", "</dict></dict>"),
		many("<key>KeepAlive</key><dict><key>OtherJobActive</key><dict>", "<key>N</key><true/>", "</dict></dict>"),
		many("<key>WatchPaths</key><array>", "<string>/N</string>", "</array>"),
		many("<key>QueueDirectories</key><array>", "<string>/N</string>", "</array>"),
		many("<key>StartCalendarInterval</key><array>", "<dict/>", "</array>"),
	} {
		j := Parse("x.plist", dict("<key>Label</key><string>x</string><key>Program</key><string>/x</string>"+text), testOptions())
		if len(j.Diags) != 1 || j.Diags[0].Code != CodeLimit {
			t.Errorf("%.60s: %v", text, j.Diags)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, m := range golden.Inputs(f) {
		f.Add(string(dict(string(m.Data))))
	}
	opt := testOptions()
	f.Fuzz(func(t *testing.T, text string) {
		j := Parse("/x/org.x.plist", []byte(text), opt)
		if len(j.Names()) == 0 {
			t.Fatal("no units")
		}
		seen := map[string]bool{}
		for _, n := range j.Names() {
			u, _ := j.Instance(n)
			if seen[n] || !j.Diags.Errors() && !unit.ValidName(n) {
				t.Errorf("name %q", n)
			}
			seen[n] = true
			if (u.LoadErr == nil) == j.Diags.Errors() {
				t.Errorf("%s: %v but %v", n, u.LoadErr, j.Diags)
			}
			if u.LoadErr == nil && u.Socket != nil && len(u.Socket.Listens) == 0 {
				t.Errorf("%s listens on nothing", n)
			}
			if u.Events != nil {
				for _, term := range u.Events.StartOn {
					if term.Event != "calendar" {
						continue
					}
					if _, err := calendar.Parse(term.Match[0].Value); err != nil {
						t.Error(err)
					}
				}
			}
		}
		for _, d := range j.Diags {
			if d.Pos.File == "" || d.Pos.Line == 0 || d.Pos.Col == 0 || d.Code == "" || d.Msg == "" {
				t.Errorf("no place: %+v", d)
			}
		}
	})
}
