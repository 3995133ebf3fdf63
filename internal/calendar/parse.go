// SPDX-License-Identifier: Apache-2.0

package calendar

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxLength bounds the text of an expression, maxParts one list in it.
const (
	maxLength = 4096
	maxParts  = 240
)

// shorthands are the special expressions of systemd.time(7), with the
// spellings that systemd has besides.
var shorthands = map[string]string{
	"minutely":      "*-*-* *:*:00",
	"hourly":        "*-*-* *:00:00",
	"daily":         "*-*-* 00:00:00",
	"weekly":        "Mon *-*-* 00:00:00",
	"monthly":       "*-*-01 00:00:00",
	"quarterly":     "*-01,04,07,10-01 00:00:00",
	"semiannually":  "*-01,07-01 00:00:00",
	"semi-annually": "*-01,07-01 00:00:00",
	"biannually":    "*-01,07-01 00:00:00",
	"bi-annually":   "*-01,07-01 00:00:00",
	"yearly":        "*-01-01 00:00:00",
	"annually":      "*-01-01 00:00:00",
	"anually":       "*-01-01 00:00:00",
}

// Parse reads an expression. The error says what was expected where.
func Parse(text string) (*Spec, error) {
	s, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("cannot read calendar expression %.100q: %w", text, err)
	}
	return s, nil
}

func parse(text string) (*Spec, error) {
	if len(text) > maxLength {
		return nil, fmt.Errorf("expected at most %d bytes", maxLength)
	}
	words := strings.Fields(text)
	s := &Spec{}
	if n := len(words); n > 1 && s.takeZone(words[n-1]) {
		words = words[:n-1]
	}
	if len(words) == 1 {
		if long, ok := shorthands[strings.ToLower(words[0])]; ok {
			words = strings.Fields(long)
		} else if stamp, ok := strings.CutPrefix(words[0], "@"); ok {
			return s, s.takeStamp(stamp)
		}
	}
	if len(words) > 0 && isLetter(words[0][0]) {
		if err := s.takeDays(words[0]); err != nil {
			return nil, err
		}
		words = words[1:]
	} else if len(words) == 0 {
		return nil, fmt.Errorf(`expected weekdays, a date or a time, such as "Mon..Fri 08:00"`)
	}
	if len(words) == 1 {
		// The T of RFC 3339 stands for the blank (timestamps have it too).
		if date, clock, ok := strings.Cut(words[0], "T"); ok {
			words = []string{date, clock}
		}
	}
	return s, s.takeWords(words)
}

// takeWords reads what is left: a date, a time, or both.
func (s *Spec) takeWords(words []string) error {
	date, clock := "", ""
	switch {
	case len(words) == 2:
		date, clock = words[0], words[1]
	case len(words) == 1 && strings.Contains(words[0], ":"):
		clock = words[0]
	case len(words) == 1:
		date = words[0]
	case len(words) > 2:
		return fmt.Errorf("expected the end or a time zone, found %.40q", words[2])
	}
	if date != "" {
		if err := s.takeDate(date); err != nil {
			return err
		}
	}
	if clock == "" {
		clock = "00:00:00"
	}
	return s.takeClock(clock)
}

// takeZone takes the last word if it is a time zone.
func (s *Spec) takeZone(word string) bool {
	if !isLetter(word[0]) {
		return false
	}
	if strings.EqualFold(word, "UTC") {
		s.zone, s.zoneName = time.UTC, "UTC"
		return true
	}
	if localName(word) {
		s.zoneName = word
		return true
	}
	if word == "Local" { // Go's own name, in no time zone database
		return false
	}
	zone, err := time.LoadLocation(word)
	if err != nil {
		return false
	}
	s.zone, s.zoneName = zone, word
	return true
}

// localName tells whether word is what the local zone is called in winter or
// in summer, such as "CEST". Which year is looked at hardly matters.
func localName(word string) bool {
	for _, month := range []time.Month{time.January, time.July} {
		name, _ := time.Date(2025, month, 1, 12, 0, 0, 0, time.Local).Zone()
		if name == word {
			return true
		}
	}
	return false
}

