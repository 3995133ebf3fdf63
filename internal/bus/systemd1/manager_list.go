// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/rouse-init/rouse/internal/bus"
	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

func listMethods() []bus.Method {
	const row = "a(ssssssouso)"
	return []bus.Method{
		{Name: "GetUnit", In: "s", Out: "o", Open: true, Args: "name > unit", Call: getUnit},
		{Name: "LoadUnit", In: "s", Out: "o", Open: true, Args: "name > unit", Call: loadUnit},
		{Name: "GetUnitByPID", In: "u", Out: "o", Open: true, Args: "pid > unit", Call: getUnitByPID},
		{Name: "GetUnitByPIDFD", In: "h", Out: "osay", Open: true, Args: "pidfd > unit unit_id invocation_id", Call: getUnitByPIDFD},
		{Name: "GetUnitByControlGroup", In: "s", Out: "o", Open: true, Args: "cgroup > unit", Call: getUnitByCgroup},
		{Name: "ListUnits", Out: row, Open: true, Args: "> units", Call: func(s any, c *bus.Call) {
			s.(*Service).list(c, func(*engine.View) bool { return true })
		}},
		{Name: "ListUnitsFiltered", In: "as", Out: row, Open: true, Args: "states > units", Call: func(s any, c *bus.Call) {
			states := c.Args.Strings()
			s.(*Service).list(c, func(v *engine.View) bool { return inState(v, states) })
		}},
		{Name: "ListUnitsByPatterns", In: "asas", Out: row, Open: true, Args: "states patterns > units", Call: func(s any, c *bus.Call) {
			states, patterns := c.Args.Strings(), c.Args.Strings()
			s.(*Service).list(c, func(v *engine.View) bool {
				return inState(v, states) && (len(patterns) == 0 || MatchAny(patterns, v.Unit.Name))
			})
		}},
		{Name: "ListUnitsByNames", In: "as", Out: row, Open: true, Args: "names > units", Call: listByNames},
		{Name: "GetUnitProcesses", In: "s", Out: "a(sus)", Open: true, Args: "name > processes", Call: func(s any, c *bus.Call) {
			s.(*Service).processes(c, c.Args.String())
		}},
	}
}

// knownName finds a unit that is loaded in systemd's sense: what has no file,
// or is masked, is so for as long as another unit names it.
func (s *Service) knownName(c *bus.Call, name string) (string, bool) {
	v, ok := s.be.Unit(name)
	if ok && (v.Load == unit.NotFound || v.Load == unit.Masked) && v.Active == engine.Inactive && v.Job == 0 {
		o := &object{svc: s, view: v}
		ok = o.isNamed()
	}
	if !ok {
		c.Fail(errorPrefix+"NoSuchUnit", "Unit %s not loaded.", name)
		return "", false
	}
	return v.Unit.Name, true
}

func getUnit(subject any, c *bus.Call) {
	s := subject.(*Service)
	name, ok := s.knownName(c, c.Args.String())
	if !ok {
		return
	}
	c.Body().Path(UnitPath(name))
	c.Return()
}

func loadUnit(subject any, c *bus.Call) {
	name := c.Args.String()
	o, err := subject.(*Service).object(name)
	if err != nil {
		c.Fail(bus.ErrArgs, "%v", err)
		return
	}
	c.Body().Path(UnitPath(o.view.Unit.Name))
	c.Return()
}

// getUnitByPID answers for the caller itself where pid is 0.
func getUnitByPID(subject any, c *bus.Call) {
	pid := int32(c.Args.Uint32())
	if pid == 0 {
		pid = c.PID()
	}
	name, ok := subject.(*Service).be.UnitByPid(pid)
	if !ok {
		c.Fail(errorPrefix+"NoUnitForPID", "PID %d does not belong to any loaded unit.", pid)
		return
	}
	c.Body().Path(UnitPath(name))
	c.Return()
}

