// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

const serviceTypes = "simple exec forking oneshot dbus notify notify-reload idle"

func serviceTable() []Directive {
	flag := func(f func(*unit.Service) *bool) value { return boolean(func(b *build) *bool { return f(b.svc) }) }
	command := func(p unit.Phase) value { return value{"command lines", commands(p)} }
	exits := func(f func(*unit.Service) **unit.ExitSet) value {
		return value{"list of exit statuses and signals", func(b *build, v string) error { return b.exitSet(f(b.svc), v) }}
	}
	const usb = "no USB function is set up"
	return []Directive{
		key(inService, "Type", value{"one of " + strings.ReplaceAll(serviceTypes, " ", ", "), func(b *build, v string) error {
			list := strings.Fields(serviceTypes)
			i := lookup(list, v)
			if i < 0 {
				return notOneOf(v, list)
			}
			b.svc.Type, b.set.typ = unit.ServiceType(i), true
			return nil
		}}),
		key(inService, "ExitType", enum("main cgroup", func(b *build) *unit.ExitType { return &b.svc.ExitType })),
		key(inService, "Restart", enum("no on-success on-failure on-abnormal on-watchdog on-abort always",
			func(b *build) *unit.RestartPolicy { return &b.svc.Restart })),
		key(inService, "RestartMode", enum("normal direct debug", func(b *build) *unit.RestartMode { return &b.svc.RestartMode })),
		key(inService, "ExecCondition", command(unit.PhaseCondition)),
		key(inService, "ExecStartPre", command(unit.PhaseStartPre)),
		key(inService, "ExecStart", command(unit.PhaseStart)),
		key(inService, "ExecStartPost", command(unit.PhaseStartPost)),
		key(inService, "ExecReload", command(unit.PhaseReload)),
		key(inService, "ExecStop", command(unit.PhaseStop)),
		key(inService, "ExecStopPost", command(unit.PhaseStopPost)),
		key(inService, "PIDFile", value{"path", setPIDFile}),
		key(inService, "GuessMainPID", flag(func(s *unit.Service) *bool { return &s.GuessMainPID })),
		key(inService, "RemainAfterExit", flag(func(s *unit.Service) *bool { return &s.RemainAfterExit })),
		key(inService, "SuccessExitStatus", exits(func(s *unit.Service) **unit.ExitSet { return &s.SuccessExit })),
		key(inService, "RestartPreventExitStatus", exits(func(s *unit.Service) **unit.ExitSet { return &s.RestartPrevent })),
		key(inService, "RestartForceExitStatus", exits(func(s *unit.Service) **unit.ExitSet { return &s.RestartForce })),
		key(inService, "NotifyAccess", enum("none main exec all", func(b *build) *unit.NotifyAccess { return &b.svc.NotifyAccess })),
		key(inService, "Sockets", value{"list of sockets", setSockets}),
		key(inService, "FileDescriptorStoreMax", integer(0, 1<<32-1, func(b *build) *uint32 { return &b.svc.FDStoreMax })),
		key(inService, "FileDescriptorStorePreserve", value{"boolean or restart", func(b *build, v string) error {
			return setPreserve(&b.svc.FDPreserve, v)
		}}),
		key(inService, "OpenFile", value{"path:name:options", setOpenFile}),
		key(inService, "NonBlocking", flag(func(s *unit.Service) *bool { return &s.NonBlocking })),
		key(inService, "BusName", value{"bus name", setBusName}),
		key(inService, "ReloadSignal", signal(func(b *build) *uint8 { return &b.svc.ReloadSignal })),
		key(inService, "OOMPolicy", value{"one of stop, continue, kill", func(b *build, v string) error {
			err := enum("stop continue kill", func(b *build) *unit.OOMPolicy { return &b.svc.OOMPolicy }).set(b, v)
			b.set.oomPolicy = b.set.oomPolicy || err == nil
			return err
		}}),
		notYet(inService, "USBFunctionDescriptors", isPath, usb),
		notYet(inService, "USBFunctionStrings", isPath, usb),
		key(inService, "PermissionsStartOnly", flag(func(s *unit.Service) *bool { return &s.PermissionsStartOnly })),
		key(inService, "RootDirectoryStartOnly", flag(func(s *unit.Service) *bool { return &s.RootDirectoryStartOnly })),
		obsolete(inService, "SysVStartPriority", "order services with After= and Before="),
		obsolete(inService, "BusPolicy", "there is no kdbus"),
	}
}

