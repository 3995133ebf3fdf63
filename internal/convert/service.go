// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"slices"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/systemd"
	"github.com/rouse-init/rouse/internal/unit"
)

// defaultKillTimeout is what init(5) gives a job to end; systemd's own
// default is 90 s, so it is always written.
const defaultKillTimeout = 5 * time.Second

// serviceSection writes [Service].
func (c *conversion) serviceSection(start effect) {
	s := &c.service
	c.readiness(start)
	c.identity()
	c.environment(start)
	c.commands()
	c.restart()
	c.ending()
	c.console()
	c.resources()
	c.scripts(start)
	if len(s.lines) == 0 {
		s.set("Type", "exec")
	}
}

func (c *conversion) stanza(what, why string) {
	c.note(&c.service, diag.Pos{File: c.u.Fragment}, what, why)
}

// readiness writes Type= and what goes with it.
func (c *conversion) readiness(start effect) {
	s := &c.service
	expect := c.job.Expect
	main := len(unit.Of(c.svc.Commands, unit.PhaseStart)) > 0
	switch {
	case !main:
		s.set("Type", "oneshot")
		s.set("RemainAfterExit", "yes")
		return
	case c.job.Task:
		s.set("Type", "oneshot")
		if expect != unit.ExpectNone {
			c.stanza("expect in a task", "Type=oneshot is done when its first process ends, what that leaves running is not waited for")
		}
		return
	case c.svc.BusName != "":
		s.set("Type", "dbus")
		s.set("BusName", c.svc.BusName)
		c.busActivation()
		return
	case expect.Forks() > 0:
		s.set("Type", "forking")
		s.comment("If the daemon writes a PID file, PIDFile= spares systemd the guess.")
	case start.idle:
		s.set("Type", "idle")
	default:
		s.set("Type", "exec")
	}
	if expect == unit.ExpectListen {
		c.stanza("expect listen", "systemd does not see listen(); Type=notify where the daemon can say it")
	}
	if len(unit.Of(c.svc.Commands, unit.PhaseStartPre))+len(unit.Of(c.svc.Commands, unit.PhaseStartPost)) > 0 {
		s.set("TimeoutStartSec", "infinity")
	}
}

func (c *conversion) busActivation() {
	dir := "/usr/share/dbus-1/system-services/"
	if c.job.SessionBus {
		dir = "/usr/share/dbus-1/services/"
	}
	c.service.comment("A message to the name starts it if " + dir + c.svc.BusName + ".service has SystemdService=dbus-" + c.svc.BusName + ".service")
}

// restart writes what becomes of respawn and normal exit.
func (c *conversion) restart() {
	s := &c.service
	if c.job.Respawn && len(unit.Of(c.svc.Commands, unit.PhaseStart)) > 0 {
		if c.job.Task {
			s.set("Restart", "on-failure")
			c.stanza("respawn in a task", "whoever starts it waits for the first run only, not for the one that succeeds")
		} else {
			s.set("Restart", "always")
		}
		// 0.1 s, the default of systemd, would keep a fast limit from being met.
		if n := c.job.RespawnCount; n > 0 && c.job.RespawnInterval < time.Duration(n)*200*time.Millisecond {
			s.set("RestartSec", "0")
		}
	}
	if normal := exits(c.job.NormalExit); normal != "" {
		s.set("SuccessExitStatus", normal)
		if c.job.Respawn {
			s.set("RestartPreventExitStatus", normal)
		}
	}
}

func exits(set *unit.ExitSet) string {
	if set == nil {
		return ""
	}
	var out []string
	for _, code := range set.Codes {
		out = append(out, decimal(uint64(code)))
	}
	for _, sig := range set.Signals {
		out = append(out, systemd.SignalName(sig))
	}
	return strings.Join(out, " ")
}

// ending writes how the service is stopped.
func (c *conversion) ending() {
	s := &c.service
	if sig := c.svc.Kill.Signal; sig != 0 && sig != sigTerm {
		s.set("KillSignal", systemd.SignalName(sig))
	}
	switch t := c.svc.TimeoutStop; {
	case t < time.Millisecond:
		s.set("TimeoutStopSec", "1ms") // 0 would be no limit
	case t == unit.Infinity:
		s.set("TimeoutStopSec", "infinity")
	default:
		s.set("TimeoutStopSec", unit.FormatTimespan(t))
	}
	if t := c.svc.TimeoutStop; t <= defaultKillTimeout && len(unit.Of(c.svc.Commands, unit.PhasePreStop))+len(unit.Of(c.svc.Commands, unit.PhaseStopPost)) > 0 {
		s.comment("This limits ExecStop= and ExecStopPost= too; pre-stop and post-stop had no limit.")
	}
	// Upstart gives its jobs the signals as a login shell has them.
	s.set("IgnoreSIGPIPE", "no")
}

// sigTerm is the number of the default KillSignal=.
const sigTerm = 15

// console writes where the output goes: "log" is the journal, the default,
// and the default TTYPath= is /dev/console.
func (c *conversion) console() {
	s := &c.service
	switch c.job.Console {
	case "none":
		s.set("StandardOutput", "null")
		s.set("StandardError", "null")
	case "output":
		s.set("StandardOutput", "tty")
		s.set("StandardError", "tty")
	case "owner":
		s.set("StandardInput", "tty-force")
		s.set("StandardOutput", "inherit")
		s.set("StandardError", "inherit")
	}
	if c.job.Debug {
		c.stanza("debug", "systemd does not stop a service before it starts; try GDB's follow-fork-mode")
	}
}

// limitNames are the resources by the kernel's number.
var limitNames = [...]string{
	"LimitCPU", "LimitFSIZE", "LimitDATA", "LimitSTACK", "LimitCORE", "LimitRSS", "LimitNPROC", "LimitNOFILE",
	"LimitMEMLOCK", "LimitAS", "LimitLOCKS", "LimitSIGPENDING", "LimitMSGQUEUE", "LimitNICE", "LimitRTPRIO", "LimitRTTIME",
}

// resources writes limits and what the kernel gives the service.
func (c *conversion) resources() {
	s, x := &c.service, c.svc.Exec
	if x == nil {
		return
	}
	if x.Nice != nil {
		s.set("Nice", signed(int64(*x.Nice)))
	}
	if x.OOMScoreAdjust != nil {
		s.set("OOMScoreAdjust", signed(int64(*x.OOMScoreAdjust)))
	}
	for _, l := range x.Limits {
		if int(l.Resource) >= len(limitNames) {
			continue
		}
		value := limit(l.Soft)
		if l.Hard != l.Soft {
			value += ":" + limit(l.Hard)
		}
		s.set(limitNames[l.Resource], value)
	}
	if p := c.job.AppArmorSwitch; p != "" {
		if strings.Contains(p, "$") {
			c.stanza("apparmor switch "+p, "AppArmorProfile= knows no variables")
		} else {
			s.set("AppArmorProfile", escapeText(p))
		}
	}
	for _, g := range c.job.Cgroups {
		words := slices.DeleteFunc([]string{"cgroup", g.Controller, g.Name, g.Key, g.Value}, func(w string) bool { return w == "" })
		c.stanza(strings.Join(words, " "), "the unit has a cgroup of its own; see systemd.resource-control(5) for its settings")
	}
}
