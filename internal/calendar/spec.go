// SPDX-License-Identifier: Apache-2.0

// Package calendar is the calendar expressions of systemd.time(7): "Mon..Fri
// 08:00", "*-*~01 04:00 Europe/Berlin", "hourly". It parses, prints in the
// normal form, and finds the next time. It knows no clock, holds nothing, and
// is read by whoever has timers. Only the names of time zones are looked up on
// the machine.
package calendar

import "time"

// Spec is one parsed expression; it is not changed after Parse.
type Spec struct {
	days                           uint8 // bit 0 is Monday; 0: every day
	year, month, day, hour, minute list
	micro                          list // of the minute, so that seconds may have fractions
	fromEnd                        bool // day counts back from the last of the month, which is 1
	zone                           *time.Location
	zoneName                       string // as printed; "" where zone is nil
}

// Years before and after these match nothing, as in systemd.
const (
	minYear = 1970
	maxYear = 2199
)

// second is in microseconds, the unit of Spec.micro.
const second = 1_000_000

// part is one element of a list: start, start..stop, start/step or
// start..stop/step. stop is -1 and step 0 where there is none.
type part struct{ start, stop, step int }

// list is what one field may be; nil is "*". It is sorted and has no doubles.
type list []part

// next is the smallest value of the list that is at least v and at most limit.
func (l list) next(v, limit int) (int, bool) {
	if l == nil {
		return v, v <= limit
	}
	best, found := 0, false
	for _, p := range l {
		n := p.start
		if v > n {
			if p.step == 0 {
				continue
			}
			n += (v - n + p.step - 1) / p.step * p.step
		}
		if n > limit || n < v || p.stop >= 0 && n > p.stop {
			continue
		}
		if !found || n < best {
			best, found = n, true
		}
	}
	return best, found
}

// counted is a list of days from the end of a month as days from its start.
func (l list) counted(length int) list {
	out := make(list, len(l))
	for i, p := range l {
		out[i] = part{start: length + 1 - p.start, stop: -1, step: p.step}
		if p.stop >= 0 {
			out[i].start, out[i].stop = length+1-p.stop, length+1-p.start
		}
	}
	return out
}
