// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/calendar"
	"github.com/rouse-init/rouse/internal/format/upstart"
	"github.com/rouse-init/rouse/internal/unit"
)

// userSlice is where the units of a user's manager are.
const userSlice = "app.slice"

// start is what `start on` means.
func (c *conversion) start() effect {
	if c.u.Events == nil || len(c.u.Events.StartOn) == 0 {
		return effect{}
	}
	either := func(e, f effect, _ string) effect { return e.with(f) }
	return fold(c.u.Events.StartOn, c.startLeaf, effect.both, either)
}

func (c *conversion) startLeaf(t unit.Term) effect {
	none := func(why string) effect {
		return effect{missing: []missing{{pos: t.Pos, what: upstart.EventWords(t), why: why}}}
	}
	if c.u.Slice == userSlice && t.Event == "startup" {
		return effect{wantedBy: []string{"default.target"}}
	}
	if b, ok := bootEvents[t.Event]; ok {
		return b
	}
	switch t.Event {
	case "starting", "started", "stopping", "stopped":
		return c.startOnJob(t, none)
	case "runlevel":
		return startOnRunlevel(t, none).unless(t, others(t, "RUNLEVEL"))
	case "net-device-up", "static-network-up":
		e := effect{wantedBy: []string{"multi-user.target"}}
		if exact(t, "IFACE", 0) != "lo" { // systemd itself sets up the loopback
			e.wants, e.after = []string{"network-online.target"}, []string{"network-online.target"}
		}
		name := exact(t, "IFACE", 0)
		if name != "" {
			e.environment = []string{"IFACE=" + name}
		}
		if name != "" && name != "lo" {
			e.missing = none("network-online.target does not wait for " + name + " alone").missing
		}
		return e.unless(t, others(t, "IFACE"))
	case "net-device-added":
		if name := exact(t, "INTERFACE", 0); name != "" {
			return onDevice(interfaceUnit(name))
		}
		return effect{rules: []string{`SUBSYSTEM=="net"`}}
	case "mounted", "mounting":
		return startOnMount(t, none).unless(t, others(t, "MOUNTPOINT"))
	case "socket":
		return startOnSocket(t, none)
	case "file":
		return c.startOnFile(t, none)
	case "calendar":
		spec := exactText(t, "SPEC", 0)
		if spec == "" {
			return none("it names no time")
		}
		if _, err := calendar.Parse(spec); err != nil {
			return none(err.Error())
		}
		return effect{calendars: []string{spec}}
	case "dbus-activation":
		if c.svc.BusName != "" {
			return effect{} // Type=dbus says it
		}
		return none("only a service with a name on the bus is started by a message: Type=dbus and BusName=")
	case "dbus":
		return none("systemd starts nothing on a signal of the bus, only on a message to a name (Type=dbus)")
	case "dconf":
		return none("systemd does not watch dconf")
	}
	if subsystem, action, ok := deviceEvent(t.Event); ok {
		return startOnDevice(t, subsystem, action, none)
	}
	if strings.HasPrefix(t.Event, ":sys:") {
		return none("a user's units cannot wait for units of the system")
	}
	return none("no unit stands for this event; where a script emits it, a target of that name could be started in its place")
}

// exactText is exact for values in which "*" and its kin are no patterns:
// times and file names of a path unit.
func exactText(t unit.Term, key string, place int) string {
	if m, ok := match(t, key, place); ok && !m.Negate {
		return m.Value
	}
	return ""
}

