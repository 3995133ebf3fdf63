// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

var (
	errBool   = errors.New("expected yes or no")
	errSize   = errors.New("expected a size in bytes such as 4096, 16K or 2G")
	errMode   = errors.New("expected an octal mode such as 0644")
	errSignal = errors.New("expected a signal such as SIGTERM")
	errPath   = errors.New("expected an absolute path")
	errDots   = errors.New(`expected a path without ".."`)
)

func parseBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "1", "yes", "y", "true", "t", "on":
		return true, nil
	case "0", "no", "n", "false", "f", "off":
		return false, nil
	}
	return false, errBool
}

func parseSpan(s string) (time.Duration, error) { return unit.ParseTimespan(s, false) }

// parseInt reads a whole number as strtol(3) with base 0 does: decimal, 0x…
// or 0….
func parseInt(s string, low, high int64) (int64, error) {
	digits := strings.TrimPrefix(s, "+")
	n, err := strconv.ParseInt(digits, 0, 64)
	if err != nil || strings.ContainsRune(s, '_') || n < low || n > high || strings.HasPrefix(s, "+-") {
		switch {
		case low == math.MinInt64 || high == math.MaxInt64:
			return 0, errors.New("expected a whole number")
		case low == 0:
			return 0, fmt.Errorf("expected a whole number up to %d", high)
		}
		return 0, fmt.Errorf("expected a whole number from %d to %d", low, high)
	}
	return n, nil
}

// parseSize reads a number of bytes, with the suffixes K M G T P E to the
// base of 1024 and B; sizes may follow one another from large to small.
func parseSize(s string) (uint64, error) {
	const suffixes = "BKMGTPE"
	if s == "" {
		return 0, errSize
	}
	var total float64
	var exact uint64
	last := len(suffixes)
	for s != "" {
		end := 0
		for end < len(s) && (s[end] >= '0' && s[end] <= '9' || s[end] == '.') {
			end++
		}
		digits := s[:end]
		s = strings.TrimLeft(s[end:], blanks)
		power := 0
		if s != "" && (s[0] < '0' || s[0] > '9') {
			power = strings.IndexByte(suffixes, s[0])
			s = strings.TrimLeft(s[1:], blanks)
		}
		if power < 0 || power >= last {
			return 0, errSize
		}
		last = power
		scale := uint64(1) << (10 * power)
		whole, frac, _ := strings.Cut(digits, ".")
		n, err := strconv.ParseUint(whole, 10, 64)
		if err != nil || frac == "" && whole != digits {
			return 0, errSize
		}
		if n > math.MaxUint64/scale || exact > math.MaxUint64-n*scale {
			return 0, errors.New("the size is too large")
		}
		exact += n * scale
		if frac != "" {
			f, err := strconv.ParseFloat("0."+frac, 64)
			if err != nil {
				return 0, errSize
			}
			total += f * float64(scale)
		}
	}
	return exact + uint64(total), nil
}

// parsePercent reads "12.34%" in hundredths of a percent. ok is false where
// s does not end in a percent sign.
func parsePercent(s string, high int64) (hundredths int64, ok bool, err error) {
	digits, ok := strings.CutSuffix(s, "%")
	if !ok {
		return 0, false, nil
	}
	whole, frac, dot := strings.Cut(digits, ".")
	n, err := strconv.ParseUint(whole, 10, 31)
	if err != nil || dot && (frac == "" || len(frac) > 2) {
		return 0, true, errors.New("expected a percentage such as 20%")
	}
	h := int64(n) * 100
	for i, scale := 0, int64(10); i < len(frac); i, scale = i+1, scale/10 {
		if frac[i] < '0' || frac[i] > '9' {
			return 0, true, errors.New("expected a percentage such as 20%")
		}
		h += int64(frac[i]-'0') * scale
	}
	if high > 0 && h > high*100 {
		return 0, true, fmt.Errorf("expected at most %d%%", high)
	}
	return h, true, nil
}

func parseMode(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 8, 32)
	if err != nil || n > 0o7777 {
		return 0, errMode
	}
	return uint32(n), nil
}

// cleanPath checks an absolute path and takes doubled slashes and "." out.
func cleanPath(s string) (string, error) {
	if s == "" || s[0] != '/' {
		return "", errPath
	}
	return simplify(s)
}

func simplify(s string) (string, error) {
	if strings.IndexByte(s, 0) >= 0 {
		return "", errPath
	}
	if !strings.Contains(s, "//") && !strings.Contains(s, "/.") && (len(s) == 1 || s[len(s)-1] != '/') &&
		!strings.HasPrefix(s, "./") && s != ".." && !strings.HasPrefix(s, "../") {
		return s, nil
	}
	var b strings.Builder
	for part := range strings.SplitSeq(s, "/") {
		switch part {
		case "", ".":
			continue
		case "..":
			return "", errDots
		}
		if b.Len() > 0 || s[0] == '/' {
			b.WriteByte('/')
		}
		b.WriteString(part)
	}
	if b.Len() == 0 {
		return s[:1], nil
	}
	return b.String(), nil
}

// parseList reads the numbers of a set such as "0-3,8 10": CPUs, NUMA nodes,
// exit codes. It refuses numbers of limit and more.
func parseList(s string, limit uint64, add func(n uint32)) error {
	for s != "" {
		end := strings.IndexAny(s, ", \t")
		if end < 0 {
			end = len(s)
		}
		part := s[:end]
		s = s[min(end+1, len(s)):]
		if part == "" {
			continue
		}
		from, to, ranged := strings.Cut(part, "-")
		first, err := strconv.ParseUint(from, 10, 32)
		last := first
		if err == nil && ranged {
			last, err = strconv.ParseUint(to, 10, 32)
		}
		if err != nil || last >= limit {
			return fmt.Errorf("%q: expected numbers below %d and ranges such as 0-3", part, limit)
		}
		for n := first; n <= last; n++ {
			add(uint32(n))
		}
	}
	return nil
}

// quote puts s in quotes for a message, cut where it is long.
func quote(s string) string {
	if len(s) > 80 {
		cut := 77
		for cut > 0 && s[cut]&0xc0 == 0x80 {
			cut--
		}
		s = s[:cut] + "..."
	}
	return strconv.Quote(s)
}
