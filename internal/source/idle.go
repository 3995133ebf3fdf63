// SPDX-License-Identifier: Apache-2.0

package source

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Idle is when the machine counts as quiet after the boot.
type Idle struct {
	// Every is how often it is looked; For how long it must have been quiet.
	Every, For time.Duration
	// Stalled is the part of the time in which something waited for a
	// processor or a disk, at most, where the kernel tells (PSI); Load is the
	// load average for each processor otherwise.
	Stalled, Load float64
	// Complain is after how long it is said that there is no quiet.
	Complain time.Duration
	// Pressure is the directory of PSI, LoadAvg the file of the load.
	Pressure, LoadAvg string
}

func (i Idle) withDefaults() Idle {
	if i.Every == 0 {
		i.Every = time.Second
	}
	if i.For == 0 {
		i.For = 5 * time.Second
	}
	if i.Stalled == 0 {
		i.Stalled = 0.1
	}
	if i.Load == 0 {
		i.Load = 0.5
	}
	if i.Complain == 0 {
		i.Complain = 5 * time.Minute
	}
	if i.Pressure == "" {
		i.Pressure = "/proc/pressure"
	}
	if i.LoadAvg == "" {
		i.LoadAvg = "/proc/loadavg"
	}
	return i
}

// quiet is what is known of the quiet after the boot.
type quiet struct {
	booted, wanted, done bool
	looking              bool
	next, began          time.Duration
	since                time.Duration // quiet since then
	at                   time.Duration // of the last look
	total                time.Duration // stalled then, in all
	complained           bool
}

// Quiet says that the boot is over. As soon as the machine is quiet the event
// idle comes, once, if a job wants it; else when one does.
func (s *Set) Quiet() {
	s.quiet.booted = true
	s.startIdle()
	s.flush()
}

func (s *Set) wantIdle(wanted bool) {
	s.quiet.wanted = wanted
	s.quiet.done = s.quiet.done || s.ledger.entries["idle"] != ""
	s.startIdle()
}

func (s *Set) startIdle() {
	q := &s.quiet
	if !q.booted || !q.wanted || q.done || q.looking {
		return
	}
	q.looking = true
	now := s.c.Now()
	q.began, q.since, q.at, q.next = now, now, now, now+s.c.Idle.Every
	q.total, _ = s.stalled()
	s.wakeAt(q.next)
}

// tickIdle looks whether it is quiet.
func (s *Set) tickIdle(now time.Duration) {
	q := &s.quiet
	switch {
	case !q.looking:
		return
	case !q.wanted:
		q.looking = false
		return
	case now < q.next:
		s.wakeAt(q.next)
		return
	}
	busy := s.busy(now)
	if busy != "" {
		q.since = now
	}
	switch {
	case now-q.since >= s.c.Idle.For:
		q.looking, q.done = false, true
		s.ledger.set("idle", "told")
		s.tell("idle", nil, "")
		return
	case busy != "" && now-q.began >= s.c.Idle.Complain && !q.complained:
		q.complained = true
		s.c.Say("jobs wait for the event idle since %v, but %s", (now - q.began).Round(time.Second), busy)
	}
	q.next = now + s.c.Idle.Every
	s.wakeAt(q.next)
}

// busy says in words why it is not quiet; "" when it is.
func (s *Set) busy(now time.Duration) string {
	q := &s.quiet
	total, ok := s.stalled()
	if ok {
		part := float64(total-q.total) / float64(max(now-q.at, 1))
		q.total, q.at = total, now
		if part > s.c.Idle.Stalled {
			return fmt.Sprintf("something waits for processors or disks %.0f %% of the time", 100*part)
		}
		return ""
	}
	q.at = now
	text, err := os.ReadFile(s.c.Idle.LoadAvg)
	if err != nil {
		return "" // nothing tells, and never is worse than too soon
	}
	first, _, _ := strings.Cut(string(text), " ")
	load, err := strconv.ParseFloat(first, 64)
	if err == nil && load > s.c.Idle.Load*float64(runtime.NumCPU()) {
		return fmt.Sprintf("the load average is %.1f", load)
	}
	return ""
}

// stalled is for how long something waited for processors or disks since the
// boot (the "some" lines of PSI).
func (s *Set) stalled() (total time.Duration, ok bool) {
	for _, name := range []string{"cpu", "io"} {
		text, err := os.ReadFile(s.c.Idle.Pressure + "/" + name)
		if err != nil {
			continue // no PSI, or booted with psi=0, when reading fails
		}
		line, _, _ := strings.Cut(string(text), "\n")
		_, value, found := strings.Cut(line, "total=")
		if n, err := strconv.ParseInt(value, 10, 64); found && err == nil {
			total += time.Duration(n) * time.Microsecond
			ok = true
		}
	}
	return total, ok
}