// serviceTimeTable is the part of [Service] about time.
func serviceTimeTable() []Directive {
	wait := func(f func(*unit.Service) *time.Duration) value {
		return span(func(b *build) *time.Duration { return f(b.svc) })
	}
	timeoutMode := func(f func(*unit.Service) *unit.TimeoutMode) value {
		return enum("terminate abort kill", func(b *build) *unit.TimeoutMode { return f(b.svc) })
	}
	return []Directive{
		key(inService, "RestartSec", wait(func(s *unit.Service) *time.Duration { return &s.RestartSec })),
		key(inService, "RestartSteps", integer(0, 1<<32-1, func(b *build) *uint32 { return &b.svc.RestartSteps })),
		key(inService, "RestartMaxDelaySec", wait(func(s *unit.Service) *time.Duration { return &s.RestartMaxDelay })),
		key(inService, "TimeoutSec", timeouts(true, true)),
		key(inService, "TimeoutStartSec", timeouts(true, false)),
		key(inService, "TimeoutStopSec", timeouts(false, true)),
		key(inService, "TimeoutAbortSec", value{"time span", func(b *build, v string) error {
			if v == "" {
				b.svc.TimeoutAbort = 0
				return nil
			}
			return spanOrNever(func(b *build) *time.Duration { return &b.svc.TimeoutAbort }).set(b, v)
		}}),
		key(inService, "TimeoutStartFailureMode", timeoutMode(func(s *unit.Service) *unit.TimeoutMode { return &s.StartFailure })),
		key(inService, "TimeoutStopFailureMode", timeoutMode(func(s *unit.Service) *unit.TimeoutMode { return &s.StopFailure })),
		key(inService, "RuntimeMaxSec", wait(func(s *unit.Service) *time.Duration { return &s.RuntimeMax })),
		key(inService, "RuntimeRandomizedExtraSec", wait(func(s *unit.Service) *time.Duration { return &s.RuntimeExtra })),
		key(inService, "WatchdogSec", value{"time span", func(b *build, v string) error {
			d, err := parseSpan(v)
			if err == nil {
				b.svc.Watchdog = zeroIfNever(d)
			}
			return err
		}}),
	}
}

func serviceExtensions() []Directive {
	d := key(inService, "X-Readiness", enum("type listen hold", func(b *build) *unit.Readiness { return &b.svc.Readiness }))
	d.Default = "type"
	d.Doc = "What tells that the service has started, where Type= does not. `type`: as Type= says. " +
		"`listen`: the service called listen() on a socket that X-Handover=bind gave it. `hold`: as Type= says, and until then " +
		"accept() on such a socket finds nobody: for daemons that turn clients away while they start; each accept() costs a question to the manager."
	return slices.Concat([]Directive{d}, serviceIdle(), tierTable())
}

// serviceIdle are the keys of [Service] about sleep.
func serviceIdle() []Directive {
	sec := key(inService, "X-IdleSec", span(func(b *build) *time.Duration { return &b.svc.IdleSec }))
	sec.Default = "infinity"
	sec.Doc = "How long the service may be idle before it is put to sleep; docs/idleness.md says what idle means for each kind of service. " +
		"It holds for those of its sockets that have no X-IdleSec= of their own. `infinity`: only its sockets decide."
	action := key(inService, "X-IdleAction", enum("stop freeze", func(b *build) *unit.IdleAction { return &b.svc.IdleAction }))
	action.Default = "stop"
	action.Doc = "How it sleeps, as in [Socket]. `freeze` here or in one of its sockets holds for all of them."
	group := key(inService, "X-IdleWhenUnneeded", boolean(func(b *build) *bool { return &b.svc.IdleWhenUnneeded }))
	group.Default = "no"
	group.Doc = "The service is frozen as soon as every service that needs it (Requires=, Requisite=, Wants=, BindsTo=, Upholds=) sleeps or is down, " +
		"and thawed before the first of them goes on. X-IdleSec= is then the time between the two; the connections of its sockets must be silent for as long."
	judge := key(inService, "X-IdleCommand", value{"command lines", commands(unit.PhaseIdle)})
	judge.Default = "none"
	judge.Doc = "Asks whether the service is idle, every half of X-IdleSec= as long as nothing else says that it is not: exit status 0 for idle, 1 to 254 for busy, " +
		"anything else is a fault, which counts as busy. It runs as ExecCondition= does, at most 10 s, and changes nothing of the unit's state. " +
		"With it the service's use of the CPU does not count."
	return []Directive{sec, action, group, judge}
}

func timeouts(start, stop bool) value {
	return value{"time span, 0 or infinity for none", func(b *build, v string) error {
		var d time.Duration
		if err := spanOrNever(func(*build) *time.Duration { return &d }).set(b, v); err != nil {
			return err
		}
		if start {
			b.svc.TimeoutStart, b.set.timeoutStart = d, true
		}
		if stop {
			b.svc.TimeoutStop = d
		}
		return nil
	}}
}

func setPIDFile(b *build, v string) error {
	if v == "" {
		b.svc.PIDFile = ""
		return nil
	}
	s, err := b.expand(v)
	if err != nil {
		return fatal(err)
	}
	if s != "" && s[0] != '/' {
		dir, _ := b.opt.Facts.specifier('t', b.opt.User)
		s = dir + "/" + s
	}
	s, err = cleanPath(s)
	if err != nil {
		return fatal(err)
	}
	if strings.HasPrefix(s, "/var/run/") {
		b.warn(CodeObsolete, "PIDFile= is below the old directory /var/run, using /run instead", "write PIDFile="+s[4:])
		s = s[4:]
	}
	b.svc.PIDFile = s
	return nil
}

