// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"fmt"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// Asleep is a service that sleeps, as Sleeping lists them.
type Asleep struct {
	Unit string `json:"unit"`
	// Tier is "frozen", "reclaimed" or "stopped"; "unstarted" is one that a
	// socket waits for and that has not run yet.
	Tier string `json:"tier"`
	// Since is the time of day in microseconds.
	Since uint64 `json:"since_usec"`
	// MemoryBefore is what it had in memory when it fell asleep, Memory what it
	// has left, in bytes; the difference is what it saves. 0 before: unknown.
	MemoryBefore uint64 `json:"memory_before"`
	Memory       uint64 `json:"memory"`
	// CPU is the processor time that it had used until then, in microseconds.
	CPU uint64 `json:"cpu_usec"`
	// Cause is why it sleeps, Note why not deeper, in words.
	Cause string `json:"cause,omitempty"`
	Note  string `json:"note,omitempty"`
	// WokenBy are addresses, "data on 2 connections", the name on a bus, "thaw".
	WokenBy  []string `json:"woken_by"`
	WaitsFor string   `json:"waits_for,omitempty"`
}

// sleeping lists the services that sleep, in the order of their names.
func (s *Service) sleeping() []Asleep {
	sockets := map[string][]*object{} // that wake a service, by its name
	s.be.Units(func(v *engine.View) bool {
		if sk := v.Unit.Socket; sk != nil && !sk.Accept && v.Active == engine.Active {
			o := &object{svc: s, view: *v}
			sockets[sk.Service] = append(sockets[sk.Service], o)
			if br := sk.Bridge; br != nil && br.Service != "" { // which sleeps with its bridge
				sockets[br.Service] = append(sockets[br.Service], o)
			}
		}
		return true
	})
	list := []Asleep{}
	s.be.Units(func(v *engine.View) bool {
		if v.Unit.Kind != unit.KindService {
			return true
		}
		if x, ok := s.asleep(v, sockets[v.Unit.Name]); ok {
			list = append(list, x)
		}
		return true
	})
	return list
}

// asleep tells how a service sleeps; ok is false for one that does not.
func (s *Service) asleep(v *engine.View, sockets []*object) (x Asleep, ok bool) {
	x = Asleep{
		Unit: v.Unit.Name, Tier: v.Tier.String(), Since: s.wall(v.IdleSince), MemoryBefore: v.MemoryBefore, Memory: v.MemoryBefore,
		CPU: micros(v.CPUBefore), Cause: v.Cause, Note: v.TierNote, WaitsFor: v.Waits,
	}
	down := v.Active == engine.Inactive || v.Active == engine.Failed
	switch {
	case v.Tier == engine.TierReclaimed:
		x.Memory = v.MemoryNow
	case v.Tier == engine.TierFrozen:
	case v.Freezer == "frozen": // by a person
		x.Tier, x.Since, x.WokenBy = "frozen", s.wall(v.HeldSince), []string{"thaw"}
		return x, true
	case down && len(sockets) > 0:
		x.Memory = 0
		if v.InactiveEnter == 0 {
			x.Tier, x.Since = "unstarted", s.wall(sockets[0].view.ActiveEnter)
		} else if v.Tier != engine.TierStopped {
			return x, false // it has failed, or a person has stopped it
		}
	case v.Tier == engine.TierStopped && down && v.Unit.Service != nil && v.Unit.Service.BusName != "":
		x.Memory = 0
	default:
		return x, false
	}
	for _, o := range sockets {
		for _, l := range o.listens() {
			x.WokenBy = append(x.WokenBy, l.Address)
		}
	}
	if n := v.OpenBefore; n > 0 && !down {
		text := fmt.Sprintf("data on %d connections", n)
		if n == 1 {
			text = "data on 1 connection"
		}
		x.WokenBy = append(x.WokenBy, text)
	}
	if d := v.Unit.Service; d != nil && d.BusName != "" && down {
		x.WokenBy = append(x.WokenBy, "the bus name "+d.BusName)
	}
	return x, true
}
