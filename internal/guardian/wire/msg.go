// SPDX-License-Identifier: Apache-2.0

// Package wire is the protocol between the guardian and the manager: small
// binary messages over one SOCK_SEQPACKET pair, one or more in a packet, with
// file descriptors beside them. Both ends may be of different builds, so a
// kind that is not known is passed over, a body that is longer than known is
// cut, and what a shorter one lacks is zero.
//
// It imports nothing of rouse.
package wire

// FD is the descriptor on which the manager finds its end of the pair.
const FD = 3

// Version is the first byte of every packet. It changes only when a packet
// can no longer be taken apart by an older reader.
const Version = 1

// The bounds of the protocol.
const (
	// MaxPacket is the size of the largest packet, in bytes.
	MaxPacket = 16 << 10
	// MaxKey is the length of the longest key of the store.
	MaxKey = 255
	// HangUp is what the keys of sockets begin with whose other end is to see
	// at once that their manager is dead: the guardian shuts them down for
	// writing (shutdown(2)), and the next manager reads what is left in them.
	HangUp = "hangup\x1f"
	// MaxFDs is how many descriptors one key, and one packet, can have
	// (SCM_MAX_FD of unix(7)).
	MaxFDs = 253
	// MaxText is the length of the longest other string: a path, a reason.
	// Longer reasons are cut, longer paths refused.
	MaxText = 4096
)

// Kind tells what a message says.
type Kind uint8

// From the guardian.
const (
	// Stored is one entry of the store: Key, FDs. Sent to a new manager.
	Stored Kind = 1 + iota
	// Exited is the end of a child: Seq, Exit. It comes again, to the next
	// manager, until its Seq was acknowledged; Seq only ever grows, across
	// managers and upgrades, so a manager drops what it has logged before.
	Exited
	// Go ends what a new manager is told first: Go. All entries of the
	// store and all exits that are not acknowledged came before it.
	Go
	// Terminate asks for the end of everything, because of the signal Sig;
	// with Force at once. It is sent once; a later manager finds it in Go.
	Terminate
	// Signal is another signal that the guardian got: Sig. What a manager
	// was told and did not get to do before it died is not told again.
	Signal
	// Refused says that Key was not stored: Text.
	Refused
	// Lost says that Count exits were reaped and are gone, because the
	// manager had left too many unacknowledged: look at every pid.
	Lost
	// Stopped says that the child Pid, for which Trap was sent, is stopped by
	// Sig. It is said once for each Trap, and not again to a later manager.
	Stopped
)

// From the manager.
const (
	// Store puts FDs under Key, in place of what was there.
	Store Kind = 64 + iota
	// Drop closes what is under Key.
	Drop
	// Ack lets go of every exit up to and with Seq.
	Ack
	// Ready says that the manager has recovered and works.
	Ready
	// Base names the cgroup directory (Text) below which everything is
	// killed and removed in the end.
	Base
	// Bye says that everything is stopped and the manager ends: Bye.
	Bye
	// Reexec says that the manager has taken its snapshot and ends, and
	// that the next one runs from FDs[0] or Text: Reexec.
	Reexec
	// Trap asks for Stopped when the child Pid stops by a signal, at once
	// if it is stopped now. Other stops are not told: those of thousands of
	// frozen services would be in the way of exits.
	Trap
)

// Msg is one message; which fields count is told by its Kind.
type Msg struct {
	Kind  Kind
	Force bool
	Sig   uint8
	Pid   int32
	// Count is the number of lost exits, or how many descriptors were sent
	// with the message: when FDs has fewer, this process had no room.
	Count uint32
	Seq   uint64
	Key   string
	Text  string
	// FDs are close-on-exec. They belong to whoever received the message.
	FDs    []int
	Exit   Exit
	Start  Start
	End    End
	Reexec Upgrade
}

// Exit is how a child of the guardian ended, as waitid(2) tells it.
type Exit struct {
	Pid    int32
	Uid    uint32 // real user id at its end
	Code   uint8  // CLD_EXITED (1), CLD_KILLED (2), CLD_DUMPED (3)
	Status uint8  // exit status or signal
	// UserUS and SystemUS are CPU time in microseconds, with that of its
	// own reaped children; MaxRSS is in KiB.
	UserUS, SystemUS, MaxRSS uint64
}

// Start is what a new manager is told with Go.
type Start struct {
	// Restarts counts the managers before this one, Fast those of the
	// last ones that died before they were ready.
	Restarts, Fast uint32
	// Death is how the one before ended, in words ("killed by signal 11
	// (segmentation fault)"), "" for the first.
	Death string
	// Crashed: it ended by itself, neither asked for nor by SIGKILL.
	Crashed bool
	// Notice is something else to tell the user: an upgrade that failed.
	Notice string
	// Base is what the last Base said.
	Base string
	// Terminate and Force were asked for, by the signal Sig, and are not
	// done yet.
	Terminate, Force bool
	Sig              uint8
	// Pid1: the guardian is process 1 of its PID namespace.
	Pid1 bool
	// Guardian is the pid of the guardian, as the guardian sees it.
	Guardian int32
}

// EndKind is what the guardian does last.
type EndKind uint8

// The ends. All but EndExit are reboot(2) and need a PID 1; elsewhere they
// are an exit.
const (
	EndExit EndKind = iota
	EndReboot
	EndPoweroff
	EndHalt
	EndKexec
)

// End is the body of Bye.
type End struct {
	Code uint8 // exit status of the guardian
	Kind EndKind
	Arg  string // for EndReboot, see reboot(2), LINUX_REBOOT_CMD_RESTART2
}

// Upgrade is the body of Reexec.
type Upgrade struct {
	// Self: the guardian re-executes itself from the same file, once the
	// new manager is ready.
	Self bool
	// ReadyMS is how long the new manager has to become ready before the
	// old program is taken again; 0: 30 s.
	ReadyMS uint32
}
