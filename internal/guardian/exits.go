// SPDX-License-Identifier: Apache-2.0

package guardian

import "github.com/rouse-init/rouse/internal/guardian/wire"

// maxHeld bounds the memory for exits (48 bytes each) that no manager
// acknowledges. It is above the usual kernel.pid_max.
const maxHeld = 1 << 16

// exits is the queue of exits that are not acknowledged. Their sequence
// numbers have no gaps: the first has number first.
type exits struct {
	queue []wire.Exit
	head  int // queue[:head] is acknowledged
	first uint64
	lost  uint32 // reaped while the queue was full, not told yet
}

func (x *exits) len() int               { return len(x.queue) - x.head }
func (x *exits) next() uint64           { return x.first + uint64(x.len()) }
func (x *exits) at(s uint64) *wire.Exit { return &x.queue[x.head+int(s-x.first)] }

func (x *exits) push(e *wire.Exit) {
	if x.len() >= maxHeld {
		x.lost++
		return
	}
	x.queue = append(x.queue, *e)
}

// ack lets go of every exit up to and with seq.
func (x *exits) ack(seq uint64) {
	if seq < x.first {
		return
	}
	n := int(min(seq-x.first+1, uint64(x.len())))
	x.head += n
	x.first += uint64(n)
	switch {
	case x.head == len(x.queue) && cap(x.queue) > 1024:
		x.queue, x.head = nil, 0
	case x.head == len(x.queue):
		x.queue, x.head = x.queue[:0], 0
	case x.head > 1024 && x.head > x.len():
		n := copy(x.queue, x.queue[x.head:])
		x.queue, x.head = x.queue[:n], 0
	}
}
