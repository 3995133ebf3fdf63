// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

func managerInterface() *bus.Interface {
	return &bus.Interface{
		Name:    IfManager,
		Methods: slices.Concat(jobMethods(), listMethods(), fileMethods(), controlMethods()),
		Props:   managerProps(),
		Signals: []bus.SignalDef{
			{Name: "UnitNew", Sig: "so", Args: "id unit"},
			{Name: "UnitRemoved", Sig: "so", Args: "id unit"},
			{Name: "JobNew", Sig: "uos", Args: "id job unit"},
			{Name: "JobRemoved", Sig: "uoss", Args: "id job unit result"},
			{Name: "StartupFinished", Sig: "tttttt", Args: "firmware loader kernel initrd userspace total"},
			{Name: "UnitFilesChanged"},
			{Name: "Reloading", Sig: "b", Args: "active"},
		},
	}
}

// controlMethods are about the manager itself.
func controlMethods() []bus.Method {
	end := func(name string, action unit.Action) bus.Method {
		return bus.Method{Name: name, Call: func(s any, c *bus.Call) {
			svc := s.(*Service)
			if err := svc.be.Shutdown(action, svc.exit); err != nil {
				c.Fail(bus.ErrNotSupported, "%v", err)
				return
			}
			c.Return()
		}}
	}
	// Every client of a private socket gets all signals, and on a connection
	// with match rules these decide; so there is nothing to subscribe to.
	nothing := func(_ any, c *bus.Call) { c.Return() }
	return []bus.Method{
		{Name: "Subscribe", Open: true, Call: nothing},
		{Name: "Unsubscribe", Open: true, Call: nothing},
		{Name: "RefUnit", In: "s", Args: "name", Call: nothing},
		{Name: "UnrefUnit", In: "s", Args: "name", Call: nothing},
		{Name: "Reload", Call: reload},
		{Name: "Reexecute", Call: reexecute},
		end("Exit", unit.ActionExit), end("PowerOff", unit.ActionPoweroff), end("Reboot", unit.ActionReboot),
		end("Halt", unit.ActionHalt), end("KExec", unit.ActionKexec),
		{Name: "SoftReboot", In: "s", Args: "new_root", Call: end("SoftReboot", unit.ActionSoftReboot).Call},
		{Name: "SetExitCode", In: "y", Args: "number", Call: func(s any, c *bus.Call) {
			s.(*Service).exit = c.Args.Byte()
			c.Return()
		}},
		{Name: "SetEnvironment", In: "as", Args: "assignments", Call: func(s any, c *bus.Call) {
			s.(*Service).environment(c, nil, c.Args.Strings())
		}},
		{Name: "UnsetEnvironment", In: "as", Args: "names", Call: func(s any, c *bus.Call) {
			s.(*Service).environment(c, c.Args.Strings(), nil)
		}},
		{Name: "UnsetAndSetEnvironment", In: "asas", Args: "names assignments", Call: func(s any, c *bus.Call) {
			s.(*Service).environment(c, c.Args.Strings(), c.Args.Strings())
		}},
		{Name: "Dump", Out: "s", Open: true, Args: "> output", Call: func(s any, c *bus.Call) {
			text := s.(*Service).dump(nil)
			c.Body().String(text)
			c.Return()
		}},
		{Name: "DumpUnitsMatchingPatterns", In: "as", Out: "s", Open: true, Args: "patterns > output", Call: func(s any, c *bus.Call) {
			text := s.(*Service).dump(c.Args.Strings())
			c.Body().String(text)
			c.Return()
		}},
		{Name: "DumpByFileDescriptor", Out: "h", Open: true, Args: "> fd", Call: func(s any, c *bus.Call) {
			s.(*Service).dumpFD(c, nil)
		}},
		{Name: "DumpUnitsMatchingPatternsByFileDescriptor", In: "as", Out: "h", Open: true, Args: "patterns > fd", Call: func(s any, c *bus.Call) {
			s.(*Service).dumpFD(c, c.Args.Strings())
		}},
	}
}

func reload(subject any, c *bus.Call) {
	s := subject.(*Service)
	s.Reloading(true)
	s.be.Reload(func(err error) {
		s.Reloading(false)
		if err != nil {
			c.Fail(bus.ErrFailed, "%v", err)
			return
		}
		c.Return()
	})
}

