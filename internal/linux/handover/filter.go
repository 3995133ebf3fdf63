// SPDX-License-Identifier: Apache-2.0

package handover

import (
	"slices"

	"golang.org/x/sys/unix"
)

// Traps are the calls that a filter stops at.
type Traps struct {
	// Bind traps bind(2): wanted where a socket is held.
	Bind bool
	// Listen traps listen(2): wanted for X-Readiness=listen and expect listen,
	// and so that a daemon's backlog does not replace that of the unit.
	Listen bool
	// Nodes traps the calls that remove a node of the file system or change
	// its mode: wanted where a unix socket with a path is held.
	Nodes bool
	// Accept traps accept(2), so that HoldAccepts works. It costs each
	// connection of the daemon a round trip through the manager (10 µs), so
	// it is for unix sockets, and for daemons that turn clients away until
	// they are ready, as PostgreSQL does.
	Accept bool
}

// Offsets in struct seccomp_data.
const (
	offNR   = 0
	offArch = 4
)

// Supported tells whether this architecture has a filter.
func Supported() bool { return auditArch != 0 }

// Filter is the program that a daemon carries, for seccomp(2) with
// SECCOMP_FILTER_FLAG_NEW_LISTENER after PR_SET_NO_NEW_PRIVS (or with
// CAP_SYS_ADMIN). Calls of other architectures (i386, x32) go through
// unseen: such a daemon binds as if there were no handover. It is nil where
// Supported is false.
func Filter(t Traps) []unix.SockFilter {
	if !Supported() {
		return nil
	}
	var nrs []uint32
	if t.Bind {
		nrs = append(nrs, unix.SYS_BIND)
	}
	if t.Listen {
		nrs = append(nrs, unix.SYS_LISTEN)
	}
	if t.Nodes {
		nrs = append(nrs, unix.SYS_UNLINKAT, unix.SYS_FCHMODAT, unix.SYS_FCHMODAT2)
		nrs = append(nrs, legacyNodeCalls...)
	}
	if t.Accept {
		nrs = append(nrs, unix.SYS_ACCEPT, unix.SYS_ACCEPT4)
	}
	slices.Sort(nrs)
	allow := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}
	notify := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF}
	prog := []unix.SockFilter{
		load(offArch),
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: auditArch, Jt: 1},
		allow,
		load(offNR),
	}
	// Numbers of x32 have bit 30 set, so none of these is equal to one.
	for i, nr := range nrs {
		prog = append(prog, unix.SockFilter{
			Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: nr, Jt: uint8(len(nrs) - i),
		})
	}
	return append(prog, allow, notify)
}

func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}
