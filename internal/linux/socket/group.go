// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// Sockets of one address with SO_REUSEPORT are a group. The kernel numbers them
// in the order in which they began to listen (datagram sockets: were bound), puts
// the last one in the place of one that goes, and gives a connection to one of
// them by a hash of its addresses, or as a program (SO_ATTACH_REUSEPORT_CBPF in
// socket(7)) says.

// Steer has new connections, and datagrams, go to some sockets of the group only,
// given by their numbers: each peer always to the same one, that of Rank. It needs
// no rights. fd is any socket of the group, which it borrows.
func Steer(fd int, stay []int) error {
	prog := steering(stay)
	if len(prog) > maxFilter {
		return fmt.Errorf("cannot choose among %d sockets: the kernel's program would have %d steps, and %d are allowed", len(stay), len(prog), maxFilter)
	}
	fprog := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF, &fprog); err != nil {
		return fmt.Errorf("cannot choose who gets new connections: SO_ATTACH_REUSEPORT_CBPF: %w", err)
	}
	return nil
}

// Rank tells to which of n sockets Steer sends a peer's connection to the local
// port: an index of its list.
func Rank(peer netip.AddrPort, port uint16, n int) int {
	mix := func(a uint32) uint32 {
		a *= mixFirst
		return a ^ a>>mixShift
	}
	var a uint32
	if ip := peer.Addr().Unmap(); ip.Is4() {
		b := ip.As4()
		a = mix(binary.BigEndian.Uint32(b[:]))
	} else {
		b := ip.As16()
		for i := 0; i < len(b); i += 4 {
			a = mix(a ^ binary.BigEndian.Uint32(b[i:]))
		}
	}
	a = mix(a ^ (uint32(peer.Port())<<16 | uint32(port)))
	return int(a * mixLast >> 16 % uint32(n))
}

// The numbers of the mixing: odd, with about as many ones as zeros.
const (
	mixFirst = 0x9e3779b1
	mixLast  = 0x85ebca6b
	mixShift = 15
)

// Places in the headers: of the ports, where no options or further headers
// stand before them. What stands there else is of the same peer as well, most
// of the time, so that only the evenness suffers.
const (
	ports4 = 20
	ports6 = 40
)

// steering mixes the peer's address and the ports into a number, and takes
// its rest by the count of sockets.
func steering(stay []int) []unix.SockFilter {
	word := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: netOffset + at}
	}
	op := func(code uint16, k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_ALU | code, K: k} }
	const (
		xorX = 0xa0 | unix.BPF_X // BPF_XOR and BPF_MOD of linux/bpf_common.h
		modK = 0x90 | unix.BPF_K
	)
	tax := unix.SockFilter{Code: unix.BPF_MISC | unix.BPF_TAX}
	// One round of mixing: A times an odd constant, the upper half over the lower.
	mix := []unix.SockFilter{
		op(unix.BPF_MUL|unix.BPF_K, mixFirst), tax, op(unix.BPF_RSH|unix.BPF_K, mixShift), op(xorX, 0),
	}
	fold := func(at uint32) []unix.SockFilter {
		// X = what is mixed so far, A = the next word.
		return append([]unix.SockFilter{tax, word(at), op(xorX, 0)}, mix...)
	}
	v4 := slices.Concat([]unix.SockFilter{word(source4)}, mix, fold(ports4))
	v6 := slices.Concat([]unix.SockFilter{word(source6)}, mix, fold(source6+4), fold(source6+8), fold(source6+12), fold(ports6))
	v4 = append(v4, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JA, K: uint32(len(v6))})
	prog := slices.Concat([]unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: netOffset},
		op(unix.BPF_AND|unix.BPF_K, 0xf0),
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 0x60, Jt: 0, Jf: 1},
		{Code: unix.BPF_JMP | unix.BPF_JA, K: uint32(len(v4))},
	}, v4, v6, []unix.SockFilter{
		// The upper bits of a product are those that all the lower ones have a part in.
		op(unix.BPF_MUL|unix.BPF_K, mixLast), op(unix.BPF_RSH|unix.BPF_K, 16), op(modK, uint32(len(stay))),
	})
	if !slices.IsSorted(stay) || stay[len(stay)-1] != len(stay)-1 {
		for rank, number := range stay {
			prog = append(prog,
				unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(rank), Jt: 0, Jf: 1},
				result(uint32(number)))
		}
	}
	return append(prog, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_A})
}

// noSYN is for TCP listeners of a group that are leaving (unit.Socket.Leaving),
// whatever the kernel's choice is: it drops what begins a connection, and lets
// those that have begun come to their end. Clients send their first packet again,
// after one second the first time. For who is not root see HoldNew; there Steer
// has to do. The peers of datagram sockets do not try again, so these have none.
var noSYN = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 13}, // the flags: a TCP socket sees packets from the TCP header on
	{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: 0x12},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 0x02, Jt: 0, Jf: 1}, // SYN without ACK
	result(dropPacket),
	result(keepPacket),
}
