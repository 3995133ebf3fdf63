// SPDX-License-Identifier: Apache-2.0

package calendar

import (
	"strings"
	"testing"
	"time"
)

// berlin skips where the machine has no time zone database.
func berlin(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skipf("no time zone database: %v", err)
	}
	return zone
}

func TestNormalForm(t *testing.T) {
	for text, want := range map[string]string{
		"Mon..Fri 08:00":              "Mon..Fri *-*-* 08:00:00",
		"DAILY":                       "*-*-* 00:00:00",
		"2003-03-05T05:40":            "2003-03-05 05:40:00",
		"*:*:0/1":                     "*-*-* *:*:*",
		"3:00:5.5..7.5/0.5":           "*-*-* 03:00:05.500000..07.500000/0.500000",
		"16..17/12:*":                 "*-*-* 16:*:00",
		"*~1,2":                       "*-*~01,02 00:00:00",
		"@1395716396":                 "2014-03-25 02:59:56 UTC",
		"Sat,Thu,Mon..Wed,Sat..Sun":   "Mon..Thu,Sat,Sun *-*-* 00:00:00",
		"mon,tue,wed,thu,fri,sat,sun": "*-*-* 00:00:00",
	} {
		s, err := Parse(text)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if s.String() != want {
			t.Errorf("%q prints as %q, want %q", text, s, want)
		}
		again, err := Parse(s.String())
		if err != nil || again.String() != want {
			t.Errorf("%q is not read back: %v, %v", want, again, err)
		}
	}
}

func TestErrorsSayWhatWasExpected(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 `such as "Mon..Fri 08:00"`,
		"UTC":                              "expected a weekday",
		"25:00":                            `expected the hour as 0 to 23, found "25"`,
		"1:00:60":                          `expected the second as 0 to 59, found "60"`,
		"Mo 1:00":                          `expected a weekday such as Mon or Monday, found "Mo"`,
		"Sat..Mon":                         "from Monday to Sunday",
		"1:00 2:00 3:00":                   "found \"3:00\"",
		"5..2:00":                          "after its start",
		"1/0:00":                           "comes true again",
		"12":                               "[YEAR-]MONTH-DAY",
		"1:2:3:4":                          "HOUR:MINUTE",
		"@-5":                              "seconds since 1970",
		"123456789123:00":                  "expected the hour",
		strings.Repeat("1,", 300) + "1:00": "at most 240",
		strings.Repeat("1", 5000):          "at most 4096 bytes",
	} {
		_, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want a word of %q", text, err, want)
		}
	}
}

// next lists what comes after a point in time, as the local clock shows it.
func next(t *testing.T, text string, after time.Time, n int) string {
	t.Helper()
	s, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for range n {
		at, ok := s.Next(after)
		if !ok {
			list = append(list, "never")
			break
		}
		if !at.After(after) {
			t.Fatalf("%q after %v gives %v", text, after, at)
		}
		list = append(list, at.Format("02 15:04:05.999999 MST"))
		after = at
	}
	return strings.Join(list, ", ")
}

func TestNext(t *testing.T) {
	zone := berlin(t)
	for _, c := range []struct{ text, after, want string }{
		{"*:0/30", "2026-10-25T01:50:00+02:00", "25 02:00:00 CEST, 25 02:30:00 CEST, 25 02:00:00 CET, 25 02:30:00 CET"},
		{"*:0/30", "2026-10-25T02:10:00+01:00", "25 02:30:00 CET, 25 03:00:00 CET, 25 03:30:00 CET, 25 04:00:00 CET"},
		{"02:30", "2026-10-25T01:50:00+02:00", "25 02:30:00 CEST, 26 02:30:00 CET, 27 02:30:00 CET, 28 02:30:00 CET"},
		{"02:30", "2026-10-25T02:10:00+01:00", "26 02:30:00 CET, 27 02:30:00 CET, 28 02:30:00 CET, 29 02:30:00 CET"},
		{"02:30", "2026-03-28T12:00:00+01:00", "30 02:30:00 CEST, 31 02:30:00 CEST, 01 02:30:00 CEST, 02 02:30:00 CEST"},
		{"02:30 UTC", "2026-03-28T12:00:00+01:00", "29 02:30:00 UTC, 30 02:30:00 UTC, 31 02:30:00 UTC, 01 02:30:00 UTC"},
		{"1:0:0/29.5", "2026-06-01T01:00:00+02:00", "01 01:00:29.5 CEST, 01 01:00:59 CEST, 02 01:00:00 CEST, 02 01:00:29.5 CEST"},
		{"2003-03-05", "2026-03-28T12:00:00+01:00", "never"},
		{"2199-12-31 23:59:59", "2026-03-28T12:00:00+01:00", "31 23:59:59 CET, never"},
		{"Mon *-02-29", "2026-03-28T12:00:00+01:00", "29 00:00:00 CET, 29 00:00:00 CET, 29 00:00:00 CET, 29 00:00:00 CET"},
		{"*~1 12:00", "2027-01-31T12:00:00+01:00", "28 12:00:00 CET, 31 12:00:00 CEST, 30 12:00:00 CEST, 31 12:00:00 CEST"},
	} {
		after, err := time.Parse(time.RFC3339, c.after)
		if err != nil {
			t.Fatal(err)
		}
		if got := next(t, c.text, after.In(zone), 4); got != c.want {
			t.Errorf("%q after %s:\n gives %s\n  want %s", c.text, c.after, got, c.want)
		}
	}
}

// FuzzParse: whatever is accepted prints so that it reads back the same, and
// its next time is later and found soon.
func FuzzParse(f *testing.F) {
	for _, text := range manual {
		f.Add(text, int64(1_700_000_000))
	}
	f.Fuzz(func(t *testing.T, text string, unix int64) {
		s, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(s.String())
		if err != nil || again.String() != s.String() {
			t.Fatalf("%q prints as %q, which reads as %v, %v", text, s, again, err)
		}
		after := time.Unix(unix%(1<<33), 0)
		at, ok := s.Next(after)
		if ok && !at.After(after) {
			t.Fatalf("%q after %v gives %v", text, after, at)
		}
		if later, ok2 := again.Next(after); ok != ok2 || !later.Equal(at) {
			t.Fatalf("%q and %q differ: %v, %v", text, again, at, later)
		}
	})
}
