// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"runtime"
	"runtime/debug"
	"time"

	"github.com/rouse-init/rouse/internal/engine"
)

// A manager's heap is mostly units, which live for ever, and it is idle nearly
// always. So garbage is collected seldom while the units are read, since what
// is read then stays, and later a little processor time is traded for memory.
const (
	gcStarting = 100 // percent
	gcRunning  = 30
	// gcRoom is how much a small heap may grow before it is collected: at
	// gcRunning a manager of few units would collect every 100 connections.
	gcRoom = 3 << 20
)

// heapStarting is for the time until settled.
func heapStarting() { debug.SetGCPercent(gcStarting) }

// settleSoon has settled called once, when the start is over.
func (m *Manager) settleSoon() {
	if !m.settling && m.saved.FinishedAt != 0 {
		m.settling = true
		m.later(settleTime, m.settled)
	}
}

// settleTime is how long nothing may be on its way before the start is over.
const settleTime = 300 * time.Millisecond

// settled gives back what the start has left: garbage, tables that have grown
// for as many jobs as there are units, the memory of finished children.
func (m *Manager) settled() {
	for range m.engine.Jobs() {
		m.later(settleTime, m.settled)
		return
	}
	m.engine.Trim()
	m.spawn.Trim()
	m.fresh = nil
	if len(m.launches) == 0 {
		m.launches = make(map[int32]*launch)
	}
	if len(m.pending) == 0 {
		m.pending = make(map[uint64]engine.Effect)
	}
	debug.SetGCPercent(gcRunning)
	debug.FreeOSMemory()
	var st runtime.MemStats
	runtime.ReadMemStats(&st)
	debug.SetGCPercent(gcPercent(st.HeapAlloc))
}

// gcPercent is the growth that is allowed to a heap with live bytes in use.
func gcPercent(live uint64) int {
	return max(gcRunning, min(100, int(gcRoom*100/max(live, 1))))
}
