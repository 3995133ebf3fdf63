// SPDX-License-Identifier: Apache-2.0

package spawn

import "unsafe"

// insn is one instruction as the child reads it. The assembly knows the
// offsets (insn_test.go checks them). All addresses are in the block.
type insn struct {
	nr   uint64 // system call number, or one of the op values
	args [6]uint64
	// out is the address of an 8-byte word that gets the result, 0 for none:
	// an argument of a later instruction, or a word in the data.
	out uint64
	// ignore is a mask of the errno values that are no failure; bit 63
	// stands for all above 62.
	ignore uint64
	// rec and recLen are the record that is written when it fails.
	rec    uint64
	recLen uint64
	status uint64
}

// Instructions that are no system call.
const (
	opFirst = 1 << 16
	// opDecimal writes args[0] as decimal digits and a NUL at address args[1].
	opDecimal = opFirst
	// opExpect fails with errno args[2] unless args[0] equals args[1].
	opExpect = opFirst + 1
	// opMove copies args[0] to the word at address args[1].
	opMove = opFirst + 2
)

const insnSize = unsafe.Sizeof(insn{})

// header is the beginning of a block.
type header struct {
	// busy is not 0 while a child may use the block. The kernel clears it
	// (CLONE_CHILD_CLEARTID).
	busy uint32
	_    uint32
	// result is the descriptor that the child writes a failure to.
	result uint64
	clone  cloneArgs
	_      [3]uint64
}

const headerSize = unsafe.Sizeof(header{})

// cloneArgs is struct clone_args of clone3(2), version 2 (Linux 5.7).
type cloneArgs struct {
	flags      uint64
	pidfd      uint64
	childTID   uint64
	parentTID  uint64
	exitSignal uint64
	stack      uint64
	stackSize  uint64
	tls        uint64
	setTID     uint64
	setTIDSize uint64
	cgroup     uint64
}