func (b *build) exitSet(place **unit.ExitSet, v string) error {
	if v == "" {
		*place = nil
		return nil
	}
	return b.words(v, unquote, func(w string) error {
		code, err := ParseExitStatus(w)
		isSignal := false
		if err != nil {
			sig, bad := ParseSignal(w)
			if bad != nil {
				return err
			}
			code, isSignal = sig, true
		}
		if *place == nil {
			*place = new(unit.ExitSet)
		}
		set := &(*place).Codes
		if isSignal {
			set = &(*place).Signals
		}
		if i, found := slices.BinarySearch(*set, code); !found {
			*set = slices.Insert(*set, i, code)
		}
		return nil
	})
}

func setSockets(b *build, v string) error {
	return b.words(v, unquote, func(w string) error {
		name, err := b.unitName(w)
		if err != nil {
			return err
		}
		if unit.KindOf(name) != unit.KindSocket {
			return errors.New("expected the name of a socket")
		}
		if !slices.Contains(b.svc.Sockets, name) {
			b.svc.Sockets = append(b.svc.Sockets, name)
		}
		return nil
	})
}

func setPreserve(place *unit.FDPreserve, v string) error {
	if v == "restart" {
		*place = unit.PreserveRestart
		return nil
	}
	yes, err := parseBool(v)
	switch {
	case err != nil:
		return errors.New("expected yes, no or restart")
	case yes:
		*place = unit.PreserveYes
	default:
		*place = unit.PreserveNo
	}
	return nil
}

// setOpenFile reads path[:name[:option,option]]; "\:" is a colon of the path.
func setOpenFile(b *build, v string) error {
	if v == "" {
		b.svc.OpenFile = nil
		return nil
	}
	var parts []string
	part := ""
	for i := 0; i < len(v); i++ {
		switch {
		case v[i] == '\\' && i+1 < len(v):
			i++
			part += v[i : i+1]
		case v[i] == ':' && len(parts) < 2:
			parts, part = append(parts, part), ""
		default:
			part += v[i : i+1]
		}
	}
	parts = append(parts, part)
	f := unit.OpenFile{Pos: b.pos()}
	var err error
	if f.Path, err = cleanPath(parts[0]); err != nil {
		return err
	}
	if len(parts) > 1 && parts[1] != "" {
		if f.Name = parts[1]; !validFDName(f.Name) {
			return errFDName
		}
	}
	if f.Name == "" {
		f.Name = f.Path[strings.LastIndexByte(f.Path, '/')+1:]
	}
	if len(parts) > 2 {
		for o := range strings.SplitSeq(parts[2], ",") {
			switch o {
			case "":
			case "read-only":
				f.ReadOnly = true
			case "append":
				f.Append = true
			case "truncate":
				f.Truncate = true
			case "graceful":
				f.Graceful = true
			default:
				return errors.New("expected the options read-only, append, truncate, graceful")
			}
		}
	}
	if f.ReadOnly && (f.Append || f.Truncate) || f.Append && f.Truncate {
		return errors.New("of read-only, append and truncate only one goes")
	}
	b.svc.OpenFile = append(b.svc.OpenFile, f)
	return nil
}

var errFDName = errors.New(`expected a name of up to 255 printable characters without ":"`)

func validFDName(s string) bool {
	if s == "" || len(s) > 255 {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 127 || s[i] == ':' {
			return false
		}
	}
	return true
}

// setBusName checks a well-known name as the D-Bus specification has it.
func setBusName(b *build, v string) error {
	if v == "" {
		b.svc.BusName = ""
		return nil
	}
	s, err := b.expand(v)
	if err != nil {
		return err
	}
	ok := len(s) <= 255 && strings.Contains(s, ".")
	for part := range strings.SplitSeq(s, ".") {
		ok = ok && part != "" && (part[0] < '0' || part[0] > '9')
		for i := range len(part) {
			c := part[i]
			ok = ok && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-')
		}
	}
	if !ok {
		return errors.New("expected a bus name such as org.example.Service")
	}
	b.svc.BusName = s
	return nil
}

func killTable() []Directive {
	k := func(f func(*unit.Kill) *uint8) value { return signal(func(b *build) *uint8 { return f(&b.kill) }) }
	return []Directive{
		key(inKill, "KillMode", enum("control-group mixed process none", func(b *build) *unit.KillMode { return &b.kill.Mode })),
		key(inKill, "KillSignal", k(func(k *unit.Kill) *uint8 { return &k.Signal })),
		key(inKill, "RestartKillSignal", k(func(k *unit.Kill) *uint8 { return &k.RestartSignal })),
		key(inKill, "SendSIGHUP", boolean(func(b *build) *bool { return &b.kill.SendSIGHUP })),
		key(inKill, "SendSIGKILL", boolean(func(b *build) *bool { return &b.kill.SendSIGKILL })),
		key(inKill, "FinalKillSignal", k(func(k *unit.Kill) *uint8 { return &k.FinalSignal })),
		key(inKill, "WatchdogSignal", k(func(k *unit.Kill) *uint8 { return &k.WatchdogSignal })),
	}
}
