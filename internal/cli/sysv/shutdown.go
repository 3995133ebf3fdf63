// SPDX-License-Identifier: Apache-2.0

package sysv

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/cli/option"
)

// noLoginTime is how long before the end nobody is let in any more.
const noLoginTime = 5 * time.Minute

// wish is what shutdown was asked for.
type wish struct {
	reboot, down, halt, poweroff bool
	cancel, warnOnly             bool
	at                           time.Time
	message                      string
}

// target are the runlevel, INIT_HALT and the word for people.
func (w *wish) target() (level, halt, word string) {
	switch {
	case w.reboot:
		return "6", "", "reboot"
	case w.halt:
		return "0", "HALT", "halt"
	case w.poweroff:
		return "0", "POWEROFF", "power off"
	case w.down:
		return "0", "", "halt"
	}
	return "1", "", "maintenance"
}

func (r *run) shutdown(args []string) error {
	var w wish
	words, done, err := r.parse(args, []option.Option{
		{Short: 'r', On: &w.reboot, Help: "reboot"},
		{Short: 'h', On: &w.down, Help: "halt or power off"},
		{Short: 'H', On: &w.halt, Help: "halt (implies -h)"},
		{Short: 'P', On: &w.poweroff, Help: "power off (implies -h)"},
		{Short: 'c', On: &w.cancel, Help: "cancel a shutdown that waits"},
		{Short: 'k', On: &w.warnOnly, Help: "only send the warnings"},
	}, doc{
		"TIME [MESSAGE]", "Bring the machine down.",
		"TIME is \"now\", \"+m\" in minutes, or \"hh:mm\". The command waits until then; Ctrl-C or\nshutdown -c cancel it. Without -r, -h, -H or -P the machine goes to runlevel 1. All who\nare logged in are warned, and nobody is let in during the last five minutes.",
	})
	if done {
		return err
	}
	if !w.cancel {
		if len(words) == 0 {
			return option.UsageError("time expected")
		}
		if w.at, err = when(words[0], r.Now()); err != nil {
			return err
		}
		words = words[1:]
	}
	w.message = strings.Join(words, " ")
	if err := r.needRoot(); err != nil {
		return err
	}
	if w.cancel {
		return r.cancel(w.message)
	}
	if err := r.countDown(&w); err != nil {
		return err
	}
	if w.warnOnly {
		return r.allowLogins()
	}
	level, halt, _ := w.target()
	return r.change(level, halt, nil)
}

// cancel ends a shutdown that waits in another process.
func (r *run) cancel(message string) error {
	pid, ok := r.claimant()
	if !ok {
		return errors.New("Cannot find pid of running shutdown") //nolint:staticcheck // Upstart's words
	}
	if err := r.Interrupt(pid); err != nil {
		return errors.New("Shutdown is not running") //nolint:staticcheck // Upstart's words
	}
	if message != "" {
		r.wall("", message)
	}
	return nil
}

// countDown waits for the time of the shutdown and warns on the way.
func (r *run) countDown(w *wish) error {
	if err := r.claim(); err != nil {
		return err
	}
	defer func() { _ = os.Remove(r.PidFile) }()
	_, _, word := w.target()
	for forbidden := false; ; {
		left := w.at.Sub(r.Now())
		minutes := max(0, int((left+time.Minute-1)/time.Minute))
		if warnAt(minutes) {
			r.wall(warning(word, minutes), w.message)
		}
		if left <= noLoginTime && !forbidden {
			forbidden = true
			r.forbidLogins(warning(word, minutes))
		}
		if left <= 0 {
			return nil
		}
		// Until so many whole minutes are left that people are told again.
		next := w.at.Add(-time.Duration(minutes-1) * time.Minute)
		if !r.Wait(next) {
			if err := r.allowLogins(); err != nil {
				return err
			}
			return errors.New("Shutdown cancelled") //nolint:staticcheck // Upstart's words
		}
	}
}

// claim writes our process id where shutdown -c looks for it.
func (r *run) claim() error {
	f, err := os.OpenFile(r.PidFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) && !r.running() {
		_ = os.Remove(r.PidFile)
		f, err = os.OpenFile(r.PidFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	}
	if errors.Is(err, os.ErrExist) {
		return errors.New("Another shutdown is already running\n    fix: cancel it with shutdown -c") //nolint:staticcheck // Upstart's words
	}
	if err != nil {
		// Read-only or missing: it cannot be cancelled, and is done all the same.
		return nil //nolint:nilerr // see above
	}
	_, err = fmt.Fprintln(f, os.Getpid())
	return errors.Join(err, f.Close())
}

// running tells whether the process in the pid file lives.
func (r *run) running() bool {
	pid, ok := r.claimant()
	if !ok {
		return false
	}
	_, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
	return err == nil && pid != os.Getpid()
}

// claimant is the process in the pid file.
func (r *run) claimant() (pid int, ok bool) {
	b, err := os.ReadFile(r.PidFile)
	if err != nil {
		return 0, false
	}
	pid, err = strconv.Atoi(strings.TrimSpace(string(b)))
	return pid, err == nil && pid > 1
}
