// SPDX-License-Identifier: Apache-2.0

package sysv

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/cli/option"
)

// maxMinutes is the longest delay of a shutdown: a year.
const maxMinutes = 366 * 24 * 60

// when reads the time of a shutdown: "now", "+m" or "hh:mm", which is
// tomorrow where it has passed today.
func when(text string, now time.Time) (time.Time, error) {
	if text == "now" {
		return now, nil
	}
	if hour, minute, ok := strings.Cut(text, ":"); ok {
		h, err := strconv.ParseUint(hour, 10, 32)
		if err != nil || h > 23 {
			return now, option.UsageError("illegal hour value")
		}
		m, err := strconv.ParseUint(minute, 10, 32)
		if err != nil || m > 59 {
			return now, option.UsageError("illegal minute value")
		}
		at := time.Date(now.Year(), now.Month(), now.Day(), int(h), int(m), 0, 0, now.Location())
		if at.Before(now.Truncate(time.Minute)) {
			at = time.Date(now.Year(), now.Month(), now.Day()+1, int(h), int(m), 0, 0, now.Location())
		}
		return at, nil
	}
	m, err := strconv.ParseUint(strings.TrimPrefix(text, "+"), 10, 32)
	if err != nil || m > maxMinutes {
		return now, option.UsageError("illegal time value")
	}
	return now.Add(time.Duration(m) * time.Minute), nil
}

// warnAt tells whether people are told with so many minutes left: seldom
// long before, each minute in the last ten.
func warnAt(minutes int) bool {
	switch {
	case minutes < 10:
		return true
	case minutes < 60:
		return minutes%15 == 0
	case minutes < 180:
		return minutes%30 == 0
	}
	return minutes%60 == 0
}

// warning is what people are told.
func warning(what string, minutes int) string {
	switch minutes {
	case 0:
		return fmt.Sprintf("The system is going down for %s NOW!", what)
	case 1:
		return fmt.Sprintf("The system is going down for %s in 1 minute!", what)
	}
	return fmt.Sprintf("The system is going down for %s in %d minutes!", what, minutes)
}
