// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/calendar"
	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/unit"
)

// Calendars reports the times in the conditions of a job that cannot be read
// and those that do not come after now.
func Calendars(u *unit.Unit, now time.Time) diag.List {
	if u.Events == nil {
		return nil
	}
	var list diag.List
	for i, t := range slices.Concat(u.Events.StartOn, u.Events.StopOn) {
		text, ok := dateOf(t)
		if !ok {
			continue
		}
		verb := "start"
		if i >= len(u.Events.StartOn) {
			verb = "stop"
		}
		d := diag.Diagnostic{Pos: t.Pos, Unit: u.Name, Code: CodeCalendar, Severity: diag.Error}
		spec, err := calendar.Parse(text)
		if err != nil {
			d.Msg, d.Fix = err.Error(), "write a time as in systemd.time(7), such as Mon..Fri 08:00"
			list.Add(d)
		} else if _, ok := spec.Next(now); !ok {
			d.Severity, d.Msg = diag.Warning, fmt.Sprintf("cannot %s by this: the time %q never comes", verb, text)
			list.Add(d)
		}
	}
	return list
}

// dateOf is the time that an operand waits for. What has a $VARIABLE is known
// when the job runs.
func dateOf(t unit.Term) (text string, ok bool) {
	if t.Op != unit.OpEvent || t.Event != "calendar" {
		return "", false
	}
	for i, m := range t.Match {
		if (m.Key == "SPEC" || m.Key == "" && i == 0) && !m.Negate {
			return m.Value, !strings.Contains(m.Value, "$")
		}
	}
	return "", false
}