// bootEvents are the events of a boot (upstart-events(7)) without those that
// depend on their variables.
var bootEvents = map[string]effect{
	"startup":             {wantedBy: []string{"sysinit.target"}, noDefaults: true},
	"virtual-filesystems": {wantedBy: []string{"sysinit.target"}, noDefaults: true},
	"local-filesystems":   {wantedBy: []string{"multi-user.target"}, after: []string{"local-fs.target"}},
	"remote-filesystems":  {wantedBy: []string{"multi-user.target"}, after: []string{"remote-fs.target"}},
	"filesystem":          {wantedBy: []string{"multi-user.target"}, after: []string{"local-fs.target", "remote-fs.target"}},
	"all-swaps":           {wantedBy: []string{"multi-user.target"}, after: []string{"swap.target"}},
	"container":           {wantedBy: []string{"multi-user.target"}, conditions: []string{"ConditionVirtualization=container"}},
	"not-container":       {wantedBy: []string{"multi-user.target"}, conditions: []string{"ConditionVirtualization=!container"}},
	"recovery":            {wantedBy: []string{"rescue.target"}},

	"login-session-start":   {wantedBy: []string{"graphical.target"}, after: []string{"display-manager.service"}},
	"desktop-session-start": {wantedBy: []string{"graphical.target"}, after: []string{"display-manager.service"}},
	"xsession":              {wantedBy: []string{"graphical-session.target"}},
	"desktop-start":         {wantedBy: []string{"graphical-session.target"}, after: []string{"graphical-session-pre.target"}},

	"control-alt-delete":   {wantedBy: []string{"ctrl-alt-del.target"}, noDefaults: true},
	"keyboard-request":     {wantedBy: []string{"kbrequest.target"}},
	"kbdrequest":           {wantedBy: []string{"kbrequest.target"}},
	"power-status-changed": {wantedBy: []string{"sigpwr.target"}},

	"idle": {wantedBy: []string{"multi-user.target"}, idle: true},
}

// runlevels are those that a runlevel event may name.
const runlevels = "0123456S"

// matchLevels is the subset of runlevels that an event expression means; ok
// is false where it depends on something else.
func matchLevels(t unit.Term) (set string, ok bool) {
	m, found := match(t, "RUNLEVEL", 0)
	if !found {
		return runlevels, len(t.Match) == 0
	}
	if strings.Contains(m.Value, "$") {
		return "", false
	}
	for _, l := range strings.Split(runlevels, "") {
		if fits(m, l) {
			set += l
		}
	}
	return set, set != ""
}

func startOnRunlevel(t unit.Term, none func(string) effect) effect {
	set, ok := matchLevels(t)
	if !ok {
		return none("targets know nothing of the runlevel before")
	}
	var e effect
	switch {
	case strings.ContainsAny(set, "234"):
		e.wantedBy = []string{"multi-user.target"}
	case strings.ContainsAny(set, "5"):
		e.wantedBy = []string{"graphical.target"}
	}
	if strings.ContainsAny(set, "1S") {
		e.wantedBy = append(e.wantedBy, "rescue.target")
	}
	if strings.Contains(set, "0") {
		e.wantedBy = append(e.wantedBy, "poweroff.target", "halt.target")
	}
	if strings.Contains(set, "6") {
		e.wantedBy = append(e.wantedBy, "reboot.target")
	}
	switch down := strings.ContainsAny(set, "06"); {
	case down && strings.ContainsAny(set, "2345"):
		e.wantedBy = slices.DeleteFunc(e.wantedBy, isDown)
		e.missing = none("what starts at boot is stopped when the machine goes down and not started for it; that needs a unit of its own with DefaultDependencies=no").missing
	case down:
		e.down = true
	}
	return e
}

// isDown tells whether a target is one on the way down.
func isDown(target string) bool {
	return target == "poweroff.target" || target == "halt.target" || target == "reboot.target"
}

// apiMounts are mounted by systemd itself before any unit.
var apiMounts = []string{"/", "/dev", "/dev/pts", "/dev/shm", "/proc", "/run", "/sys", "/sys/fs/cgroup"}

func startOnMount(t unit.Term, none func(string) effect) effect {
	where := exact(t, "MOUNTPOINT", 1)
	if where == "" {
		return none("only a mount unit with a known path can start a service")
	}
	if slices.Contains(apiMounts, where) {
		return effect{wantedBy: []string{"sysinit.target"}, noDefaults: true}
	}
	name, err := unit.EscapePath(where)
	if err != nil {
		return none("the path is not normalized")
	}
	name += ".mount"
	if t.Event == "mounting" {
		return effect{wantedBy: []string{name}, before: []string{name}, noDefaults: true}
	}
	return effect{wantedBy: []string{name}, after: []string{name}}
}
