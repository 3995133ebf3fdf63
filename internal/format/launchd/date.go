// SPDX-License-Identifier: Apache-2.0

package launchd

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/launchd/plist"
)

const day = 24 * 3600 // seconds

// setInterval makes dates of an interval: they are kept over a restart of the
// manager, and missed ones are made up for after a suspend, once. An interval
// that does not divide a day, or needs too many dates, is brought to the next
// shorter one that does.
func (b *build) setInterval(v *plist.Value) {
	n := v.Int
	if n <= 0 {
		b.warn(v.Pos, "cannot read StartInterval: expected a number of seconds from 1 on, found %d, ignoring", n)
		return
	}
	b.dated = true
	specs, real := interval(n)
	for _, spec := range specs {
		b.start(dateTerm(v.Pos, spec))
	}
	b.every = intervals{asked: n, real: real, pos: v.Pos}
}

// intervals are what StartInterval says and what is made of it, in seconds.
type intervals struct {
	asked, real int64
	pos         diag.Pos
}

// judgeInterval tells of a StartInterval that is not kept, once ThrottleInterval
// is known, wherever it stands.
func (b *build) judgeInterval() {
	switch e, throttle := b.every, int64(b.throttle/time.Second); {
	case e.asked == 0:
	case e.real < throttle:
		b.report(diag.Warning, CodeDiffers, e.pos, fmt.Sprintf("cannot start every %s: ThrottleInterval is %s, so that it starts that often", span(e.asked), span(throttle)),
			fmt.Sprintf("set StartInterval to %d, or ThrottleInterval to %d", throttle, e.real))
	case e.real != e.asked:
		b.report(diag.Warning, CodeDiffers, e.pos, fmt.Sprintf("cannot start every %d s: a day has no whole number of that (or it would need too many dates), using %s", e.asked, span(e.real)),
			fmt.Sprintf("set StartInterval to %d", e.real))
	}
}

func span(n int64) string {
	switch {
	case n%day == 0:
		return plural(n/day, "day")
	case n%3600 == 0:
		return plural(n/3600, "hour")
	case n%60 == 0:
		return plural(n/60, "minute")
	}
	return strconv.FormatInt(n, 10) + " s"
}

func plural(n int64, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return strconv.FormatInt(n, 10) + " " + unit + "s"
}

// maxDates is how many dates an interval may need.
const maxDates = 60

// interval finds the dates of the longest interval that is not longer than n.
func interval(n int64) (specs []string, real int64) {
	switch {
	case n >= 7*day:
		return []string{"Mon *-*-* 00:00:00"}, 7 * day
	case n >= day:
		return []string{"*-*-* 00:00:00"}, day
	}
	for ; ; n-- {
		if day%n != 0 {
			continue
		}
		if specs := dates(n); len(specs) <= maxDates {
			return specs, n
		}
	}
}

// dates are all times of a day with the distance n, those of the same minute
// and second joined. One with minutes that divide an hour needs one date.
func dates(n int64) []string {
	switch {
	case n < 60 && 60%n == 0:
		return []string{fmt.Sprintf("*-*-* *:*:0/%d", n)}
	case n < 3600 && n%60 == 0 && 3600%n == 0:
		return []string{fmt.Sprintf("*-*-* *:0/%d:00", n/60)}
	case n%3600 == 0:
		return []string{fmt.Sprintf("*-*-* 0/%d:00:00", n/3600)}
	}
	type minute struct{ m, s int64 }
	hours := map[minute][]string{}
	var order []minute
	for t := int64(0); t < day; t += n {
		at := minute{t / 60 % 60, t % 60}
		if hours[at] == nil {
			order = append(order, at)
			if len(order) > maxDates {
				break
			}
		}
		hours[at] = append(hours[at], fmt.Sprintf("%02d", t/3600))
	}
	slices.SortFunc(order, func(x, y minute) int { return int(x.m*60 + x.s - y.m*60 - y.s) })
	var out []string
	for _, at := range order {
		list := strings.Join(hours[at], ",")
		if len(hours[at]) == 24 {
			list = "*"
		}
		out = append(out, fmt.Sprintf("*-*-* %s:%02d:%02d", list, at.m, at.s))
	}
	return out
}

// field is one number of StartCalendarInterval.
type field struct {
	key         string
	least, most int64
}

var fields = []field{{"Minute", 0, 59}, {"Hour", 0, 23}, {"Day", 1, 31}, {"Weekday", 0, 7}, {"Month", 1, 12}}

var weekdays = [...]string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}

// setCalendar makes a date of each dictionary.
func (b *build) setCalendar(v *plist.Value) {
	if v.Kind == plist.Dict {
		b.calendar(v)
		return
	}
	for _, item := range v.Items {
		if b.fits("StartCalendarInterval", []plist.Kind{plist.Dict}, item, false) {
			b.calendar(item)
		}
	}
}

// calendar reads one dictionary. What is missing stands for any value, so that
// an hour alone means each of its minutes. A day and a weekday are joined by
// or, as in crontab(5). Dates that cannot be read are left out altogether: with
// one number less they would come more often.
func (b *build) calendar(v *plist.Value) {
	got := map[string]string{}
	good := true
	for _, e := range v.Entries {
		i := slices.IndexFunc(fields, func(f field) bool { return strings.EqualFold(f.key, e.Key) })
		if i < 0 {
			var names []string
			for _, f := range fields {
				names = append(names, f.key)
			}
			b.report(diag.Warning, CodeKey, e.Pos, "cannot use "+quoteKey(e.Key)+" in StartCalendarInterval: it is not known, ignoring the whole date", meant(e.Key, names))
			good = false
			continue
		}
		f := fields[i]
		if !b.fits(f.key, []plist.Kind{plist.Integer}, e.Value, false) {
			good = false
			continue
		}
		if n := e.Value.Int; n < f.least || n > f.most {
			b.warn(e.Value.Pos, "cannot read %s: expected %d to %d, found %d, ignoring the whole date", f.key, f.least, f.most, n)
			good = false
			continue
		}
		got[f.key] = fmt.Sprintf("%02d", e.Value.Int)
		if f.key == "Weekday" {
			got[f.key] = weekdays[e.Value.Int]
		}
	}
	if !good {
		return
	}
	b.dated = true
	or := func(key string) string {
		if s := got[key]; s != "" {
			return s
		}
		return "*"
	}
	clock := or("Hour") + ":" + or("Minute") + ":00"
	if got["Day"] != "" || got["Weekday"] == "" {
		b.start(dateTerm(v.Pos, "*-"+or("Month")+"-"+or("Day")+" "+clock))
	}
	if w := got["Weekday"]; w != "" {
		b.start(dateTerm(v.Pos, w+" *-"+or("Month")+"-* "+clock))
	}
}
