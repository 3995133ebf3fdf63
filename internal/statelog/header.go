// SPDX-License-Identifier: Apache-2.0

package statelog

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// headerSize is the first part of the file, mapped into the manager: a store
// into it outlives the manager and costs no system call.
const headerSize = pageSize

// magic stands for the version of header and segments.
const magic = 0x31474c4553554f52 // "ROUSELG1"

// poisonAt is how many deaths in a row at one record set it aside.
const poisonAt = 2

// header is that part of the file. Words are the machine's: a log does not
// travel. All are stored atomically, one at a time, and every order in which
// a death can cut that short is a state that Open understands.
type header struct {
	magic    uint64
	segment  uint64 // offset of the segment that counts
	applying uint64 // record that is being applied; 0: none
	deathAt  uint64 // record at which the manager died last
	deaths   uint64 // how many times in a row
	next     uint64 // place in poison to use next
	poison   [16]uint64
}

func mapHeader(fd int) (*header, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, fmt.Errorf("fstat: %w", err)
	}
	if st.Size < headerSize {
		return nil, errCorrupt // a look at missing pages would be SIGBUS
	}
	b, err := unix.Mmap(fd, 0, int(unsafe.Sizeof(header{})), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mmap: %w", err)
	}
	return (*header)(unsafe.Pointer(&b[0])), nil
}

func (h *header) unmap() {
	// Munmap of package unix wants the very slice that Mmap gave.
	size := int(unsafe.Sizeof(*h))
	_ = unix.Munmap(unsafe.Slice((*byte)(unsafe.Pointer(h)), size)[:size:size])
}

func (h *header) init() { atomic.StoreUint64(&h.magic, magic) }

func (h *header) check() error {
	if atomic.LoadUint64(&h.magic) != magic {
		return errCorrupt
	}
	return nil
}

func (h *header) active() uint64         { return atomic.LoadUint64(&h.segment) }
func (h *header) setActive(at uint64)    { atomic.StoreUint64(&h.segment, at) }
func (h *header) setApplying(seq uint64) { atomic.StoreUint64(&h.applying, seq) }

// countDeath notes at which record the last manager died, if at one. Only
// deaths in a row count: whoever got past a record has shown that it can be
// applied. A death in the middle of this counts one too few, never too many.
func (h *header) countDeath() {
	seq := atomic.SwapUint64(&h.applying, 0)
	if seq == 0 || seq != atomic.LoadUint64(&h.deathAt) {
		atomic.StoreUint64(&h.deaths, 0)
		atomic.StoreUint64(&h.deathAt, seq)
	}
	if seq == 0 {
		return
	}
	if atomic.AddUint64(&h.deaths, 1) >= poisonAt && !h.poisoned(seq) {
		// The oldest goes: there are no more than a few between two
		// snapshots.
		i := atomic.LoadUint64(&h.next)
		atomic.StoreUint64(&h.poison[i%uint64(len(h.poison))], seq)
		atomic.StoreUint64(&h.next, i+1)
	}
}

func (h *header) poisoned(seq uint64) bool {
	for i := range h.poison {
		if atomic.LoadUint64(&h.poison[i]) == seq {
			return true
		}
	}
	return false
}
