// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/format/upstart"
	"github.com/rouse-init/rouse/internal/unit"
)

// stop is what `stop on` means beyond what start says. The default
// dependencies stop every service when the machine goes down.
func (c *conversion) stop(start effect) effect {
	if c.u.Events == nil || len(c.u.Events.StopOn) == 0 {
		return effect{}
	}
	leaf := func(t unit.Term) effect { return c.stopLeaf(t, start) }
	both := func(e, f effect, what string) effect {
		// Each would stop the service alone, which is worse than neither.
		return effect{missing: []missing{{pos: c.u.Events.StopOn[0].Pos, what: what, why: "systemd does not wait for two events before it stops a unit"}}}
	}
	either := func(e, f effect, _ string) effect { return e.with(f) }
	return fold(c.u.Events.StopOn, leaf, both, either)
}

func (c *conversion) stopLeaf(t unit.Term, start effect) effect {
	none := func(why string) effect {
		return effect{missing: []missing{{pos: t.Pos, what: upstart.EventWords(t), why: why}}}
	}
	switch t.Event {
	case "starting", "started", "stopping", "stopped":
		return c.stopOnJob(t, start, none)
	case "runlevel":
		return stopOnRunlevel(t, none)
	case "unmounting-filesystem", "unmounted-remote-filesystems":
		return effect{} // services are stopped before file systems are unmounted
	case "deconfiguring-networking":
		return effect{after: []string{"network.target"}}
	case "net-device-down", "net-device-removed":
		key := "IFACE"
		if t.Event == "net-device-removed" {
			key = "INTERFACE"
		}
		if m, ok := match(t, key, 0); ok {
			if name := c.instanceOr(m); name != "" {
				return boundTo(interfaceUnit(name))
			}
		}
		return none("only the device unit of one interface can stop a service")
	case "desktop-end", "session-end":
		return effect{partOf: []string{"graphical-session.target"}}
	case "control-alt-delete":
		return effect{} // the machine goes down
	}
	if subsystem, action, ok := deviceEvent(t.Event); ok && action == "removed" {
		if name := c.deviceUnit(t, subsystem); name != "" {
			return boundTo(name)
		}
		return none("only a device with a known name has a unit that could stop a service")
	}
	return none("no unit stands for this event; where a script emits it, it could call systemctl stop " + c.name)
}

// instanceOr is the value that a condition allows, "%I" where that is what
// the instance is named by, "" where it may be several.
func (c *conversion) instanceOr(m unit.Match) string {
	if v := onlyVariable(m.Value); v != "" {
		if v == c.variable && !m.Negate {
			return "%I"
		}
		return ""
	}
	if m.Negate || strings.ContainsAny(m.Value, "*?[$") {
		return ""
	}
	return m.Value
}

func boundTo(name string) effect { return effect{bindsTo: []string{name}, after: []string{name}} }

func stopOnRunlevel(t unit.Term, none func(string) effect) effect {
	set, ok := matchLevels(t)
	switch {
	case !ok:
		return none("targets know nothing of other runlevels; the service is stopped when the machine goes down")
	case set == runlevels:
		return none("a change of targets does not stop what both want; the service is stopped when the machine goes down")
	case !strings.ContainsAny(set, "06"):
		return none("every service is stopped when the machine goes down, and by isolating a target that does not want it")
	case strings.ContainsAny(set, "2345"):
		return none("one target stands for the runlevels 2 to 5; the service is stopped when the machine goes down")
	}
	return effect{}
}

// stopOnJob is `stop on` one of the four events of a job. Which dependency it
// becomes depends on the order that `start on` asks for already.
func (c *conversion) stopOnJob(t unit.Term, start effect, none func(string) effect) effect {
	if job := exact(t, "JOB", 0); job == "rc" || job == "rc-sysinit" {
		level := unit.Term{Event: "runlevel", Pos: t.Pos}
		if m, ok := match(t, "RUNLEVEL", -1); ok {
			level.Match = []unit.Match{m}
			return stopOnRunlevel(level, none)
		}
		return none("nothing runs the scripts of runlevels; the service is stopped when the machine goes down")
	}
	var name string
	if cp, ok := c.jobOf(t); ok {
		name = cp.unit
	}
	if name == "" {
		return none("it does not name one unit")
	}
	if failed(t) {
		return none("systemd does not tell a failure of another unit from its end")
	}
	x := []string{name}
	after, before := slices.Contains(start.after, name), slices.Contains(start.before, name)
	switch t.Event {
	case "starting", "started":
		e := effect{conflicts: x, after: x}
		e.missing = none("Conflicts= works both ways: starting this service stops " + name).missing
		return e
	case "stopping":
		if before {
			e := effect{partOf: x}
			e.missing = none("one order serves both: what starts before " + name + " stops after it").missing
			return e
		}
		if after {
			return effect{bindsTo: x}
		}
		return effect{partOf: x, after: x}
	}
	if after { // stopped, and started after it
		return effect{bindsTo: x}
	}
	return effect{partOf: x, before: x}
}