// getUnitByPIDFD looks the process up in what the kernel tells of the
// descriptor (pidfd_open(2)).
func getUnitByPIDFD(subject any, c *bus.Call) {
	s, index := subject.(*Service), c.Args.Uint32()
	if int(index) >= len(c.FDs) {
		c.Fail(bus.ErrArgs, "message has no descriptor %d", index)
		return
	}
	pid := int32(-1)
	info, _ := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", c.FDs[index]))
	for line := range strings.Lines(string(info)) {
		if text, ok := strings.CutPrefix(line, "Pid:"); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(text), 10, 32)
			pid = int32(n)
		}
	}
	name, ok := s.be.UnitByPid(pid)
	v, known := s.be.Unit(name)
	if pid <= 0 || !ok || !known {
		c.Fail(errorPrefix+"NoUnitForPID", "PID %d does not belong to any loaded unit.", pid)
		return
	}
	id := s.be.Invocation(&v)
	e := c.Body()
	e.Path(UnitPath(v.Unit.Name))
	e.String(v.Unit.Name)
	e.Bytes(id[:])
	c.Return()
}

func getUnitByCgroup(subject any, c *bus.Call) {
	s, group := subject.(*Service), strings.TrimSuffix(c.Args.String(), "/")
	found := ""
	s.be.Units(func(v *engine.View) bool {
		// The name stands in the path, so that only a few need be asked.
		if strings.Contains(group, v.Unit.Name) && s.be.Usage(v.Unit.Name).ControlGroup == group {
			found = v.Unit.Name
		}
		return found == ""
	})
	if found == "" {
		c.Fail(errorPrefix+"NoSuchUnit", "Control group '%s' is not valid or not managed by this instance", group)
		return
	}
	c.Body().Path(UnitPath(found))
	c.Return()
}

// list answers with the units that keep accepts.
func (s *Service) list(c *bus.Call, keep func(*engine.View) bool) {
	e := c.Body()
	m := e.Array('(')
	s.be.Units(func(v *engine.View) bool {
		if keep(v) {
			writeRow(e, v)
		}
		return true
	})
	e.End(m)
	c.Return()
}

func writeRow(e *wire.Encoder, v *engine.View) {
	e.Struct()
	e.String(v.Unit.Name)
	e.String(orElse(v.Unit.Description, v.Unit.Name))
	e.String(LoadName(v.Load))
	e.String(v.Active.String())
	e.String(orElse(v.Sub, "dead"))
	e.String(v.Following)
	e.Path(UnitPath(v.Unit.Name))
	e.Uint32(v.Job)
	job := ""
	if v.Job != 0 {
		job = VerbName(v.JobType)
	}
	e.String(job)
	e.Path(jobOrRoot(v.Job))
}

// listByNames loads what is not loaded, as systemd does.
func listByNames(subject any, c *bus.Call) {
	s := subject.(*Service)
	var views []engine.View
	for _, name := range c.Args.Strings() {
		if o, err := s.object(name); err == nil {
			views = append(views, o.view)
		}
	}
	e := c.Body()
	m := e.Array('(')
	for i := range views {
		writeRow(e, &views[i])
	}
	e.End(m)
	c.Return()
}

// inState tells whether any of the unit's three states is asked for.
func inState(v *engine.View, states []string) bool {
	return len(states) == 0 || slices.Contains(states, v.Active.String()) ||
		slices.Contains(states, LoadName(v.Load)) || slices.Contains(states, orElse(v.Sub, "dead"))
}

// MatchAny tells whether a unit name matches a shell pattern, in which a
// backslash is itself, as unit names have many (fnmatch(3), FNM_NOESCAPE).
func MatchAny(patterns []string, name string) bool {
	for _, p := range patterns {
		p = strings.ReplaceAll(strings.ReplaceAll(p, `\`, `\\`), "[!", "[^")
		if ok, err := path.Match(p, name); ok && err == nil {
			return true
		}
	}
	return false
}

func (s *Service) processes(c *bus.Call, name string) {
	name, ok := s.knownName(c, name)
	if !ok {
		return
	}
	list := s.be.Processes(name)
	e := c.Body()
	m := e.Array('(')
	for i := range list {
		e.Struct()
		e.String(list[i].Cgroup)
		e.Uint32(list[i].Pid)
		e.String(list[i].Command)
	}
	e.End(m)
	c.Return()
}

// processMethods are those of units that have processes.
func processMethods() []bus.Method {
	return []bus.Method{{Name: "GetProcesses", Out: "a(sus)", Open: true, Args: "> processes", Call: func(s any, c *bus.Call) {
		o := s.(*object)
		o.svc.processes(c, o.view.Unit.Name)
	}}}
}
