// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"
)

// The operations of struct inet_diag_bc_op.
const (
	bcJump = 1
	bcGE   = 2 // local port >=
	bcLE   = 3 // local port <=
	bcEQ   = 11
)

// maxPorts is up to how many ports the kernel compares one by one; more are
// sieved by their range, and the rest is dropped here. A chain costs each
// socket of the host 5 ns per port.
const maxPorts = 24

// program makes the kernel-side filter of a dump for sorted ports.
func program(ports []uint16) []byte {
	switch {
	case len(ports) == 0:
		return nil
	case len(ports) > maxPorts:
		var b []byte
		b = comparison(b, bcGE, ports[0], 20)
		return comparison(b, bcLE, ports[len(ports)-1], 12)
	}
	const step = 12 // a comparison and the jump to the end
	var b []byte
	for i, p := range ports {
		rest := (len(ports) - 1 - i) * step
		if rest == 0 {
			b = comparison(b, bcEQ, p, 12)
			break
		}
		b = comparison(b, bcEQ, p, 12)
		b = operation(b, bcJump, 4, uint16(rest)) // rest is without its own 4, and the last has no jump
	}
	return b
}

// comparison goes on behind itself where it holds, else no bytes on; beyond
// the end means that the socket is left out.
func comparison(b []byte, code uint8, port, no uint16) []byte {
	b = operation(b, code, 8, no)
	return operation(b, 0, 0, port)
}

func operation(b []byte, code, yes uint8, no uint16) []byte {
	b = append(b, code, yes)
	return binary.NativeEndian.AppendUint16(b, no)
}

// portsOf are the ports of TCP keys of a family, sorted, each once.
func portsOf(keys []Key, v4 bool) []uint16 {
	var ports []uint16
	for i := range keys {
		if k := &keys[i]; k.Port != 0 && k.Addr.Is4() == v4 {
			ports = append(ports, k.Port)
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// socketFilter is a classic BPF program for a netlink socket that gets
// destroy notifications: it lets those through whose local port is one of
// ports (sorted). So a closed connection of somebody else's does not wake
// the manager.
func socketFilter(ports []uint16) []unix.SockFilter {
	const localPort = unix.SizeofNlMsghdr + 4 // in struct inet_diag_msg
	const maxRanges = 1000                    // BPF_MAXINSNS is 4096, each takes 4
	take := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0xffffffff}
	drop := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}
	ranges := rangesOf(ports)
	if len(ranges) > maxRanges {
		return []unix.SockFilter{take}
	}
	prog := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_ABS, K: localPort}}
	for _, r := range ranges {
		prog = append(prog,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K, K: uint32(r[1]), Jt: 3},
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, K: uint32(r[0]), Jf: 1},
			take, drop)
	}
	return append(prog, drop)
}

// rangesOf joins neighbouring ports.
func rangesOf(ports []uint16) [][2]uint16 {
	var out [][2]uint16
	for _, p := range ports {
		if n := len(out); n > 0 && out[n-1][1]+1 == p && p != 0 {
			out[n-1][1] = p
			continue
		}
		out = append(out, [2]uint16{p, p})
	}
	return out
}
