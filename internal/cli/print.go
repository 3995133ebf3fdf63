// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rouse-init/rouse/internal/unit"
)

func (a *app) printf(format string, args ...any) { _, _ = fmt.Fprintf(a.out, format, args...) }

// errorf prints a line on stderr, after what stands on stdout already.
func (a *app) errorf(format string, args ...any) {
	_ = a.out.Flush()
	_, _ = fmt.Fprintf(a.err, format+"\n", args...)
}

// printJSON prints v in one line.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// The colours of a terminal; nothing elsewhere.
const (
	red   = "\x1b[0;1;31m"
	green = "\x1b[0;1;32m"
	grey  = "\x1b[0;38;5;245m"
	bold  = "\x1b[0;1;39m"
)

func (a *app) colour(code, s string) string {
	if !a.tty || s == "" || code == "" {
		return s
	}
	return code + s + "\x1b[0m"
}

func stateColour(active string) string {
	switch active {
	case "active", "reloading", "refreshing":
		return green
	case "failed":
		return red
	case "activating", "deactivating":
		return bold
	}
	return ""
}

// dot is the mark before a unit, as systemctl draws it.
func (a *app) dot(active string) string {
	mark := "●"
	switch active {
	case "inactive", "maintenance":
		mark = "○"
	case "failed":
		mark = "×"
	case "reloading":
		mark = "↻"
	}
	return a.colour(stateColour(active), mark)
}

// table prints rows in columns that are as wide as they must be. The last
// column is not padded. Colours, by row, paint whole rows; it may be nil.
func (a *app) table(header []string, rows [][]string, colours []string) {
	if a.withLegend() {
		rows = append([][]string{header}, rows...)
		colours = append([]string{""}, colours...)
	}
	var width []int
	for n, r := range rows {
		r = visibleAll(r)
		rows[n] = r
		for i, cell := range r {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	for n, r := range rows {
		var b strings.Builder
		for i, cell := range r {
			b.WriteString(cell)
			if i < len(r)-1 {
				b.WriteString(strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)+1))
			}
		}
		line := strings.TrimRight(b.String(), " ")
		if n < len(colours) {
			line = a.colour(colours[n], line)
		}
		a.printf("%s\n", line)
	}
}

// stamp prints a time of day in microseconds as systemctl does.
func stamp(usec uint64) string {
	if usec == 0 {
		return ""
	}
	return time.UnixMicro(int64(usec)).Format("Mon 2006-01-02 15:04:05 MST")
}

// ago prints how long ago a moment was: its two largest units.
func ago(usec uint64) string {
	d := time.Since(time.UnixMicro(int64(usec)))
	if d < 0 {
		return "in " + coarse(-d)
	}
	return coarse(d) + " ago"
}

// coarse prints a duration in seconds, or in milliseconds where it is short.
func coarse(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		d = d.Truncate(time.Hour)
	case d >= time.Hour:
		d = d.Truncate(time.Minute)
	case d >= time.Second:
		d = d.Truncate(time.Second)
	default:
		d = d.Truncate(time.Millisecond)
	}
	return unit.FormatTimespan(d)
}

// size prints bytes as systemctl does: "1.5M".
func size(n uint64) string {
	const suffixes = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%dB", n)
	}
	base, i := uint64(1024), 0
	for n/base >= 1024 && i < len(suffixes)-1 {
		base *= 1024
		i++
	}
	return fmt.Sprintf("%d.%d%c", n/base, n%base*10/base, suffixes[i])
}

// counted is "1 unit", "2 units".
func counted(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
