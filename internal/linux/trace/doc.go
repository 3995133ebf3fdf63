// SPDX-License-Identifier: Apache-2.0

// Package trace follows a process through its forks by ptrace(2), so that the
// pid of a daemon that puts itself into the background is known exactly
// (expect fork and expect daemon of init(5)). It attaches before the program
// starts, and lets go of everything as soon as the daemon is found.
//
// # What counts as a fork
//
// Upstart followed the newest child at once. So it took a helper (mkdir in a
// script) for the daemon, and waited for ever when the count was wrong. Here a
// fork counts when the process that forked has ended and its child lives on:
// that is what going into the background is, and a daemon whose parent waits
// until it is ready counts when it is. From this follows:
//   - A child that ends before its parent was a helper, and is forgotten.
//   - A program that a living process runs in a child (a shell a command)
//     counts its own forks from zero, so a script need not exec its daemon.
//   - As in Upstart, following ends when the process executes another program
//     by itself after it has forked; an exec before the first fork is normal.
//   - A parent that stays is the main process (a master with workers, su):
//     nothing is counted, and the caller decides how long to wait for more.
//   - A thread is no fork, but its forks are those of its process.
//
// # How
//
// All is done on one thread, that of the caller's loop: no call here waits.
// PTRACE_SEIZE does not stop the process, signals and stops by SIGSTOP pass
// through, and exits reach the real parent (the guardian) as if nobody traced,
// once, after the tracer has seen them: Drain tells of a fork before the exit
// of the one that forked is heard of. When the thread ends, by whatever cause,
// the kernel lets go of all processes and they go on; PTRACE_O_EXITKILL is
// never set.
//
// The tracer is woken by SIGCHLD through an eventfd. The thread that uses it
// must have no children of its own: it waits for all of them.
//
// Limits: a tracer without CAP_SYS_PTRACE takes the set-user-id bit of what
// the process executes away (ptrace(2)); CLONE_UNTRACED escapes; 32-bit
// programs are followed like others. Where it is not allowed (Yama, seccomp,
// another tracer), Follow says so and the caller falls back to Survivor.
//
// It imports nothing of rouse.
package trace
