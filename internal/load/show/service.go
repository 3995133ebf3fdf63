// SPDX-License-Identifier: Apache-2.0

package show

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/rouse-init/rouse/internal/format/systemd"
	"github.com/rouse-init/rouse/internal/unit"
)

func (l *list) service(s *unit.Service) {
	l.add("Type", ServiceType(s.Type))
	l.add("ExitType", pick(int(s.ExitType), "main", "cgroup"))
	l.add("Restart", RestartPolicy(Restarts(s)))
	l.add("RestartMode", pick(int(s.RestartMode), "normal", "direct", "debug"))
	l.add("PIDFile", s.PIDFile)
	l.add("NotifyAccess", pick(int(s.NotifyAccess), "none", "main", "exec", "all"))
	l.span("RestartUSec", s.RestartSec)
	l.num("RestartSteps", int64(s.RestartSteps))
	l.span("RestartMaxDelayUSec", s.RestartMaxDelay)
	l.span("TimeoutStartUSec", s.TimeoutStart)
	l.span("TimeoutStopUSec", s.TimeoutStop)
	abort := s.TimeoutAbort
	if abort == 0 {
		abort = s.TimeoutStop
	}
	l.span("TimeoutAbortUSec", abort)
	l.add("TimeoutStartFailureMode", timeoutMode(s.StartFailure))
	l.add("TimeoutStopFailureMode", timeoutMode(s.StopFailure))
	l.span("RuntimeMaxUSec", s.RuntimeMax)
	l.span("RuntimeRandomizedExtraUSec", s.RuntimeExtra)
	l.span("WatchdogUSec", s.Watchdog)
	l.flag("RootDirectoryStartOnly", s.RootDirectoryStartOnly)
	l.flag("RemainAfterExit", s.RemainAfterExit)
	l.flag("GuessMainPID", s.GuessMainPID)
	l.add("RestartPreventExitStatus", exitSet(s.RestartPrevent))
	l.add("RestartForceExitStatus", exitSet(s.RestartForce))
	l.add("SuccessExitStatus", exitSet(s.SuccessExit))
	l.add("BusName", s.BusName)
	l.num("FileDescriptorStoreMax", int64(s.FDStoreMax))
	l.add("FileDescriptorStorePreserve", preserve(s.FDPreserve))
	for _, f := range s.OpenFile {
		l.add("OpenFile", openFile(f))
	}
	l.num("ReloadSignal", int64(s.ReloadSignal))
	l.add("OOMPolicy", pick(int(s.OOMPolicy), "stop", "continue", "kill"))
	l.commands(s.Commands, serviceLists)
	if s.Readiness == unit.ReadyListen {
		l.add("X-Readiness", "listen")
	}
	if t := s.Tiers; t != nil {
		l.span("X-IdleReclaimUSec", t.Reclaim)
		l.span("X-IdleStopUSec", t.Stop)
		l.span("X-IdleMinUpUSec", t.MinUp)
	}
	if s.IdleSec > 0 && s.IdleSec != unit.Infinity {
		l.span("X-IdleUSec", s.IdleSec)
		l.add("X-IdleAction", pick(int(s.IdleAction), "stop", "freeze"))
	}
	if s.IdleWhenUnneeded {
		l.flag("X-IdleWhenUnneeded", true)
	}
}

// commandList names the property of one phase.
type commandList struct {
	name  string
	phase unit.Phase
}

var serviceLists = []commandList{
	{"ExecCondition", unit.PhaseCondition},
	{"ExecStartPre", unit.PhaseStartPre},
	{"ExecStart", unit.PhaseStart},
	{"ExecStartPost", unit.PhaseStartPost},
	{"ExecReload", unit.PhaseReload},
	{"ExecStop", unit.PhaseStop},
	{"ExecStopPost", unit.PhaseStopPost},
	{"X-ExecSecurity", unit.PhaseSecurity},
	{"X-ExecPreStop", unit.PhasePreStop},
	{"X-IdleCommand", unit.PhaseIdle},
}

var socketLists = []commandList{
	{"ExecStartPre", unit.PhaseStartPre},
	{"ExecStartPost", unit.PhaseStartPost},
	{"ExecStopPre", unit.PhaseStop},
	{"ExecStopPost", unit.PhaseStopPost},
}

// commands prints each command twice: as systemd did first, and with all its
// flags ("…Ex").
func (l *list) commands(all []unit.Command, lists []commandList) {
	for _, cl := range lists {
		cmds := unit.Of(all, cl.phase)
		for i := range cmds {
			l.add(cl.name, Command(&cmds[i], false))
		}
		for i := range cmds {
			l.add(cl.name+"Ex", Command(&cmds[i], true))
		}
	}
}

// Command prints a command that has not run yet, as ExecStart= or, with ex,
// as ExecStartEx=.
func Command(c *unit.Command, ex bool) string {
	middle := "ignore_errors=" + pick(b2i(c.IgnoreFailure), "no", "yes")
	if ex {
		middle = "flags=" + strings.Join(CommandFlags(c), " ")
	}
	return fmt.Sprintf("{ path=%s ; argv[]=%s ; %s ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }",
		c.Path, strings.Join(c.Args, " "), middle)
}

// CommandFlags names the prefixes of a command, as ExecStartEx= does.
func CommandFlags(c *unit.Command) []string {
	var f []string
	if c.IgnoreFailure {
		f = append(f, "ignore-failure")
	}
	switch c.Privileged {
	case unit.PrivFull:
		f = append(f, "privileged")
	case unit.PrivNoUser:
		f = append(f, "no-setuid")
	case unit.PrivAmbient:
		f = append(f, "ambient")
	case unit.PrivNormal:
	}
	if c.NoEnv {
		f = append(f, "no-env-expand")
	}
	return f
}

func exitSet(s *unit.ExitSet) string {
	if s == nil {
		return ""
	}
	var w []string
	for _, c := range s.Codes {
		w = append(w, strconv.Itoa(int(c)))
	}
	for _, n := range s.Signals {
		w = append(w, strings.TrimPrefix(systemd.SignalName(n), "SIG"))
	}
	return strings.Join(w, " ")
}

func openFile(f unit.OpenFile) string {
	var opts []string
	for _, o := range []struct {
		on   bool
		name string
	}{{f.ReadOnly, "read-only"}, {f.Append, "append"}, {f.Truncate, "truncate"}, {f.Graceful, "graceful"}} {
		if o.on {
			opts = append(opts, o.name)
		}
	}
	s := f.Path + ":" + f.Name
	if len(opts) > 0 {
		s += ":" + strings.Join(opts, ",")
	}
	return s
}

func (l *list) kill(k *unit.Kill) {
	l.add("KillMode", pick(int(k.Mode), "control-group", "mixed", "process", "none"))
	l.num("KillSignal", int64(k.Signal))
	restart := k.RestartSignal
	if restart == 0 {
		restart = k.Signal
	}
	l.num("RestartKillSignal", int64(restart))
	l.num("FinalKillSignal", int64(k.FinalSignal))
	l.flag("SendSIGKILL", k.SendSIGKILL)
	l.flag("SendSIGHUP", k.SendSIGHUP)
	l.num("WatchdogSignal", int64(k.WatchdogSignal))
}
