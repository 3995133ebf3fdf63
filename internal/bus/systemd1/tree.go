// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"strconv"
	"strings"

	"github.com/rouse-init/rouse/internal/bus"
	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

// UnitPath is the object path of a unit.
func UnitPath(name string) string { return unitPrefix + wire.Escape(name) }

// JobPath is the object path of a job.
func JobPath(id uint32) string { return jobPrefix + strconv.FormatUint(uint64(id), 10) }

// tree is the Service as a bus.Tree.
type tree Service

// object is a unit as the functions of its properties see it.
type object struct {
	svc  *Service
	view engine.View
	// What costs more than a look at the view is found out once per call.
	usage   *Usage
	inverse map[unit.DepKind][]string
}

// Lookup finds the manager, a unit (which is loaded if need be, as clients
// that address one by its path expect) or a job.
func (t *tree) Lookup(path string) (bus.Node, bool) {
	s := (*Service)(t)
	if path == Path {
		return bus.Node{Interfaces: s.tables.manager, Subject: s}, true
	}
	if rest, ok := strings.CutPrefix(path, unitPrefix); ok {
		return s.lookupUnit(rest)
	}
	if rest, ok := strings.CutPrefix(path, jobPrefix); ok {
		id, err := strconv.ParseUint(rest, 10, 32)
		if err != nil {
			return bus.Node{}, false
		}
		for _, j := range s.be.Jobs() {
			if j.ID == uint32(id) {
				return bus.Node{Interfaces: s.tables.job, Subject: &jobObject{s, j}}, true
			}
		}
	}
	return bus.Node{}, false
}

func (s *Service) lookupUnit(escaped string) (bus.Node, bool) {
	name, ok := wire.Unescape(escaped)
	if !ok || strings.Contains(escaped, "/") {
		return bus.Node{}, false
	}
	o, err := s.object(name)
	if err != nil {
		return bus.Node{}, false
	}
	return bus.Node{Interfaces: s.tables.of(o.view.Unit.Kind), Subject: o}, true
}

// object returns a unit that is known or can be loaded.
func (s *Service) object(name string) (*object, error) {
	v, ok := s.be.Unit(name)
	if !ok {
		var err error
		if v, err = s.be.Load(name); err != nil {
			return nil, err
		}
	}
	return &object{svc: s, view: v}, nil
}

// Children lists what is below a path.
func (t *tree) Children(path string) []string {
	s := (*Service)(t)
	switch path {
	case Path:
		return []string{"job", "unit"}
	case unitRoot:
		names := []string{}
		s.be.Units(func(v *engine.View) bool {
			names = append(names, wire.Escape(v.Unit.Name))
			return true
		})
		return names
	case Path + "/job":
		ids := []string{}
		for _, j := range s.be.Jobs() {
			ids = append(ids, strconv.FormatUint(uint64(j.ID), 10))
		}
		return ids
	}
	return nil
}

// tables are all interfaces. They are made when a Service is, since a client
// that is the same program has no need of them.
type tables struct {
	manager, job []*bus.Interface
	kinds        [unit.KindDevice + 1][]*bus.Interface
}

// of are the interfaces of a kind; a kind that is newer than this table has
// those that all have.
func (t *tables) of(k unit.Kind) []*bus.Interface {
	if int(k) >= len(t.kinds) {
		k = unit.KindInvalid
	}
	return t.kinds[k]
}

func newTables(s *Service) tables {
	var t tables
	t.manager = []*bus.Interface{managerInterface(), rouseInterface()}
	t.job = []*bus.Interface{jobInterface()}
	u := unitInterface()
	extra := rouseUnitInterface()
	for k := range t.kinds {
		t.kinds[k] = []*bus.Interface{u, extra}
	}
	t.kinds[unit.KindService] = []*bus.Interface{u, serviceInterface(), extra}
	t.kinds[unit.KindSocket] = []*bus.Interface{u, socketInterface(), extra}
	t.kinds[unit.KindTarget] = []*bus.Interface{u, {Name: Name + ".Target"}, extra}
	t.kinds[unit.KindSlice] = []*bus.Interface{u, {Name: Name + ".Slice", Methods: processMethods(), Props: cgroupProps()}, extra}
	return t
}
