// SPDX-License-Identifier: Apache-2.0

package sysv

import (
	"fmt"

	"github.com/rouse-init/rouse/internal/cli/option"
	"github.com/rouse-init/rouse/internal/linux/utmp"
)

// reboot is reboot, halt and poweroff. They are shutdown, unless forced or
// called at the end of one, in runlevel 0 or 6.
func (r *run) reboot(args []string) error {
	what := r.prog
	var noSync, force, off, wtmpOnly bool
	_, done, err := r.parse(args, []option.Option{
		{Short: 'n', Long: "no-sync", On: &noSync, Help: "do not write out buffers before"},
		{Short: 'f', Long: "force", On: &force, Help: "do it at once, without shutdown(8)"},
		{Short: 'p', Long: "poweroff", On: &off, Help: "power off when called as halt"},
		{Short: 'w', Long: "wtmp-only", On: &wtmpOnly, Help: "only write the record in wtmp"},
	}, doc{
		"", map[string]string{"reboot": "Reboot the machine.", "halt": "Halt the machine.", "poweroff": "Power off the machine."}[what],
		"Without --force, and in a runlevel other than 0 and 6, this is shutdown now.",
	})
	if done {
		return err
	}
	if off && what == "halt" {
		what = "poweroff"
	}
	if err := r.needRoot(); err != nil {
		return err
	}
	now := r.level()
	if !force && !wtmpOnly && now != "0" && now != "6" {
		w := wish{at: r.Now(), reboot: what == "reboot", halt: what == "halt", poweroff: what == "poweroff"}
		if err := r.countDown(&w); err != nil {
			return err
		}
		level, halt, _ := w.target()
		return r.change(level, halt, nil)
	}
	if err := utmp.AddShutdown(r.Wtmp, r.Kernel, r.Now()); err != nil {
		_, _ = fmt.Fprintf(r.Err, "%s: cannot record the shutdown: %v, ignoring\n", r.prog, err)
	}
	if wtmpOnly {
		return nil
	}
	return r.Reboot(what, !noSync)
}
