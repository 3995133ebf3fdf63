// SPDX-License-Identifier: Apache-2.0

package source

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rouse-init/rouse/internal/calendar"
)

// TestDateComes waits for a real timer: the next full second but one.
func TestDateComes(t *testing.T) {
	r := newRig(t)
	at := time.Now().Add(400 * time.Millisecond).Truncate(100 * time.Millisecond)
	spec := at.UTC().Format("2006-01-02T15:04:05.0") + " UTC"
	want := term("calendar SPEC=x TIME!=y")
	want.Match[0].Value = spec
	r.set.Want([]Wanted{want})
	r.expect(fmt.Sprintf("calendar SPEC=%s TIME=%s", spec, at.UTC().Format(time.RFC3339Nano)))
	if time.Now().Before(at) {
		t.Error("it came too soon")
	}
}

func TestDatesOverDeathAndReload(t *testing.T) {
	r := newRig(t)
	hourly := term("calendar hourly")
	// Half past, so that no hour is full while the test runs.
	now := time.Now()
	r.setBy = now.Truncate(time.Hour).Add(30 * time.Minute).Sub(now)
	r.set.Want([]Wanted{hourly})
	r.die(hourly)
	r.expect()
	r.ahead += 5 * time.Hour // while nobody lived
	r.die(hourly)
	r.expectDates("hourly", 1)
	r.die(hourly)
	r.expect()
	r.set.Want([]Wanted{hourly, term("calendar daily")})
	r.expect()
}

// expectDates turns until so many dates were told.
func (r *rig) expectDates(spec string, n int) {
	r.t.Helper()
	deadline := time.Now().Add(2 * time.Second)
	for len(r.told) < n && time.Now().Before(deadline) {
		r.turn(50 * time.Millisecond)
	}
	r.turn(0)
	if len(r.told) != n || n > 0 && !strings.HasPrefix(r.told[0], "calendar SPEC="+spec+" TIME=") {
		r.t.Fatalf("told %q, want %d of %s", r.told, n, spec)
	}
	r.told = nil
}

// TestClockIsSet goes through one date with two clocks of its own.
func TestClockIsSet(t *testing.T) {
	spec, err := calendar.Parse("08:00")
	if err != nil {
		t.Fatal(err)
	}
	day := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	type look struct {
		wall time.Duration // since midnight of that day
		boot time.Duration
		told bool
	}
	const h, m = time.Hour, time.Minute
	for name, looks := range map[string][]look{
		"goes by":                 {{7*h + 59*m, 59 * m, false}, {8 * h, h, true}, {8*h + m, h + m, false}, {32 * h, 25 * h, true}},
		"suspended over it":       {{31 * h, 24 * h, true}, {100 * h, 93 * h, true}, {101 * h, 94 * h, false}},
		"corrected forward":       {{9 * h, 30 * m, true}},
		"set back, told once":     {{8 * h, h, true}, {7 * h, h + m, false}, {8 * h, 2*h + m, false}, {32 * h, 26 * h, true}},
		"was wrong, far forward":  {{24000 * h, h, false}, {24000*h + 8*h, 9 * h, true}},
		"was wrong, far backward": {{-100 * h, h, false}, {-88 * h, 13 * h, true}},
	} {
		d := &date{spec: spec, wall: day.Add(7 * h)}
		for i, l := range looks {
			if _, ok := d.look(day.Add(l.wall), l.boot); ok != l.told {
				t.Errorf("%s, look %d: told %v", name, i, ok)
			}
			if !d.next.After(day.Add(l.wall)) {
				t.Errorf("%s, look %d: next at %v", name, i, d.next)
			}
		}
	}
}

func TestDatesThatCannotBe(t *testing.T) {
	r := newRig(t)
	r.set.Want([]Wanted{term("calendar SPEC=25:00"), term("calendar")})
	if !r.saidLike(`/etc/init/job.conf:3:10: job.service: warning: cannot read calendar expression "25:00": expected the hour`) || len(r.said) != 2 {
		t.Errorf("said %q", r.said)
	}
}
