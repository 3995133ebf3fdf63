// SPDX-License-Identifier: Apache-2.0

package unit

import (
	"errors"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// The lengths of systemd.time(7): a year is 365.25 days, a month its twelfth.
const (
	day   = 24 * time.Hour
	week  = 7 * day
	month = 2629800 * time.Second
	year  = 31557600 * time.Second
)

func spanUnit(word string) time.Duration {
	switch word {
	case "", "s", "sec", "second", "seconds":
		return time.Second
	case "m", "min", "minute", "minutes":
		return time.Minute
	case "h", "hr", "hour", "hours":
		return time.Hour
	case "d", "day", "days":
		return day
	case "w", "week", "weeks":
		return week
	case "M", "month", "months":
		return month
	case "y", "year", "years":
		return year
	case "ms", "msec":
		return time.Millisecond
	case "us", "usec", "µs", "μs": // micro sign and Greek mu
		return time.Microsecond
	case "ns", "nsec":
		return time.Nanosecond
	}
	return 0
}

var (
	errSpan      = errors.New(`expected a time span such as 5, "2min 30s" or infinity`)
	errSpanRange = errors.New("time span out of range")
)

// ParseTimespan reads a time span of systemd.time(7); a number without a
// unit is in seconds. What is longer than Go's 292 years is Infinity, and so
// is "infinity". Below a microsecond it is exact only with nanoseconds
// allowed (TimerSlackNSec=); else the rest is cut and "ns" is refused.
func ParseTimespan(s string, nanoseconds bool) (time.Duration, error) {
	rest := strings.Trim(s, " \t\n\r")
	if rest == "infinity" {
		return Infinity, nil
	}
	if rest == "" {
		return 0, errSpan
	}
	var total uint64
	for rest != "" {
		if rest[0] == '-' {
			return 0, errSpanRange
		}
		rest = strings.TrimPrefix(rest, "+")
		whole, frac, after, ok := decimal(rest)
		switch {
		case !ok:
			return 0, errSpan
		case whole > math.MaxInt64:
			return 0, errSpanRange
		}
		rest = strings.TrimLeft(after, " \t\n\r")
		end := 0
		for end < len(rest) && (rest[end] >= 'a' && rest[end] <= 'z' ||
			rest[end] >= 'A' && rest[end] <= 'Z' || rest[end] >= 0x80) {
			end++
		}
		scale := uint64(spanUnit(rest[:end]))
		if scale == 0 || scale < 1000 && !nanoseconds {
			return 0, errSpan
		}
		if end == 0 && rest != "" && len(rest) == len(after) { // "1.2.3"
			return 0, errSpan
		}
		rest = strings.TrimLeft(rest[end:], " \t\n\r")
		hi, lo := bits.Mul64(whole, scale)
		if hi != 0 || lo > math.MaxInt64-total {
			if hi, _ := bits.Mul64(whole, scale/1000); hi != 0 { // nor fits systemd's microseconds
				return 0, errSpanRange
			}
			return Infinity, nil
		}
		total += lo
		for _, c := range []byte(frac) {
			scale /= 10
			total += uint64(c-'0') * scale
		}
	}
	if !nanoseconds {
		total -= total % 1000
	}
	if total >= math.MaxInt64 {
		return Infinity, nil
	}
	return time.Duration(total), nil
}

// decimal reads digits[.digits] or .digits from the front of s.
func decimal(s string) (whole uint64, frac, rest string, ok bool) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		d := uint64(s[i] - '0')
		if whole > (math.MaxUint64-d)/10 {
			return 0, "", "", false
		}
		whole = whole*10 + d
		i++
	}
	j := i
	if j < len(s) && s[j] == '.' {
		j++
		for j < len(s) && s[j] >= '0' && s[j] <= '9' {
			j++
		}
		if j == i+1 {
			return 0, "", "", false
		}
		return whole, s[i+1 : j], s[j:], true
	}
	return whole, "", s[i:], i > 0
}

// FormatTimespan prints d as systemctl(1) shows it: "1min 30s", "100ms",
// "1.500000s", "0", "infinity". Nanoseconds are left out.
func FormatTimespan(d time.Duration) string {
	if d == Infinity {
		return "infinity"
	}
	d = d.Truncate(time.Microsecond)
	if d <= 0 {
		return "0"
	}
	units := [...]struct {
		suffix string
		length time.Duration
	}{
		{"y", year},
		{"month", month},
		{"w", week},
		{"d", day},
		{"h", time.Hour},
		{"min", time.Minute},
		{"s", time.Second},
		{"ms", time.Millisecond},
		{"us", time.Microsecond},
	}
	var buf [64]byte
	out := buf[:0]
	for _, u := range units {
		if d < u.length {
			continue
		}
		if len(out) > 0 {
			out = append(out, ' ')
		}
		out = strconv.AppendInt(out, int64(d/u.length), 10)
		rest := d % u.length
		if u.length <= time.Second && rest > 0 { // the rest as a fraction, to the microsecond
			out = append(out, '.')
			for scale := u.length / 10; scale >= time.Microsecond; scale /= 10 {
				out = append(out, byte('0'+rest/scale%10))
			}
			rest = 0
		}
		out = append(out, u.suffix...)
		if d = rest; d == 0 {
			break
		}
	}
	return string(out)
}
