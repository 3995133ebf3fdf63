// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"slices"
	"strings"

	"github.com/rouse-init/rouse/internal/format/upstart"
	"github.com/rouse-init/rouse/internal/unit"
)

// counterpart is what does on a systemd machine what a job of Ubuntu did.
type counterpart struct {
	unit string
	// early: it runs before basic.target, and so does what runs before it.
	early bool
	// event stands for the end of the job where no unit does.
	event string
}

// counterparts are the jobs of Ubuntu whose name on a systemd machine is
// another one; all others are taken for NAME.service.
var counterparts = map[string]counterpart{
	"mountall":            {event: "filesystem"},
	"mountall-net":        {event: "remote-filesystems"},
	"rcS":                 {unit: "rescue.target"},
	"udev":                {unit: "systemd-udevd.service", early: true},
	"udevtrigger":         {unit: "systemd-udev-trigger.service", early: true},
	"udev-finish":         {unit: "systemd-udev-settle.service", early: true},
	"procps":              {unit: "systemd-sysctl.service", early: true},
	"kmod":                {unit: "systemd-modules-load.service", early: true},
	"module-init-tools":   {unit: "systemd-modules-load.service", early: true},
	"hwclock":             {event: "startup"},
	"hostname":            {event: "startup"},
	"plymouth":            {unit: "plymouth-start.service", early: true},
	"cryptdisks":          {unit: "cryptsetup.target", early: true},
	"cryptdisks-enable":   {unit: "cryptsetup.target", early: true},
	"network-manager":     {unit: "NetworkManager.service"},
	"network-interface":   {event: "net-device-up"},
	"portmap":             {unit: "rpcbind.service"},
	"portmap-wait":        {unit: "rpcbind.service"},
	"statd":               {unit: "rpc-statd.service"},
	"gssd":                {unit: "rpc-gssd.service"},
	"idmapd":              {unit: "nfs-idmapd.service"},
	"gdm":                 {unit: "display-manager.service"},
	"kdm":                 {unit: "display-manager.service"},
	"lightdm":             {unit: "display-manager.service"},
	"apparmor":            {unit: "apparmor.service", early: true},
	"cloud-init-local":    {unit: "cloud-init-local.service", early: true},
	"friendly-recovery":   {unit: "friendly-recovery.service", early: true},
	"mounted-tmp":         {event: "local-filesystems"},
	"mounted-var":         {event: "local-filesystems"},
	"upstart-udev-bridge": {event: "startup"},
}

// unitOf is the unit of a job that an event or a command names.
func unitOf(job string) (string, bool) {
	if tty, ok := strings.CutPrefix(job, "tty"); ok && tty != "" && strings.Trim(tty, "0123456789") == "" {
		return "getty@" + job + ".service", true
	}
	name := job
	if unit.KindOf(job) == unit.KindInvalid {
		name = upstart.UnitName(job)
	}
	return name, job != "" && unit.ValidName(name)
}

// jobOf is the one job that a job event is about: the unit that is its
// counterpart, or an event in its place.
func (c *conversion) jobOf(t unit.Term) (cp counterpart, ok bool) {
	job := exact(t, "JOB", 0)
	if cp, ok := counterparts[job]; ok {
		return cp, true
	}
	if cp.unit, ok = unitOf(job); !ok {
		return cp, false
	}
	if m, named := match(t, "INSTANCE", 1); named && m.Value != "" {
		p := unit.Split(cp.unit)
		p.At = true
		switch p.Instance = c.instanceOr(m); p.Instance {
		case "":
			return cp, false
		case "%I":
			p.Instance = "%i"
		default:
			p.Instance = unit.Escape(p.Instance)
		}
		cp.unit = p.String()
	}
	return cp, true
}

// startOnJob is `start on` one of the four events of a job.
func (c *conversion) startOnJob(t unit.Term, none func(string) effect) effect {
	return c.onJob(t, none).unless(t, others(t, "JOB", "INSTANCE", "RESULT", "RUNLEVEL"))
}

// onJob is startOnJob but for the conditions that have no effect.
func (c *conversion) onJob(t unit.Term, none func(string) effect) effect {
	if job := exact(t, "JOB", 0); job == "rc" || job == "rc-sysinit" {
		return startOnRC(t, none)
	}
	cp, ok := c.jobOf(t)
	if !ok {
		return none("it does not name one job")
	}
	if cp.event != "" {
		if t.Event == "starting" {
			return effect{wantedBy: []string{"sysinit.target"}, before: []string{"local-fs-pre.target"}, wants: []string{"local-fs-pre.target"}, noDefaults: true}
		}
		if cp.event == "net-device-up" {
			return effect{wantedBy: []string{"multi-user.target"}, wants: []string{"network-online.target"}, after: []string{"network-online.target"}}
		}
		return bootEvents[cp.event]
	}
	by := []string{cp.unit}
	if failed(t) {
		return none("the nearest is OnFailure= in " + cp.unit + ", which starts a unit after every failure and tells it $MONITOR_EXIT_STATUS")
	}
	switch t.Event {
	case "starting":
		return effect{wantedBy: by, before: by, noDefaults: cp.early}
	case "stopping":
		return none("nothing is started before another unit stops; the nearest is ExecStop= in " + cp.unit)
	}
	// "stopped" most often means a task: After= waits until a oneshot is done.
	return effect{wantedBy: by, after: by}
}

// startOnRC is `start on` an event of the job that runs the scripts of a
// runlevel.
func startOnRC(t unit.Term, none func(string) effect) effect {
	level := unit.Term{Event: "runlevel", Pos: t.Pos}
	if m, ok := match(t, "RUNLEVEL", -1); ok {
		level.Match = []unit.Match{m}
	} else {
		level.Match = []unit.Match{{Key: "RUNLEVEL", Value: "[2345]"}}
	}
	e := startOnRunlevel(level, none)
	if t.Event == "stopped" && slices.Contains(e.wantedBy, "multi-user.target") {
		e.after = append(e.after, "rc-local.service")
	}
	return e
}

// failed tells whether an event is meant only where the job has failed.
func failed(t unit.Term) bool {
	for _, m := range t.Match {
		switch m.Key {
		case "RESULT":
			return !m.Negate && m.Value == "failed" || m.Negate && m.Value == "ok"
		case "EXIT_SIGNAL", "EXIT_STATUS", "PROCESS":
			return true
		}
	}
	return false
}
