// SPDX-License-Identifier: Apache-2.0

package calendar

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// answer is what systemd-analyze says of one expression.
type answer struct {
	normal string
	times  []string // in UTC, without fractions
}

const iterations = 4

// ask has the real systemd judge expressions; those that it refuses are
// missing from the answer.
func ask(t *testing.T, zone, base string, specs []string) map[string]answer {
	t.Helper()
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed: nothing to compare with")
	}
	args := append([]string{"calendar", fmt.Sprint("--iterations=", iterations), "--base-time=" + base, "--"}, specs...)
	cmd := exec.Command(tool, args...)
	cmd.Env = append(os.Environ(), "TZ="+zone, "LC_ALL=C.UTF-8", "SYSTEMD_COLORS=0")
	out, _ := cmd.Output() // fails where one of the expressions is refused
	answers := make(map[string]answer)
	for _, block := range strings.Split(string(out), "\n\n") {
		var a answer
		original := ""
		for _, line := range strings.Split(block, "\n") {
			key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			switch {
			case key == "Original form":
				original = value
			case key == "Normalized form":
				a.normal = value
			case key == "(in UTC)":
				a.times[len(a.times)-1] = value
			case key == "Next elapse" && value == "never":
			case key == "Next elapse", strings.HasPrefix(key, "Iter"):
				a.times = append(a.times, value)
			}
		}
		if original == "" {
			original = a.normal
		}
		answers[original] = a
	}
	return answers
}

// compare holds every expression against systemd's answer.
func compare(t *testing.T, zone, base string, specs []string) {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Skipf("no time zone database: %v", err)
	}
	after, err := time.ParseInLocation("2006-01-02 15:04:05", base, loc)
	if err != nil {
		t.Fatal(err)
	}
	answers := ask(t, zone, base, specs)
	for _, text := range specs {
		want, accepted := answers[text]
		s, err := Parse(text)
		if accepted != (err == nil) {
			t.Errorf("%q: systemd accepts it: %v; we say %v", text, accepted, err)
			continue
		}
		if err != nil {
			continue
		}
		if s.String() != want.normal {
			t.Errorf("%q prints as %q, systemd has %q", text, s, want.normal)
		}
		var got []string
		at, ok := s.Next(after)
		for ok && len(got) < iterations {
			got = append(got, at.UTC().Format("Mon 2006-01-02 15:04:05 UTC"))
			at, ok = s.Next(at)
		}
		if g, w := strings.Join(got, "; "), strings.Join(want.times, "; "); g != w {
			t.Errorf("%q in %s after %s:\n   we %s\nsystemd %s", text, zone, base, g, w)
		}
	}
}

// manual are the expressions of systemd.time(7) and others that were found to
// matter; refused ones are among them.
var manual = []string{
	"Sat,Thu,Mon..Wed,Sat..Sun", "Mon,Sun 12-*-* 2,1:23", "Wed *-1", "Wed..Wed,Wed *-1", "Wed, 17:48",
	"Wed..Sat,Tue 12-10-15 1:2:3", "*-*-7 0:0:0", "10-15", "monday *-12-* 17:00", "Mon,Fri *-*-3,1,2 *:30:45",
	"12,14,13,12:20,10,30", "12..14:10,20,30", "mon,fri *-1/2-1,3 *:30:45", "03-05 08:05:40", "08:05:40", "05:40",
	"Sat,Sun 12-05 08:05:40", "Sat,Sun 08:05:40", "2003-03-05 05:40", "05:40:23.4200004/3.1700005", "2003-02..04-05",
	"2003-03-05 05:40 UTC", "2003-03-05", "03-05", "hourly", "daily", "daily UTC", "monthly", "weekly", "quarterly",
	"weekly Pacific/Auckland", "yearly", "annually", "semiannually", "minutely", "*:2/3", "*-02~03", "Mon *-05~07/1",
	"Thu,Fri 2012-*-1,5 11:12:13", "Sat..Mon", "Mon-Fri", "*:*/5", "@1395716396", "*-*~07..03", "*-*~3..7", "*~3..9/2",
	"12..14/5:00", "*:00..30/7", "*:00..30/31", "*:*:*", "*:*:0/1", "1,1,2:0", "1..2,5:0", "*-*-1/31", "*-*-1/30",
	"0/23:0", "0/24:0", "2200-1-1", "70-1-1", "69..71-1-1", "*:10/60", "Mon..", "mon..wed..fri 1:00", "*~1", "*~*", "12~1",
	"*", "*-*", "Thurs", "3:00:5..7.5", "3:00:5.5..7.5/0.5", "3:00:59.9999999", "2003-02-30", "1969-1-1", "1:0:0/0.0000001",
	"*-02-29", "Mon *-02-29", "*-02~01", "-1:00", "+1:00", "1:00 2:00", "1:00 Nowhere/Land", "24:00", "1:60", "*-13-1",
	"*-0-1", "1:00 Local", "1:00 Europe/Berlin", "Mon 1:00 Asia/Kathmandu", "1:00:00.5", "*:*:*.5", "1:00:1.", "12/0:00",
	"2027/3-1-1", "27..30-1-1", "*-1..12/5-1", "*:0/15:30", "1:2:3:4", "..2:00", "1..:00", "1,:00", ",1:00", "Mon,,Tue",
	"*-31", "*-2,4..6-31", "*-*~28", "*-*~29", "Fri *-*-13", "0..23:0", "*:00/1", "*:0..59", "1/22:0", "0..22/2:0",
}

