// SPDX-License-Identifier: Apache-2.0

// Package notify receives what services say by sd_notify(3): one unix
// datagram socket for all of them. It parses and bounds; who the sender is,
// and whether it may say so, the manager decides.
package notify

// MaxSize and MaxFDs bound one datagram, as systemd does: what is longer is
// dropped as a whole, surplus descriptors are closed.
const (
	MaxSize = 4096
	MaxFDs  = 768
)

// Message is one datagram.
type Message struct {
	Pid, UID, GID int32
	// PidFD names the sender beyond its death; -1 unless asked for with
	// Options.PidFD. The reader closes it.
	PidFD int

	Ready, Reloading, Stopping bool
	Watchdog                   bool // WATCHDOG=1
	WatchdogTrigger            bool // WATCHDOG=trigger
	// Busy is X_ROUSE_BUSY: 0 not said, 1 busy, 2 no longer.
	Busy         uint8
	MonotonicUS  uint64 // MONOTONIC_USEC, 0 not said
	Status       string // STATUS, "" not said
	StatusSaid   bool   // so that STATUS= can clear it
	Errno        int32  // ERRNO, 0 not said
	BusError     string // BUSERROR, "" not said
	ExitStatus   int32  // EXIT_STATUS, -1 not said
	MainPid      int32  // MAINPID, not checked; 0 not said
	MainPidFD    bool   // MAINPIDFD=1: FDs[0] is a pidfd of the main process
	WatchdogUS   uint64 // WATCHDOG_USEC, 0 not said
	ExtendUS     uint64 // EXTEND_TIMEOUT_USEC, 0 not said
	NotifyAccess int8   // NOTIFYACCESS as unit.NotifyAccess, -1 not said

	FDStore       bool   // FDSTORE=1: keep FDs
	FDStoreRemove bool   // FDSTOREREMOVE=1: forget those named FDName
	FDName        string // FDNAME, "" not said or not acceptable
	FDPoll        bool   // false only after FDPOLL=0

	// FDs came with it; the reader owns and closes them.
	FDs []int
	// Barrier is the descriptor of BARRIER=1, -1 for none: close it once
	// all earlier messages have been dealt with.
	Barrier int
}

// Close closes every descriptor that the message brought.
func (m *Message) Close() { m.close() }
