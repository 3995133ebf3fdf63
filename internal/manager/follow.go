// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/linux/poll"
	"github.com/rouse-init/rouse/internal/linux/trace"
)

// forks follows main processes through their forks (expect fork and expect
// daemon of init(5)).
type forks struct {
	m      *Manager
	tracer *trace.Tracer // nil until it is needed
	orders map[uint64]engine.Token
}

// follow has the process of an order followed from before its first step on.
// Where that is not allowed the engine finds the daemon among what is left.
func (f *forks) follow(p *preparation) {
	n := int(p.order.Follow)
	if n == 0 {
		return
	}
	token := p.order.Token
	p.spec.Held = func(pid int) {
		if err := f.open(); err != nil {
			f.m.sayOnce("follow", "%v: daemons are found by what is left of their processes", err)
			return
		}
		if err := f.tracer.Follow(pid, n, token.Gen); err != nil {
			f.m.sayOnce("follow", "%v: daemons are found by what is left of their processes", err)
			return
		}
		f.orders[token.Gen] = token
	}
}

func (f *forks) open() error {
	if f.tracer != nil {
		return nil
	}
	t, err := trace.New()
	if err != nil {
		return err
	}
	if err := f.m.loop.Add(t.FD(), poll.In, func(uint32) { f.drain() }); err != nil {
		return err
	}
	f.tracer, f.orders = t, make(map[uint64]engine.Token)
	return nil
}

// drain passes on what was seen.
func (f *forks) drain() {
	if f.tracer == nil {
		return
	}
	for _, e := range f.tracer.Drain() {
		token, ok := f.orders[e.Key]
		if !ok {
			continue
		}
		if e.Pid > 0 && (e.Forks > 0 || e.Done) {
			f.m.feed(engine.Followed{Token: token, Pid: int32(e.Pid), Forks: uint8(min(e.Forks, 255)), Exact: true, Ended: e.Done})
		}
		if e.Done || e.Gone || e.Lost {
			delete(f.orders, e.Key)
		}
	}
}

// drop ends the following of a unit's processes.
func (f *forks) drop(unitName string) {
	for key, token := range f.orders {
		if token.Unit == unitName {
			f.tracer.Drop(key)
			delete(f.orders, key)
		}
	}
}
