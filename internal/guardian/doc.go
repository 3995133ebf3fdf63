// SPDX-License-Identifier: Apache-2.0

// Package guardian is the one process that must not fail: PID 1, or the
// child subreaper of a foreground or user manager. It keeps what the death
// of the manager must not take along, and starts the manager again.
//
//   - It reaps every child and hands each exit to the manager, again and
//     again until it is acknowledged.
//   - It holds file descriptors under names: sockets, the state log.
//   - It tells of the stop of a child (SIGSTOP) to a manager that asked for it.
//   - It forwards signals, and in the end kills what is left and exits, or
//     calls reboot(2).
//
// It decides nothing, parses nothing but its own messages (package wire) and
// never waits for the manager. Three threads do this, under one lock: the
// main one starts managers and reads from them, one waits for children, one
// for signals. At rest all three sleep in the kernel without a timer.
//
// # Death of the guardian
//
// The manager has PDEATHSIG SIGKILL, so it dies with the guardian. Services
// may arm the same: processes that the manager makes with CLONE_PARENT are
// children of the guardian's main thread, which lives as long as the
// guardian and through its re-execution, so that prctl(PR_SET_PDEATHSIG)
// (DeathSignal) in such a process fires only at the guardian's own death. It
// must be called after the last change of credentials, which clears it, and
// is followed by a check that getppid(2) is the guardian still: if it has died in
// between, no signal comes.
//
// It may import package wire, the standard library without os/exec (whose
// Wait would fight the reaper), and golang.org/x/sys.
package guardian
