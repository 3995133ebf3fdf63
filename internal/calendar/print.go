// SPDX-License-Identifier: Apache-2.0

package calendar

import (
	"fmt"
	"strings"
)

// String prints the normal form, as `systemd-analyze calendar` does; Parse
// reads it back.
func (s *Spec) String() string {
	var b strings.Builder
	if s.days != 0 {
		s.printDays(&b)
		b.WriteByte(' ')
	}
	s.year.print(&b, 4)
	b.WriteByte('-')
	s.month.print(&b, 2)
	if s.fromEnd {
		b.WriteByte('~')
	} else {
		b.WriteByte('-')
	}
	s.day.print(&b, 2)
	b.WriteByte(' ')
	s.hour.print(&b, 2)
	b.WriteByte(':')
	s.minute.print(&b, 2)
	b.WriteByte(':')
	s.micro.printSeconds(&b)
	if s.zoneName != "" {
		b.WriteByte(' ')
		b.WriteString(s.zoneName)
	}
	return b.String()
}

// printDays joins three days and more in a row.
func (s *Spec) printDays(b *strings.Builder) {
	comma := ""
	for i := 0; i < len(weekdays); i++ {
		if s.days>>i&1 == 0 {
			continue
		}
		j := i
		for j+1 < len(weekdays) && s.days>>(j+1)&1 == 1 {
			j++
		}
		b.WriteString(comma + dayName(i))
		comma = ","
		if j > i+1 {
			b.WriteString(".." + dayName(j))
			i = j
		}
	}
}

func dayName(i int) string { return strings.ToUpper(weekdays[i][:1]) + weekdays[i][1:3] }

func (l list) print(b *strings.Builder, width int) {
	if l == nil {
		b.WriteByte('*')
	}
	for i, p := range l {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(b, "%0*d", width, p.start)
		if p.stop >= 0 {
			fmt.Fprintf(b, "..%0*d", width, p.stop)
		}
		if p.step > 0 && (p.stop < 0 || p.step != 1) {
			fmt.Fprintf(b, "/%d", p.step)
		}
	}
}

func (l list) printSeconds(b *strings.Builder) {
	if len(l) == 1 && l[0] == (part{start: 0, stop: -1, step: second}) {
		b.WriteByte('*')
		return
	}
	for i, p := range l {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(seconds(p.start, 2))
		if p.stop >= 0 {
			b.WriteString(".." + seconds(p.stop, 2))
		}
		if p.step > 0 && (p.stop < 0 || p.step != second) {
			b.WriteString("/" + seconds(p.step, 1))
		}
	}
}

// seconds prints microseconds as seconds, with six decimals where there are any.
func seconds(micros, width int) string {
	text := fmt.Sprintf("%0*d", width, micros/second)
	if rest := micros % second; rest != 0 {
		text += fmt.Sprintf(".%06d", rest)
	}
	return text
}
