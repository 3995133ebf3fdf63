// SPDX-License-Identifier: Apache-2.0

package guardian

import (
	"time"

	"golang.org/x/sys/unix"
)

// DeathSignal is what a process that shall not outlive the guardian gives to
// prctl(PR_SET_PDEATHSIG); see the package comment.
const DeathSignal = unix.SIGKILL

// Config is what a guardian is told. It reads no file and no flag.
type Config struct {
	// Argv is the manager's command line, with argv[0]; Env its environment.
	// The manager gets the standard streams of the guardian, its end of the
	// socket as descriptor wire.FD, and a session of its own.
	Argv, Env []string
	// Exe is a descriptor of the program, taken; 0: /proc/self/exe. The
	// manager is always started from it, never from a path, because a
	// package may have replaced the file (upgrades come by Reexec).
	Exe int
	// Foreground: a person waits for it. A second SIGINT means "at once",
	// and a manager that never got ready is given up after FastDeaths.
	Foreground bool
	// FastDeaths is how many managers in a row may die before they are
	// ready until the guardian gives up (Foreground) or opens the
	// emergency shell (PID 1); 0: 10.
	FastDeaths uint32
	// EmergencyShell is the command line to run on /dev/console, nil for
	// none.
	EmergencyShell []string
	// ForceWait is how long, after a second SIGINT, the manager has to say
	// Bye before the guardian kills everything itself; 0: 5 s.
	ForceWait time.Duration
}

// The times of the guardian.
const (
	// againWithin is how soon a second SIGINT must follow to mean force.
	againWithin = 2 * time.Second
	// firstBackOff doubles with each further manager that dies before it is
	// ready, up to maxBackOff; the first of them costs nothing.
	firstBackOff = 50 * time.Millisecond
	maxBackOff   = 5 * time.Second
	// upgradeWait is how long an upgraded manager may take to get ready
	// when Reexec does not say.
	upgradeWait = 30 * time.Second
	// closeWait is how long a manager may live on after it closed its
	// socket, which is at most its exit.
	closeWait = time.Second
	// exitWait is how long it may live on after it said that it exits.
	exitWait = 5 * time.Second
	// killWait is how long the guardian waits in the end for processes that
	// SIGKILL has not ended: they hang in the kernel.
	killWait = 10 * time.Second
)
