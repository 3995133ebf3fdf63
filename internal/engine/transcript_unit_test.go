// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// enums gives the names of the values of the model's enumerations, in order.
var enums = map[reflect.Type][]string{
	reflect.TypeFor[unit.ServiceType]():   {"simple", "exec", "forking", "oneshot", "dbus", "notify", "notify-reload", "idle"},
	reflect.TypeFor[unit.ExitType]():      {"main", "cgroup"},
	reflect.TypeFor[unit.RestartPolicy](): {"no", "on-success", "on-failure", "on-abnormal", "on-watchdog", "on-abort", "always"},
	reflect.TypeFor[unit.RestartMode]():   {"normal", "direct", "debug"},
	reflect.TypeFor[unit.NotifyAccess]():  {"none", "main", "exec", "all"},
	reflect.TypeFor[unit.TimeoutMode]():   {"terminate", "abort", "kill"},
	reflect.TypeFor[unit.OOMPolicy]():     {"stop", "continue", "kill"},
	reflect.TypeFor[unit.FDPreserve]():    {"restart", "no", "yes"},
	reflect.TypeFor[unit.Readiness]():     {"type", "listen"},
	reflect.TypeFor[unit.KillMode]():      {"control-group", "mixed", "process", "none"},
	reflect.TypeFor[unit.IdleAction]():    {"stop", "freeze"},
	reflect.TypeFor[unit.Handover]():      {"pass", "stdio", "bind", "both", "bridge"},
	reflect.TypeFor[unit.CollectMode]():   {"inactive", "inactive-or-failed"},
	reflect.TypeFor[unit.Format]():        {"systemd", "upstart", "inetd", "xinetd", "launchd"},
	reflect.TypeFor[unit.LoadState]():     {"loaded", "not-found", "bad-setting", "error", "masked", "stub"},
	reflect.TypeFor[unit.JobMode](): {
		"replace", "fail", "replace-irreversibly", "isolate", "flush", "ignore-dependencies",
		"ignore-requirements", "triggering", "restart-dependencies",
	},
	reflect.TypeFor[unit.Action](): {
		"none", "reboot", "reboot-force", "reboot-immediate", "poweroff", "poweroff-force", "poweroff-immediate",
		"exit", "exit-force", "soft-reboot", "soft-reboot-force", "kexec", "kexec-force", "halt", "halt-force", "halt-immediate",
	},
}

var depKinds = map[string]unit.DepKind{
	"Requires": unit.Requires, "Requisite": unit.Requisite, "Wants": unit.Wants, "BindsTo": unit.BindsTo,
	"PartOf": unit.PartOf, "Upholds": unit.Upholds, "Conflicts": unit.Conflicts, "Before": unit.Before,
	"After": unit.After, "OnFailure": unit.OnFailure, "OnSuccess": unit.OnSuccess,
	"PropagatesReloadTo": unit.PropagatesReloadTo, "ReloadPropagatedFrom": unit.ReloadPropagatedFrom,
	"PropagatesStopTo": unit.PropagatesStopTo, "StopPropagatedFrom": unit.StopPropagatedFrom,
	"Triggers": unit.Triggers, "BoundBy": unit.BoundBy,
}

var tierKeys = map[string]string{"X-IdleReclaimSec": "Reclaim", "X-IdleStopSec": "Stop", "X-IdleMinUpSec": "MinUp"}

var ceilingKeys = map[string]string{"X-RunningMax": "Running", "X-RunningMemory": "Memory"}

var phases = map[string]unit.Phase{
	"ExecCondition": unit.PhaseCondition, "ExecStartPre": unit.PhaseStartPre, "ExecStart": unit.PhaseStart,
	"ExecStartPost": unit.PhaseStartPost, "ExecReload": unit.PhaseReload, "ExecStop": unit.PhaseStop,
	"ExecStopPre": unit.PhaseStop, "ExecStopPost": unit.PhaseStopPost, "X-IdleCommand": unit.PhaseIdle,
}