// reexecute is not answered: the client sees its connection end.
func reexecute(subject any, c *bus.Call) {
	if err := subject.(*Service).be.Reexec(); err != nil {
		c.Fail(bus.ErrFailed, "%v", err)
	}
}

// validEnvName tells whether a variable can have this name.
func validEnvName(name string) bool {
	for i, c := range name {
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

func (s *Service) environment(c *bus.Call, unset, set []string) {
	for _, a := range set {
		if name, _, ok := strings.Cut(a, "="); !ok || !validEnvName(name) {
			c.Fail(bus.ErrArgs, "Invalid environment assignment %q, expected NAME=value", a)
			return
		}
	}
	for _, a := range unset {
		if name, _, _ := strings.Cut(a, "="); !validEnvName(name) {
			c.Fail(bus.ErrArgs, "Invalid environment variable name or assignment %q", a)
			return
		}
	}
	s.be.SetEnvironment(set, unset)
	c.Return()
}

// dump prints what is known of each unit, for people.
func (s *Service) dump(patterns []string) string {
	var b strings.Builder
	if patterns == nil {
		f := s.be.Facts()
		fmt.Fprintf(&b, "Manager: rouse %s\nScope: %s\nState: %s\nCgroups: %s\n", f.Version, f.Scope, s.systemState(), f.CgroupMode)
		for _, c := range f.Counters {
			fmt.Fprintf(&b, "%s: %d\n", c.Name, c.Value)
		}
	}
	s.be.Units(func(v *engine.View) bool {
		if patterns != nil && !MatchAny(patterns, v.Unit.Name) {
			return true
		}
		u := v.Unit
		fmt.Fprintf(&b, "-> Unit %s:\n\tDescription: %s\n\tUnit Load State: %s\n\tUnit Active State: %s\n\tUnit Sub State: %s\n",
			u.Name, orElse(u.Description, u.Name), LoadName(v.Load), v.Active, orElse(v.Sub, "dead"))
		if u.Fragment != "" {
			fmt.Fprintf(&b, "\tFragment Path: %s\n", u.Fragment)
		}
		for _, d := range u.Deps {
			fmt.Fprintf(&b, "\t%s: %s\n", depNames[d.Kind], d.Name)
		}
		if v.MainPid != 0 {
			fmt.Fprintf(&b, "\tMain PID: %d\n", v.MainPid)
		}
		if v.Job != 0 {
			fmt.Fprintf(&b, "\t-> Job %d: %s\n", v.Job, VerbName(v.JobType))
		}
		return true
	})
	return b.String()
}

var depNames = map[unit.DepKind]string{
	unit.Requires: "Requires", unit.Requisite: "Requisite", unit.Wants: "Wants", unit.BindsTo: "BindsTo", unit.PartOf: "PartOf",
	unit.Upholds: "Upholds", unit.Conflicts: "Conflicts", unit.Before: "Before", unit.After: "After", unit.OnFailure: "OnFailure",
	unit.OnSuccess: "OnSuccess", unit.PropagatesReloadTo: "PropagatesReloadTo", unit.ReloadPropagatedFrom: "ReloadPropagatedFrom",
	unit.PropagatesStopTo: "PropagatesStopTo", unit.StopPropagatedFrom: "StopPropagatedFrom",
	unit.JoinsNamespaceOf: "JoinsNamespaceOf", unit.Triggers: "Triggers", unit.BoundBy: "BoundBy",
}

// dumpFD answers with a memfd that holds the dump.
func (s *Service) dumpFD(c *bus.Call, patterns []string) {
	text := s.dump(patterns)
	fd, err := unix.MemfdCreate("dump", unix.MFD_CLOEXEC)
	if err != nil {
		c.Fail(bus.ErrFailed, "cannot make a memory file: %v", err)
		return
	}
	for data := []byte(text); len(data) > 0; {
		n, err := unix.Write(fd, data)
		if err != nil {
			_ = unix.Close(fd)
			c.Fail(bus.ErrFailed, "cannot write the dump: %v", err)
			return
		}
		data = data[n:]
	}
	if _, err := unix.Seek(fd, 0, 0); err != nil {
		_ = unix.Close(fd)
		c.Fail(bus.ErrFailed, "cannot rewind the dump: %v", err)
		return
	}
	c.Body().FD(0)
	c.ReturnFDs(fd)
}
