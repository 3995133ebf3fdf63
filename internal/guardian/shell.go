// SPDX-License-Identifier: Apache-2.0

package guardian

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// emergencyShell runs the shell on the console and waits for its end; false:
// there is none to run, or nowhere to run it. The lock is held, and given up
// while the shell runs.
func (g *guardian) emergencyShell() bool {
	if len(g.cfg.EmergencyShell) == 0 {
		return false
	}
	// O_NONBLOCK: a serial line without carrier would block the open.
	tty, err := unix.Open("/dev/console", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer func() { _ = unix.Close(tty) }()
	_ = unix.SetNonblock(tty, false) // cannot fail on an open descriptor
	msg := fmt.Sprintf("rouse: the manager died %d times before it was ready; the last one %s.\n"+
		"rouse: this is the emergency shell; when it ends, the manager is tried again.\n", g.fast, g.death)
	_, _ = unix.Write(tty, []byte(msg)) // nowhere else to say it
	fds := uintptr(tty)
	pid, err := syscall.ForkExec(g.cfg.EmergencyShell[0], g.cfg.EmergencyShell, &syscall.ProcAttr{
		Dir: "/", Env: append(os.Environ(), "TERM=linux"), Files: []uintptr{fds, fds, fds},
		Sys: &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0},
	})
	if err != nil {
		return false
	}
	g.shell, g.childless = pid, false
	g.forked.Broadcast()
	for g.shell != 0 {
		g.mu.Unlock()
		<-g.gone
		g.mu.Lock()
	}
	return true
}
