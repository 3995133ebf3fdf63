// SPDX-License-Identifier: Apache-2.0

package spawn

import (
	"fmt"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sizes of blocks, in bytes. Pages that a program does not reach are never
// touched, so they cost nothing.
const (
	blockSize = 32 << 10
	// stackSize is the top of each block. The loop uses none of it; it is
	// there so that a mistake is a fault in memory of the child's own.
	stackSize = 4 << 10
)

// minFree is how many free blocks Trim keeps.
const minFree = 2

// block is the memory of one child: header, instructions, data, stack.
type block struct{ mem []byte }

func (b *block) header() *header { return (*header)(unsafe.Pointer(&b.mem[0])) }

// free reports whether no child uses the block. The kernel writes the word
// when the child has left the memory.
func (b *block) free() bool { return atomic.LoadUint32(&b.header().busy) == 0 }

// maxHurry bounds await. It also bounds how long a garbage collection can
// wait for this thread, so a step that blocks does no harm.
const maxHurry = 300 * time.Microsecond

// await waits until the child has left the memory, at most for maxHurry. The
// kernel wakes the word's waiters when it clears it (set_tid_address(2)).
func (b *block) await() {
	const futexWait = 0 // shared, as the kernel's wake is
	ts := unix.NsecToTimespec(int64(maxHurry))
	// RawSyscall: telling the scheduler would cost more than the wait.
	_, _, _ = unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&b.header().busy)), futexWait, 1,
		uintptr(unsafe.Pointer(&ts)), 0, 0)
}

// pool are all blocks of a spawner. The one used last is at the end.
type pool struct{ blocks []*block }

// get returns a free block of at least size bytes, stack not counted. It
// prefers the one made last: so the others stay unused and can be trimmed.
func (p *pool) get(size int) (*block, error) {
	size += stackSize
	for i := len(p.blocks) - 1; i >= 0; i-- {
		b := p.blocks[i]
		if len(b.mem) >= size && b.free() {
			return b, nil
		}
	}
	size = max(blockSize, (size+4095)&^4095)
	mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("cannot map %d bytes for a new process: %w", size, err)
	}
	b := &block{mem: mem}
	p.blocks = append(p.blocks, b)
	return b, nil
}

// trim unmaps free blocks until keep of them are left, the large ones first.
func (p *pool) trim(keep int) {
	for i := len(p.blocks) - 1; i >= 0; i-- {
		b := p.blocks[i]
		if !b.free() {
			continue
		}
		if len(b.mem) == blockSize && keep > 0 {
			keep--
			continue
		}
		p.drop(i)
	}
}

func (p *pool) drop(i int) {
	// It cannot fail for a mapping that Mmap gave.
	_ = unix.Munmap(p.blocks[i].mem)
	p.blocks = append(p.blocks[:i], p.blocks[i+1:]...)
}
