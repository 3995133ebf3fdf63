// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/unit"
)

// filter attaches a socket filter (bpf(4) as in socket(7), SO_ATTACH_FILTER)
// that drops what comes from addresses that may not connect. It is for sockets
// whose service reads or accepts by itself, where nobody else could look at
// each client; a client that is dropped gets no answer at all. Connections
// inherit it, and pass it. On TCP sockets newer kernels take a filter of root
// only (see HoldNew).
func filter(fd int, a *unit.Access) error {
	prog := filterProgram(a)
	if prog == nil {
		return nil
	}
	if len(prog) > maxFilter {
		return fmt.Errorf("cannot keep out clients by address: that takes %d steps of a filter, and the kernel allows %d", len(prog), maxFilter)
	}
	err := attach(fd, prog)
	if errors.Is(err, unix.EPERM) {
		return fixableError{
			fmt.Errorf("cannot keep out clients by address: SO_ATTACH_FILTER: %w", err),
			"run as root, or let the manager accept (wait = no)",
		}
	}
	if err != nil {
		return fmt.Errorf("cannot keep out clients by address (%d steps): SO_ATTACH_FILTER: %w", len(prog), err)
	}
	return nil
}

// Refilter gives an open socket the filter of its unit as it is now, while its
// service may be reading it; what waits in the queue has passed the old one,
// which stays if it cannot be changed. It borrows fd.
func Refilter(fd int, s *unit.Socket) error {
	if prog := filterProgram(filtered(s)); prog != nil {
		return filter(fd, s.Access)
	}
	err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("cannot let in who is no longer kept out: SO_DETACH_FILTER: %w", err)
	}
	return nil
}

func attach(fd int, prog []unix.SockFilter) error {
	fprog := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &fprog)
}

// lasting is the filter that belongs to a socket as its unit is, nil for none.
// That of a listener that is leaving keeps out everybody.
func lasting(fd int, s *unit.Socket) []unix.SockFilter {
	if s.Leaving && isStream(fd) {
		return noSYN
	}
	return filterProgram(filtered(s))
}

func isStream(fd int) bool {
	typ, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	return err == nil && typ == unix.SOCK_STREAM
}

// filtered is the access control that a filter has to see to, nil for none:
// where the manager accepts, it looks at each client itself.
func filtered(s *unit.Socket) *unit.Access {
	if s.Accept {
		return nil
	}
	return s.Access
}

// maxFilter is BPF_MAXINSNS of the kernel.
const maxFilter = 4096

// Results of a filter: how much of the packet is kept.
const (
	dropPacket = 0
	keepPacket = 0xffffffff
)

// netOffset is SKF_NET_OFF of linux/filter.h: offsets from it count from the
// network header, wherever the packet begins for the socket.
const netOffset = 0xfff00000

// Where the source address stands in the headers of IPv4 and IPv6.
const (
	source4 = 12
	source6 = 8
)

// filterProgram makes the program, nil where it would let everything in.
func filterProgram(a *unit.Access) []unix.SockFilter {
	if a == nil || !a.Only && len(a.NoAccess) == 0 {
		return nil
	}
	v4, v6 := rules(a, true), rules(a, false)
	prog := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: netOffset},
		{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: 0xf0},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 0x60, Jt: 0, Jf: 1},
		{Code: unix.BPF_JMP | unix.BPF_JA, K: uint32(len(v4))},
	}
	return append(append(prog, v4...), v6...)
}

// rules are the steps for packets of one family, which end in a result.
func rules(a *unit.Access, four bool) (out []unix.SockFilter) {
	for _, r := range a.NoAccess {
		out = append(out, rule(r, four, dropPacket)...)
	}
	if !a.Only {
		return append(out, result(keepPacket))
	}
	for _, r := range a.OnlyFrom {
		out = append(out, rule(r, four, keepPacket)...)
	}
	return append(out, result(dropPacket))
}

func result(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }

// mapped are the first words of IPv4 addresses in IPv6.
var mapped = [3]uint32{0, 0, 0xffff}

// rule returns what if the source lies in the network, and else goes on.
func rule(r unit.AccessRule, four bool, what uint32) []unix.SockFilter {
	type step struct{ offset, mask, value uint32 }
	var steps []step
	for i := range 4 {
		bits := min(max(int(r.Bits)-32*i, 0), 32)
		mask := uint32(uint64(0xffffffff) << (32 - bits))
		value := binary.BigEndian.Uint32(r.Net[4*i:]) & mask
		switch {
		case four && i < 3:
			if mapped[i]&mask != value {
				return nil // no IPv4 address lies there
			}
		case mask == 0:
		case four:
			steps = append(steps, step{source4, mask, value})
		default:
			steps = append(steps, step{source6 + 4*uint32(i), mask, value})
		}
	}
	var out []unix.SockFilter
	for i, s := range steps {
		left := 3*(len(steps)-i-1) + 1 // steps to pass over when this one does not match
		out = append(out,
			unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: netOffset + s.offset},
			unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: s.mask},
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: s.value, Jt: 0, Jf: uint8(left)},
		)
	}
	return append(out, result(what))
}
