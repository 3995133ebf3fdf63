// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"github.com/rouse-init/rouse/internal/bus"
	"github.com/rouse-init/rouse/internal/bus/wire"
)

// The interfaces of rouse's own on the objects of Upstart.
const (
	IfRouseJob      = "dev.rouse.Job1"
	IfRouseInstance = "dev.rouse.Instance1"
)

// rouseJobInterface is what com.ubuntu.Upstart.Job lacks.
func rouseJobInterface() *bus.Interface {
	return &bus.Interface{Name: IfRouseJob, Props: []bus.Prop{
		{Name: "unit", Sig: "s", Get: func(s any, e *wire.Encoder) { e.String(s.(*jobObject).unit.Name) }},
		{Name: "file", Sig: "s", Get: func(s any, e *wire.Encoder) { e.String(s.(*jobObject).unit.Fragment) }},
		{Name: "task", Sig: "b", Get: func(s any, e *wire.Encoder) {
			u := s.(*jobObject).unit
			e.Bool(u.Service != nil && u.Service.Job != nil && u.Service.Job.Task)
		}},
	}}
}

// rouseInstanceInterface is what com.ubuntu.Upstart.Instance lacks.
func rouseInstanceInterface() *bus.Interface {
	return &bus.Interface{Name: IfRouseInstance, Props: []bus.Prop{
		{Name: "unit", Sig: "s", Get: func(s any, e *wire.Encoder) { e.String(s.(*instanceObject).status.Unit) }},
		{Name: "notes", Sig: "as", Get: func(s any, e *wire.Encoder) { e.Strings(s.(*instanceObject).status.Notes) }},
	}}
}