// takeStamp is "@SECONDS", a point in time since 1970.
func (s *Spec) takeStamp(text string) error {
	n, err := strconv.ParseInt(text, 10, 64)
	t := time.Unix(n, 0).UTC()
	if err != nil || n < 0 || t.Year() > maxYear {
		return fmt.Errorf("expected seconds since 1970 after @, found %.40q", text)
	}
	one := func(v int) list { return list{{start: v, stop: -1}} }
	s.year, s.month, s.day = one(t.Year()), one(int(t.Month())), one(t.Day())
	s.hour, s.minute, s.micro = one(t.Hour()), one(t.Minute()), one(t.Second()*second)
	s.zone, s.zoneName = time.UTC, "UTC"
	return nil
}

// takeDate reads [YEAR-]MONTH-DAY, or with ~ for days from the end.
func (s *Spec) takeDate(text string) error {
	before, days, fromEnd := strings.Cut(text, "~")
	fields := strings.Split(before, "-")
	if fromEnd {
		fields = append(fields, days)
	}
	if len(fields) < 2 || len(fields) > 3 {
		return fmt.Errorf("expected a date as [YEAR-]MONTH-DAY, found %.40q", text)
	}
	var err error
	if len(fields) == 3 {
		if s.year, err = parseList(fields[0], field{name: "year", low: minYear, high: maxYear, year: true}); err != nil {
			return err
		}
		fields = fields[1:]
	}
	if s.month, err = parseList(fields[0], field{name: "month", low: 1, high: 12}); err != nil {
		return err
	}
	last := 31
	if fromEnd {
		last = 28 // every month has so many
	}
	s.day, err = parseList(fields[1], field{name: "day", low: 1, high: last, fromEnd: fromEnd})
	s.fromEnd = fromEnd
	if fromEnd && s.day == nil {
		s.fromEnd = false
	}
	return err
}

// takeClock reads HOUR:MINUTE[:SECOND].
func (s *Spec) takeClock(text string) error {
	fields := strings.Split(text, ":")
	if len(fields) == 2 {
		fields = append(fields, "00")
	}
	if len(fields) != 3 {
		return fmt.Errorf("expected a time as HOUR:MINUTE[:SECOND], found %.40q", text)
	}
	var err error
	if s.hour, err = parseList(fields[0], field{name: "hour", high: 23}); err != nil {
		return err
	}
	if s.minute, err = parseList(fields[1], field{name: "minute", high: 59}); err != nil {
		return err
	}
	s.micro, err = parseList(fields[2], field{name: "second", high: 60*second - 1, fraction: true})
	return err
}

// weekdays are the names; three letters of them are enough.
var weekdays = []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}

// takeDays reads weekdays: names and ranges, joined by commas; one more comma
// may follow ("Wed, 17:48").
func (s *Spec) takeDays(text string) error {
	for _, item := range strings.Split(strings.TrimSuffix(text, ","), ",") {
		from, to, ranged := strings.Cut(item, "..")
		if !ranged {
			from, to, ranged = strings.Cut(item, "-") // systemd's old way
		}
		a, err := weekday(from)
		if err != nil {
			return err
		}
		b := a
		if ranged {
			if b, err = weekday(to); err != nil {
				return err
			}
		}
		if b < a {
			return fmt.Errorf("expected a range of weekdays from Monday to Sunday, found %.40q", item)
		}
		for ; a <= b; a++ {
			s.days |= 1 << a
		}
	}
	if s.days == 1<<len(weekdays)-1 {
		s.days = 0
	}
	return nil
}

func weekday(name string) (int, error) {
	low := strings.ToLower(name)
	i := slices.IndexFunc(weekdays, func(day string) bool { return low == day || low == day[:3] })
	if i < 0 {
		return 0, fmt.Errorf("expected a weekday such as Mon or Monday, found %.40q", name)
	}
	return i, nil
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
