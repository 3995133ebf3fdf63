// SPDX-License-Identifier: Apache-2.0

package calendar

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// field is what a list may contain.
type field struct {
	name      string
	low, high int
	fraction  bool // values are seconds with fractions, kept in microseconds
	year      bool // two digits are of 1970 to 2069
	fromEnd   bool // values count back; repetitions go forward all the same
}

// parseList reads one field: "*", or values, ranges and repetitions.
func parseList(text string, f field) (list, error) {
	if text == "*" {
		if f.fraction { // full seconds, not every microsecond
			return list{{start: 0, stop: -1, step: second}}, nil
		}
		return nil, nil
	}
	items := strings.Split(text, ",")
	if len(items) > maxParts {
		return nil, fmt.Errorf("expected at most %d values for the %s", maxParts, f.name)
	}
	var l list
	for _, item := range items {
		p, err := parsePart(item, f)
		if err != nil {
			return nil, err
		}
		l = append(l, p)
	}
	slices.SortFunc(l, func(a, b part) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.stop, b.stop), cmp.Compare(a.step, b.step))
	})
	return slices.Compact(l), nil
}

func parsePart(text string, f field) (part, error) {
	p := part{stop: -1}
	values, step, repeats := strings.Cut(text, "/")
	from, to, ranged := strings.Cut(values, "..")
	var err error
	if p.start, err = f.value(from); err != nil {
		return p, err
	}
	if ranged {
		if p.stop, err = f.value(to); err != nil {
			return p, err
		}
		if p.stop < p.start {
			return p, fmt.Errorf("expected the end of the range %.40q of the %s after its start", values, f.name)
		}
	}
	if repeats {
		p.step, err = number(step, f.fraction)
		if err != nil || p.step < 1 || p.stop < 0 && p.step > f.room(p.start) {
			return p, fmt.Errorf("expected a repetition of the %s that comes true again, found %.40q", f.name, text)
		}
	}
	return p.normal(f), nil
}

// normal says each range in one way.
func (p part) normal(f field) part {
	if p.stop < 0 {
		return p
	}
	if p.step == 0 {
		p.step = f.unit()
	}
	p.stop -= (p.stop - p.start) % p.step
	if p.stop == p.start {
		p.stop, p.step = -1, 0
	}
	return p
}

// unit is the step of a range that has none.
func (f field) unit() int {
	if f.fraction {
		return second
	}
	return 1
}

// room is how far repetitions from start can go.
func (f field) room(start int) int {
	if f.fromEnd {
		return start - f.low
	}
	return f.high - start
}

func (f field) value(text string) (int, error) {
	n, err := number(text, f.fraction)
	if err == nil && f.year {
		switch {
		case n < 70:
			n += 2000
		case n < 100:
			n += 1900
		}
	}
	if err != nil || n < f.low || n > f.high {
		return 0, fmt.Errorf("expected the %s as %d to %d, found %.40q", f.name, f.low, f.high/f.unit(), text)
	}
	return n, nil
}

// number reads digits, with fraction also "seconds.fraction", in microseconds
// rounded to the nearest.
func number(text string, fraction bool) (int, error) {
	whole, rest := text, ""
	if fraction {
		var point bool
		whole, rest, point = strings.Cut(text, ".")
		if point && rest == "" {
			return 0, strconv.ErrSyntax
		}
	}
	// Digits only (strconv takes signs too), and so few that nothing overflows.
	if whole == "" || len(whole) > 8 || strings.Trim(whole+rest, "0123456789") != "" {
		return 0, strconv.ErrSyntax
	}
	n, err := strconv.Atoi(whole)
	if err != nil || !fraction {
		return n, err
	}
	micros, err := strconv.Atoi((rest + "0000000")[:7])
	return n*second + (micros+5)/10, err
}