// newUnit is a unit of the given name with systemd's defaults.
func newUnit(name string) *unit.Unit {
	u := &unit.Unit{
		Name: name, Kind: kindOf(name), DefaultDependencies: true, OnSuccessJobMode: unit.ModeFail,
		StartLimitInterval: 10 * time.Second, StartLimitBurst: 5, FailureActionExit: -1, SuccessActionExit: -1,
	}
	kill := unit.Kill{Signal: 15, FinalSignal: 9, WatchdogSignal: 6, SendSIGKILL: true}
	switch u.Kind {
	case unit.KindService:
		u.Service = &unit.Service{
			GuessMainPID: true, RestartSec: 100 * time.Millisecond, RestartMaxDelay: unit.Infinity,
			TimeoutStart: 90 * time.Second, TimeoutStop: 90 * time.Second, RuntimeMax: unit.Infinity,
			ReloadSignal: 1, Kill: kill, Exec: &unit.Exec{},
		}
	case unit.KindSocket:
		u.Socket = &unit.Socket{
			IdleSec: unit.Infinity, Backlog: 1<<32 - 1, MaxConnections: 64, Timeout: 90 * time.Second,
			TriggerInterval: 2 * time.Second, PollInterval: 2 * time.Second, Kill: kill, Exec: &unit.Exec{},
		}
	}
	return u
}

// parseUnit reads the lines of a unit in a transcript. Keys are those of unit
// files, where the model has a field of that name with or without "Sec".
func parseUnit(t *testing.T, name string, lines []string) *unit.Unit {
	t.Helper()
	u := newUnit(name)
	noStart := false
	for _, line := range lines {
		k, val, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok {
			t.Fatalf("%s: cannot read %q", name, line)
		}
		if k == "NoExecStart" {
			noStart = true
			continue
		}
		setKey(t, u, k, val)
	}
	if s := u.Service; s != nil {
		if len(unit.Of(s.Commands, unit.PhaseStart)) == 0 && !noStart {
			s.Commands = append(s.Commands, unit.Command{Phase: unit.PhaseStart, Path: "/main", Args: []string{"/main"}})
		}
		if s.NotifyAccess == unit.NotifyNone && (s.Type == unit.TypeNotify || s.Type == unit.TypeNotifyReload || s.Watchdog > 0) {
			s.NotifyAccess = unit.NotifyMain
		}
		slices.SortStableFunc(s.Commands, func(a, b unit.Command) int { return int(a.Phase) - int(b.Phase) })
	}
	if s := u.Socket; s != nil {
		finishSocket(u)
		slices.SortStableFunc(s.Commands, func(a, b unit.Command) int { return int(a.Phase) - int(b.Phase) })
	}
	return u
}

// finishSocket adds what a loader derives for socket units.
func finishSocket(u *unit.Unit) {
	s := u.Socket
	if s.Service == "" && !s.Accept {
		s.Service = strings.TrimSuffix(u.Name, ".socket") + ".service"
	}
	trigger, poll := uint32(20), uint32(15)
	if s.Accept {
		trigger, poll = 200, 150
	}
	if s.TriggerBurst == 0 {
		s.TriggerBurst = trigger
	}
	if s.PollBurst == 0 {
		s.PollBurst = poll
	}
	if s.MemberOf != "" {
		u.Deps = append(u.Deps, unit.Dep{Kind: unit.PartOf, Implicit: true, Name: s.MemberOf})
	}
	if s.Service != "" && s.Distribute == 0 {
		u.Deps = append(u.Deps,
			unit.Dep{Kind: unit.Triggers, Implicit: true, Name: s.Service},
			unit.Dep{Kind: unit.Before, Implicit: true, Name: s.Service})
	}
}