func TestLikeSystemd(t *testing.T) {
	compare(t, "UTC", "2026-03-01 00:00:00", manual)
	compare(t, "America/New_York", "2028-02-28 13:37:11", manual)
}

// TestChangeOfClocks: where systemd pauses in the repeated hour we do not, so
// there only expressions with a fixed hour are compared.
func TestChangeOfClocks(t *testing.T) {
	fixed := []string{
		"02:30", "2:00", "0/1:30", "Sun 2:00", "3:00", "Sun *-*-* 01:00", "*-*~1..7 2:59:59", "daily", "00:00:30/10",
		"hourly UTC", "1:30 Europe/Dublin",
	}
	for zone, bases := range map[string][]string{
		"Europe/Berlin":       {"2026-03-28 20:00:00", "2026-03-29 01:59:59", "2026-10-24 20:00:00", "2026-10-25 00:30:00", "2030-12-01 00:00:00"},
		"America/Sao_Paulo":   {"2017-10-14 12:00:00", "2018-02-17 12:00:00"},
		"Europe/Dublin":       {"2021-03-27 12:00:00", "2021-10-30 12:00:00"},
		"Australia/Lord_Howe": {"2026-04-04 12:00:00", "2026-10-03 12:00:00"},
		"Asia/Kathmandu":      {"1985-12-31 12:00:00"},
	} {
		for _, base := range bases {
			compare(t, zone, base, fixed)
		}
	}
	compare(t, "Europe/Berlin", "2026-10-24 20:00:00", []string{"1..3:15"})
	compare(t, "Europe/Berlin", "2026-03-28 23:10:00", []string{"*:0/20", "hourly", "minutely", "*:*:0/30"})
}

// TestRandomLikeSystemd makes expressions by chance, the same every time. What
// systemd 252 gets wrong is left out: repetitions in a list of several make it
// overlook times after midnight, and of ~ it refuses lists with days over 22.
func TestRandomLikeSystemd(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 14))
	number := func(low, high int) string { return fmt.Sprint(low + r.IntN(high-low+1)) }
	list := func(low, high int) string {
		if r.IntN(4) == 0 {
			return "*"
		}
		if r.IntN(4) == 0 {
			return number(low, high) + "/" + number(1, (high-low)/2+1)
		}
		var items []string
		for range 1 + r.IntN(3) {
			from := low + r.IntN(high-low)
			items = append(items, fmt.Sprint(from))
			if r.IntN(4) == 0 {
				items[len(items)-1] += ".." + number(from+1, high) + []string{"", "/3"}[r.IntN(2)]
			}
		}
		return strings.Join(items, ",")
	}
	seen := make(map[string]bool)
	var specs []string
	for len(specs) < 600 {
		var words []string
		if r.IntN(3) == 0 {
			words = append(words, []string{"Mon", "tue..Thu", "Sat,Sun", "Fri,Mon..Wed"}[r.IntN(4)])
		}
		if r.IntN(2) == 0 {
			date := list(1, 12) + "-" + list(1, 31)
			if r.IntN(3) == 0 {
				date = list(1, 12) + "~" + list(1, 22)
			}
			if r.IntN(3) == 0 {
				date = list(2026, 2040) + "-" + date
			}
			words = append(words, date)
		}
		clock := list(0, 23) + ":" + list(0, 59)
		if r.IntN(2) == 0 {
			clock += ":" + list(0, 59)
		}
		if text := strings.Join(append(words, clock), " "); !seen[text] {
			seen[text] = true
			specs = append(specs, text)
		}
	}
	compare(t, "UTC", "2026-11-23 00:00:00", specs)
}
