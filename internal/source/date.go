// SPDX-License-Identifier: Apache-2.0

package source

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/calendar"
	"github.com/rouse-init/rouse/internal/linux/poll"
)

// jumpMost is how far the clock may be set so that it counts as corrected:
// then dates that were jumped over come once, and those that come again do not
// count again. Set further, it was wrong before, and nothing is made up for.
const jumpMost = 3 * time.Hour

// maxDates bounds the different expressions.
const maxDates = 4096

// dates are all calendar events; there are some only while a job wants one.
type dates struct {
	timer int
	by    map[string]*date
	zone  *time.Location
}

// date is one SPEC=, as jobs write it.
type date struct {
	text string
	spec *calendar.Spec
	// Up to here everything was told, on both clocks.
	wall time.Time
	boot time.Duration
	next time.Time // zero for never
}

// wantDates watches for the dates of operands.
func (s *Set) wantDates(list []Wanted) {
	if len(list) == 0 {
		s.closeDates()
		s.ledger.keepOnly("date", func(string) bool { return false })
		return
	}
	by, order := group(list, func(w Wanted) (string, error) {
		vars, err := values(w, "SPEC", "TIME")
		if err == nil {
			_, err = calendar.Parse(vars["SPEC"])
		}
		return vars["SPEC"], err
	}, func(w Wanted, err error) {
		s.complain(w, err.Error(), "write a date as in systemd.time(7), and try it with `systemd-analyze calendar`")
	})
	if s.dates == nil {
		if err := s.openDates(); err != nil {
			s.complain(list[0], err.Error(), "")
			return
		}
	}
	d := s.dates
	d.zone = s.zone()
	for text := range d.by {
		if by[text] == nil {
			delete(d.by, text)
		}
	}
	s.ledger.keepOnly("date", func(text string) bool { return by[text] != nil })
	for _, text := range order {
		if d.by[text] == nil {
			if len(d.by) == maxDates {
				s.complain(by[text][0], fmt.Sprintf("cannot watch for more than %d dates", maxDates), "")
				break
			}
			spec, err := calendar.Parse(text)
			if err != nil {
				continue // said above
			}
			one := &date{text: text, spec: spec, wall: s.c.Wall(), boot: s.c.Now()}
			one.restore(s.ledger.entries["date "+text])
			d.by[text] = one
			s.noteDate(one)
		}
	}
	s.lookAtDates()
}

// zone is the local time zone. It is read anew at each load, as it may have
// been changed; Go itself reads it once.
func (s *Set) zone() *time.Location {
	zone := s.c.Wall().Location()
	if zone != time.Local || os.Getenv("TZ") != "" {
		return zone
	}
	text, err := os.ReadFile("/etc/localtime")
	if err != nil {
		return zone
	}
	fresh, err := time.LoadLocationFromTZData("Local", text)
	if err != nil {
		return zone
	}
	return fresh
}

// noteDate writes into the ledger up to when a date was told.
func (s *Set) noteDate(d *date) {
	s.ledger.set("date "+d.text, fmt.Sprintf("%d %d", d.wall.UnixMicro(), d.boot.Microseconds()))
}

// restore takes over what an earlier manager noted.
func (d *date) restore(entry string) {
	wall, boot, _ := strings.Cut(entry, " ")
	w, err1 := strconv.ParseInt(wall, 10, 64)
	b, err2 := strconv.ParseInt(boot, 10, 64)
	if err1 == nil && err2 == nil {
		d.wall, d.boot = time.UnixMicro(w), time.Duration(b)*time.Microsecond
	}
}

// lookAtDates tells the dates that have come, once each however often they
// came, and sets the timer for the next.
func (s *Set) lookAtDates() {
	d := s.dates
	wall, boot := s.c.Wall().In(d.zone), s.c.Now()
	// Even without any date the timer runs, to hear of the clock being set.
	first := time.Date(2199, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, one := range d.by {
		if due, ok := one.look(wall, boot); ok {
			s.tell("calendar", []string{"SPEC=" + one.text, "TIME=" + due.Format(time.RFC3339Nano)}, "")
		}
		if !one.next.IsZero() && one.next.Before(first) {
			first = one.next
		}
		if one.boot == boot {
			s.noteDate(one)
		}
	}
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(first.UnixNano())}
	err := unix.TimerfdSettime(d.timer, unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, &spec, nil)
	if err != nil {
		s.c.Say("cannot set a timer for %v: %v", first, err)
	}
}

// look tells which date has come since the last look, if one has, and finds
// the next.
func (d *date) look(wall time.Time, boot time.Duration) (due time.Time, ok bool) {
	// How far the clock was set since then. Suspend is no setting: both go on.
	set := wall.Sub(d.wall) - (boot - d.boot)
	if set > jumpMost || set < -jumpMost {
		d.wall, d.boot = wall, boot
	}
	due, ok = d.spec.Next(d.wall.In(wall.Location()))
	if !ok || due.After(wall) {
		d.next = due
		return time.Time{}, false
	}
	d.wall, d.boot = wall, boot
	d.next, _ = d.spec.Next(wall)
	return due, true
}

func (s *Set) openDates() error {
	fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("cannot watch for dates: %w", err)
	}
	if err := s.c.Loop.Add(fd, poll.In, func(uint32) { s.timer() }); err != nil {
		unix.Close(fd)
		return err
	}
	s.dates = &dates{timer: fd, by: make(map[string]*date)}
	return nil
}

// timer is called when a date has come or the clock was set; which of them is
// seen by looking.
func (s *Set) timer() {
	var buf [8]byte
	if _, err := unix.Read(s.dates.timer, buf[:]); err == unix.EAGAIN {
		return
	}
	s.lookAtDates()
	s.flush()
}

func (s *Set) closeDates() {
	if s.dates != nil {
		s.c.Loop.Remove(s.dates.timer)
		unix.Close(s.dates.timer)
		s.dates = nil
	}
}
