// SPDX-License-Identifier: Apache-2.0

package calendar

import "time"

// Next is the first time after a point in time; ok is false when there is none
// up to the year 2199. An expression without time zone is taken in the
// location of after.
//
// Where the clocks are put forward, times that do not exist are left out, as
// systemd does. Where they are put back, an expression with "*" for the hour
// goes on through the repeated hour (systemd pauses); any other matches the
// repeated times once, the first time.
func (s *Spec) Next(after time.Time) (next time.Time, ok bool) {
	zone := s.zone
	if zone == nil {
		zone = after.Location()
	}
	t := after.In(zone).Truncate(time.Microsecond).Add(time.Microsecond)
	start, _ := t.ZoneBounds()
	end := zoneEnd(t)
	_, offset := t.Zone()
	floor := civil(t, offset)
	if !start.IsZero() {
		floor = s.afterFold(floor, start)
	}
	c, ok := s.match(floor)
	for ok {
		// While the offset stays the same, civil time is plain counting.
		at := time.UnixMicro(c).Add(-time.Duration(offset) * time.Second)
		if end.IsZero() || at.Before(end) {
			return at.In(zone), true
		}
		_, offset = end.Zone()
		f := s.afterFold(civil(end, offset), end)
		if f < floor || f > c {
			c, ok = s.match(f)
		}
		floor = f
		end = zoneEnd(end)
	}
	return time.Time{}, false
}

// zoneEnd is until when the offset of t stays the same, at least; zero for ever.
func zoneEnd(t time.Time) time.Time {
	_, end := t.ZoneBounds()
	if !end.IsZero() && !end.After(t) {
		// Go 1.26 gives an end that is over on the last day of a leap year
		// that only the rule of the zone covers. No zone changes there.
		return t.Add(24 * time.Hour)
	}
	return end
}

// afterFold raises floor over what was on the clocks already before the offset
// changed at start.
func (s *Spec) afterFold(floor int64, start time.Time) int64 {
	if s.hour == nil {
		return floor
	}
	_, before := start.Add(-time.Second).Zone()
	return max(floor, civil(start, before))
}

// civil is what a clock shows, as microseconds since 1970 on that clock.
func civil(t time.Time, offset int) int64 { return t.UnixMicro() + int64(offset)*second }

// daySpan is a day in microseconds.
const daySpan = 24 * 60 * 60 * second

// match is the first civil time that matches and is not before floor.
func (s *Spec) match(floor int64) (int64, bool) {
	begin := time.UnixMicro(max(floor, 0)).UTC()
	year, ok := s.year.next(begin.Year(), maxYear)
	for ; ok; year, ok = s.year.next(year+1, maxYear) {
		first := 1
		if year == begin.Year() {
			first = int(begin.Month())
		}
		month, ok := s.month.next(first, 12)
		for ; ok; month, ok = s.month.next(month+1, 12) {
			if c, ok := s.matchMonth(year, month, begin); ok {
				return c, true
			}
		}
	}
	return 0, false
}

// matchMonth looks in one month, from begin on.
func (s *Spec) matchMonth(year, month int, begin time.Time) (int64, bool) {
	first := time.Date(year, time.Month(month), 1, 0, 0, 0, 0, time.UTC)
	length := first.AddDate(0, 1, -1).Day()
	days := s.day
	if s.fromEnd {
		days = days.counted(length)
	}
	low, clock := 1, 0
	if !begin.Before(first) {
		low = begin.Day()
		clock = int(begin.UnixMicro() % daySpan)
	}
	day, ok := days.next(low, length)
	for ; ok; day, ok = days.next(day+1, length) {
		date := first.AddDate(0, 0, day-1)
		if monday := (int(date.Weekday()) + 6) % 7; s.days != 0 && s.days>>monday&1 == 0 {
			continue
		}
		from := 0
		if day == low {
			from = clock
		}
		if at, ok := s.matchClock(from); ok {
			return date.UnixMicro() + int64(at), true
		}
	}
	return 0, false
}

// matchClock is the first time of a day that is not before from, all in
// microseconds.
func (s *Spec) matchClock(from int) (int, bool) {
	const hourSpan, minuteSpan = 3600 * second, 60 * second
	hour, ok := s.hour.next(from/hourSpan, 23)
	for ; ok; hour, ok = s.hour.next(hour+1, 23) {
		rest := max(from-hour*hourSpan, 0)
		minute, ok := s.minute.next(rest/minuteSpan, 59)
		for ; ok; minute, ok = s.minute.next(minute+1, 59) {
			if micro, ok := s.micro.next(max(rest-minute*minuteSpan, 0), minuteSpan-1); ok {
				return hour*hourSpan + minute*minuteSpan + micro, true
			}
		}
	}
	return 0, false
}