func setKey(t *testing.T, u *unit.Unit, k, val string) {
	t.Helper()
	if d, ok := depKinds[k]; ok {
		for _, n := range strings.Fields(val) {
			u.Deps = append(u.Deps, unit.Dep{Kind: d, Name: n})
		}
		return
	}
	if k == "ListenStream" {
		u.Socket.Listens = append(u.Socket.Listens, unit.Listen{Kind: unit.ListenStream, Address: val})
		return
	}
	if p, ok := phases[k]; ok {
		c := unit.Command{Phase: p}
		val, c.IgnoreFailure = strings.CutPrefix(val, "-")
		c.Args = strings.Fields(val)
		c.Path = c.Args[0]
		if u.Service != nil {
			u.Service.Commands = append(u.Service.Commands, c)
		} else {
			u.Socket.Commands = append(u.Socket.Commands, c)
		}
		return
	}
	for _, prefix := range []string{"Condition", "Assert"} {
		if typ, ok := strings.CutPrefix(k, prefix); ok {
			u.Conditions = append(u.Conditions, unit.Condition{Type: typ, Arg: val, Assert: prefix == "Assert"})
			return
		}
	}
	if to, ok := tierKeys[k]; ok {
		if u.Service.Tiers == nil {
			u.Service.Tiers = &unit.Tiers{Reclaim: unit.Infinity, Stop: unit.Infinity}
		}
		setField(t, reflect.ValueOf(u.Service.Tiers).Elem().FieldByName(to), val)
		return
	}
	if to, ok := ceilingKeys[k]; ok {
		if u.Ceiling == nil {
			u.Ceiling = &unit.Ceiling{}
		}
		setField(t, reflect.ValueOf(u.Ceiling).Elem().FieldByName(to), val)
		return
	}
	for key, to := range map[string]string{
		"SuccessExitStatus": "SuccessExit", "RestartPreventExitStatus": "RestartPrevent",
		"RestartForceExitStatus": "RestartForce", "KillMode": "Mode", "KillSignal": "Signal",
		"RestartKillSignal": "RestartSignal", "FinalKillSignal": "FinalSignal", "X-IdleSec": "IdleSec",
		"X-IdleAction": "IdleAction", "X-Readiness": "Readiness", "TimeoutStartFailureMode": "StartFailure",
		"TimeoutStopFailureMode": "StopFailure", "MaxConnectionsPerSource": "MaxPerSource",
		"FileDescriptorStorePreserve": "FDPreserve", "FileDescriptorStoreMax": "FDStoreMax", "LoadState": "Load",
	} {
		if k == key {
			k = to
		}
	}
	places := []reflect.Value{reflect.ValueOf(u).Elem()}
	if u.Service != nil {
		places = append(places, reflect.ValueOf(u.Service).Elem(), reflect.ValueOf(&u.Service.Kill).Elem())
	}
	if u.Socket != nil {
		places = append(places, reflect.ValueOf(u.Socket).Elem(), reflect.ValueOf(&u.Socket.Kill).Elem())
	}
	for _, name := range []string{k, strings.TrimSuffix(k, "Sec")} {
		for _, p := range places {
			if f := p.FieldByName(name); f.IsValid() && f.Kind() != reflect.Struct &&
				!(f.Kind() == reflect.Pointer && f.Type() != reflect.TypeFor[*unit.ExitSet]()) {
				setField(t, f, val)
				return
			}
		}
	}
	t.Fatalf("%s: no such key: %s", u.Name, k)
}

// parseExitSet reads codes and signals: "1 3 SIGTERM"; signals by number, as "s15".
func parseExitSet(t *testing.T, s string) *unit.ExitSet {
	t.Helper()
	set := &unit.ExitSet{}
	for _, w := range strings.Fields(s) {
		num, signal := strings.CutPrefix(w, "s")
		n, err := strconv.ParseUint(num, 10, 8)
		if err != nil {
			t.Fatal(err)
		}
		if signal {
			set.Signals = append(set.Signals, uint8(n))
		} else {
			set.Codes = append(set.Codes, uint8(n))
		}
	}
	slices.Sort(set.Codes)
	slices.Sort(set.Signals)
	return set
}
