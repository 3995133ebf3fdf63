// SPDX-License-Identifier: Apache-2.0

package sysv

import (
	"errors"
	"fmt"

	"github.com/rouse-init/rouse/internal/linux/utmp"
)

// noLevel stands for the runlevel before the first.
const noLevel = "N"

// inherited are the runlevel and the one before as a process of a job that
// the event started has them in its environment.
func (r *run) inherited() (now, before string, ok bool) {
	now, before = r.Getenv("RUNLEVEL"), r.Getenv("PREVLEVEL")
	if len(before) != 1 {
		before = noLevel
	}
	return now, before, len(now) == 1
}

// level is the present runlevel.
func (r *run) level() string {
	if now, _, ok := r.inherited(); ok {
		return now
	}
	now, _, ok, err := utmp.Levels(r.Utmp)
	if err != nil || !ok {
		return noLevel
	}
	return now
}

// change records a new runlevel and emits its event; what it causes is not
// waited for. halt is the value of INIT_HALT, "" for none.
//
// A machine that has no job for the event goes where systemd would take it:
// down, up again, or to the target of the level. What is no machine, or has
// no such target, is left as it is: to isolate a target of ours would stop all
// that runs.
func (r *run) change(level, halt string, extra []string) error {
	m, err := r.Connect()
	if err != nil {
		return err
	}
	before, _, ok, err := utmp.Levels(r.Utmp)
	if err != nil || !ok {
		before = noLevel
	}
	handled, err := m.Handles("runlevel", level)
	if err != nil {
		return err
	}
	// First the record: jobs that the event starts may ask for it.
	if err := utmp.SetLevels(r.Utmp, r.Wtmp, level, before, r.Kernel, r.Now()); err != nil {
		_, _ = fmt.Fprintf(r.Err, "%s: cannot record the runlevel: %v, ignoring\n", r.prog, err)
	}
	env := []string{"RUNLEVEL=" + level, "PREVLEVEL=" + before}
	if halt != "" {
		env = append(env, "INIT_HALT="+halt)
	}
	err = m.Emit("runlevel", append(env, extra...))
	if handled || err != nil {
		return err
	}
	switch level {
	case "0":
		if halt == "HALT" {
			return m.Power("halt")
		}
		return m.Power("poweroff")
	case "6":
		return m.Power("reboot")
	}
	target, why, err := m.Target(level)
	if err != nil {
		return err
	}
	if target == "" {
		r.say("%s: the event runlevel was emitted; nothing else changes: no job starts on it, and %s\n", r.prog, why)
		return nil
	}
	return m.Isolate(target)
}

// runlevel prints the runlevel before and the present one.
func (r *run) runlevel(args []string) error {
	words, done, err := r.parse(args, nil, doc{
		"[UTMP]", "Print the runlevel before and the present one.",
		"They are read from UTMP, by default " + r.Utmp + ", unless RUNLEVEL and PREVLEVEL\nare in the environment.",
	})
	if done {
		return err
	}
	file := r.Utmp
	if len(words) > 0 {
		file = words[0]
	}
	if now, before, ok := r.inherited(); ok && len(words) == 0 {
		r.say("%s %s\n", before, now)
		return nil
	}
	now, before, ok, err := utmp.Levels(file)
	if err != nil {
		var path interface{ Unwrap() error }
		if errors.As(err, &path) {
			err = path.Unwrap()
		}
		// Upstart puts no blank before the file's name.
		_, _ = fmt.Fprintf(r.Err, "%s:%s: %v\n", r.prog, file, err)
		return silentError{}
	}
	if !ok {
		r.say("unknown\n")
		return silentError{}
	}
	r.say("%s %s\n", before, now)
	return nil
}

func (r *run) say(format string, args ...any) {
	if !r.quiet {
		_, _ = fmt.Fprintf(r.Out, format, args...)
	}
}
