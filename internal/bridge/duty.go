// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"sync"
	"time"
)

// duty is what the first loop does beside its connections: it ends the bridge
// when it was idle, and cuts off what outlives a stop.
type duty struct {
	cut bool
}

// nextDuty is when duties has something to do.
func (b *Bridge) nextDuty() int64 {
	at := int64(never)
	switch {
	case b.stopping.Load() == stopDrain && b.cfg.Drain > 0:
		at = b.stopped.Load() + int64(b.cfg.Drain)
	case b.stopping.Load() == running && b.cfg.Idle > 0:
		if b.open.Load() == 0 {
			at = b.rested.Load() + int64(b.cfg.Idle)
		} else if b.cfg.IdleBytes {
			at = b.lastMove() + int64(b.cfg.Idle)
		}
	}
	return at
}

func (b *Bridge) duties(now int64) {
	if b.nextDuty() > now {
		return
	}
	switch b.stopping.Load() {
	case stopDrain:
		b.duty.cut = b.open.Load() > 0
		b.Stop()
	case running:
		if b.open.Load() > 0 && b.lastMove()+int64(b.cfg.Idle) > now {
			return
		}
		if b.open.Load() > 0 {
			b.stopping.Store(stopDrain) // and at once: they are silent
		}
		b.Stop()
	}
}

// lastMove is when bytes moved last, on any loop.
func (b *Bridge) lastMove() int64 {
	at := b.rested.Load()
	for _, l := range b.loops {
		at = max(at, l.lastMove.Load())
	}
	return at
}

// words limits what is logged to ten lines a second.
type words struct {
	mu    sync.Mutex
	since int64
	n     int
}

const maxWords = 10

// say logs a line; from any thread.
func (b *Bridge) say(line string) {
	w := &b.words
	w.mu.Lock()
	now := b.clock()
	if now-w.since > int64(time.Second) {
		w.since, w.n = now, 0
	}
	w.n++
	n := w.n
	w.mu.Unlock()
	if n <= maxWords {
		b.cfg.log(line)
	}
}
