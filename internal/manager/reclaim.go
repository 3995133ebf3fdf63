// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"time"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/linux/memory"
	"github.com/rouse-init/rouse/internal/unit"
)

// reclaiming is a Reclaim under way: it goes step by step, so that the loop
// never stands still for long.
type reclaiming struct {
	token engine.Token
	step  func() (done bool, err error)
	close func()
	left  int // steps, at most
}

// reclaimStep is how much is paged out at once: 2 to 8 ms (measured, file-backed
// pages). reclaimPause lets the loop see to the rest in between.
const (
	reclaimStep  = 16 << 20
	reclaimPause = time.Millisecond
	// reclaimMax bounds the steps of one order: 1 TiB.
	reclaimMax = 1 << 16
)

// reclaim performs Reclaim.
func (m *Manager) reclaim(t engine.Token) {
	u := m.engine.Def(t.Unit)
	v, _ := m.engine.Unit(t.Unit)
	if u == nil || v.Freezer != "frozen" {
		m.feed(engine.Reclaimed{Token: t}) // it was thawed meanwhile
		return
	}
	r := &reclaiming{token: t, close: func() {}, left: reclaimMax}
	if m.cg != nil && m.cg.CanReclaim(m.cgroupOf(u)) {
		path := m.cgroupOf(u)
		r.step = func() (bool, error) {
			more, err := m.cg.Reclaim(path, reclaimStep)
			return !more, err
		}
	} else {
		p := memory.NewPager(m.pidsOf(u))
		r.step = func() (bool, error) { return p.Step(reclaimStep) }
		r.close = p.Close
	}
	m.endReclaim(t.Unit)
	m.beginReclaim(r)
}

// beginReclaim has it take turns with the others, one step each: all sleepers of a
// machine may come to this together.
func (m *Manager) beginReclaim(r *reclaiming) {
	m.reclaims[r.token.Unit] = r
	m.paging = append(m.paging, r)
	if len(m.paging) == 1 {
		m.later(0, m.reclaimNext)
	}
}

func (m *Manager) reclaimNext() {
	r := m.paging[0]
	m.paging = m.paging[1:]
	if m.reclaims[r.token.Unit] == r && m.reclaimMore(r) {
		m.paging = append(m.paging, r)
	}
	if len(m.paging) > 0 {
		m.later(reclaimPause, m.reclaimNext)
	}
}

// reclaimMore does one step; false: that was the last.
func (m *Manager) reclaimMore(r *reclaiming) bool {
	done, err := r.step()
	r.left--
	switch {
	case err != nil:
		m.noReclaim = err.Error()
		delete(m.reclaims, r.token.Unit)
		r.close()
		m.sayOnce("reclaim", "%s: cannot page out its memory: %v; sleepers keep it (X-IdleReclaimSec=)", r.token.Unit, err)
		m.feed(engine.ReclaimFailed{Token: r.token, Msg: "its memory cannot be paged out: " + err.Error()})
	case done || r.left == 0:
		m.endReclaim(r.token.Unit)
	default:
		return true
	}
	return false
}

// endReclaim answers a Reclaim that is done, or that a thaw cuts short.
func (m *Manager) endReclaim(name string) {
	r := m.reclaims[name]
	if r == nil {
		return
	}
	delete(m.reclaims, name)
	r.close()
	in := engine.Reclaimed{Token: r.token}
	if u := m.engine.Def(name); u != nil {
		in.Memory = m.memoryOf(u)
	}
	m.feed(in)
}

// memoryOf is what the processes of a unit have in memory, in bytes.
func (m *Manager) memoryOf(u *unit.Unit) uint64 {
	if m.cg != nil {
		if n, ok := m.cg.MemoryCurrent(m.cgroupOf(u)); ok {
			return n
		}
	}
	return memory.Resident(m.pidsOf(u))
}

// measureTime is how long the loop may stand still to measure memory.
const measureTime = 5 * time.Millisecond

// measure performs MeasureMemory, in pieces: page tables are walked for it.
func (m *Manager) measure(f engine.MeasureMemory, in engine.Measured) {
	for begin := time.Now(); len(in.Memory) < len(f.Units); {
		if time.Since(begin) > measureTime {
			m.later(reclaimPause, func() { m.measure(f, in) })
			return
		}
		n := uint64(0)
		if u := m.engine.Def(f.Units[len(in.Memory)]); u != nil {
			n = m.ownMemoryOf(u)
		}
		in.Memory = append(in.Memory, n)
	}
	m.feed(in)
}

// ownMemoryOf is what would be free without the unit.
func (m *Manager) ownMemoryOf(u *unit.Unit) uint64 {
	if m.cg != nil {
		if n, ok := m.cg.MemoryCurrent(m.cgroupOf(u)); ok {
			return n
		}
	}
	return memory.Proportional(m.pidsOf(u))
}
