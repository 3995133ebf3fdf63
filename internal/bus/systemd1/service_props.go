// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"time"

	"github.com/rouse-init/rouse/internal/bus"
	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/unit"
)

func serviceInterface() *bus.Interface {
	srv := (*object).service
	props := []bus.Prop{
		one("Type", "s", text(func(o *object) string { return word(serviceTypes[:], srv(o).Type) })),
		one("ExitType", "s", text(func(o *object) string { return word(exitTypes[:], srv(o).ExitType) })),
		one("Restart", "s", text(func(o *object) string { return word(restarts[:], srv(o).Restart) })),
		one("RestartMode", "s", text(func(o *object) string { return word(restartModes[:], srv(o).RestartMode) })),
		one("PIDFile", "s", text(func(o *object) string { return srv(o).PIDFile })),
		one("NotifyAccess", "s", text(func(o *object) string { return word(notifyAccess[:], srv(o).NotifyAccess) })),
		one("RestartUSec", "t", span(func(o *object) time.Duration { return srv(o).RestartSec })),
		one("RestartSteps", "u", u32(func(o *object) uint32 { return srv(o).RestartSteps })),
		one("RestartMaxDelayUSec", "t", span(func(o *object) time.Duration { return srv(o).RestartMaxDelay })),
		one("TimeoutStartUSec", "t", span(func(o *object) time.Duration { return srv(o).TimeoutStart })),
		one("TimeoutStopUSec", "t", span(func(o *object) time.Duration { return srv(o).TimeoutStop })),
		one("TimeoutAbortUSec", "t", span(func(o *object) time.Duration {
			if srv(o).TimeoutAbort == 0 {
				return srv(o).TimeoutStop
			}
			return srv(o).TimeoutAbort
		})),
		one("TimeoutStartFailureMode", "s", text(func(o *object) string { return word(timeoutModes[:], srv(o).StartFailure) })),
		one("TimeoutStopFailureMode", "s", text(func(o *object) string { return word(timeoutModes[:], srv(o).StopFailure) })),
		one("RuntimeMaxUSec", "t", span(func(o *object) time.Duration { return srv(o).RuntimeMax })),
		one("RuntimeRandomizedExtraUSec", "t", span(func(o *object) time.Duration { return srv(o).RuntimeExtra })),
		one("WatchdogUSec", "t", span(func(o *object) time.Duration { return srv(o).Watchdog })),
		one("RootDirectoryStartOnly", "b", flag(func(o *object) bool { return srv(o).RootDirectoryStartOnly })),
		one("RemainAfterExit", "b", flag(func(o *object) bool { return srv(o).RemainAfterExit })),
		one("GuessMainPID", "b", flag(func(o *object) bool { return srv(o).GuessMainPID })),
		one("NonBlocking", "b", flag(func(o *object) bool { return srv(o).NonBlocking })),
		one("RestartPreventExitStatus", "(aiai)", exitSet(func(s *unit.Service) *unit.ExitSet { return s.RestartPrevent })),
		one("RestartForceExitStatus", "(aiai)", exitSet(func(s *unit.Service) *unit.ExitSet { return s.RestartForce })),
		one("SuccessExitStatus", "(aiai)", exitSet(func(s *unit.Service) *unit.ExitSet { return s.SuccessExit })),
		one("BusName", "s", text(func(o *object) string { return srv(o).BusName })),
		one("FileDescriptorStoreMax", "u", u32(func(o *object) uint32 { return srv(o).FDStoreMax })),
		asked("NFileDescriptorStore", "u", u32(func(o *object) uint32 { return o.uses().StoredFDs })),
		one("FileDescriptorStorePreserve", "s", text(func(o *object) string { return word(preserveModes[:], srv(o).FDPreserve) })),
		one("OOMPolicy", "s", text(func(o *object) string { return word(oomPolicies[:], srv(o).OOMPolicy) })),
		one("ReloadSignal", "i", i32(func(o *object) int32 { return int32(srv(o).ReloadSignal) })),
		one("OpenFile", "a(sst)", openFiles),
	}
	props = append(props, serviceState()...)
	commands := func(o *object) []unit.Command { return o.service().Commands }
	for p := unit.PhaseCondition; p <= unit.PhaseStopPost; p++ {
		props = append(props, command(phaseNames[p], p, commands, false), command(phaseNames[p]+"Ex", p, commands, true))
	}
	props = append(props, cgroupProps()...)
	props = append(props, execProps(func(o *object) *unit.Exec { return o.service().Exec })...)
	props = append(props, killProps(func(o *object) *unit.Kill { return &o.service().Kill })...)
	props = append(props, zeros("s", "StatusBusError", "StatusVarlinkError", "USBFunctionDescriptors", "USBFunctionStrings")...)
	for _, name := range []string{"ReloadResult", "CleanResult", "LiveMountResult"} {
		props = append(props, one(name, "s", fixedText("success")))
	}
	props = append(props, zeros("t", "WatchdogTimestamp", "WatchdogTimestampMonotonic")...)
	props = append(props, zeros("as", "ExtraFileDescriptorNames")...)
	return &bus.Interface{Name: Name + ".Service", Methods: processMethods(), Props: props}
}

var phaseNames = [unit.PhaseStopPost + 1]string{"ExecCondition", "ExecStartPre", "ExecStart", "ExecStartPost", "ExecReload", "ExecStop", "ExecStopPost"}

// serviceState is what changes while the service lives.
func serviceState() []bus.Prop {
	props := []bus.Prop{
		live("MainPID", "u", u32(func(o *object) uint32 { return uint32(o.view.MainPid) })),
		live("ControlPID", "u", u32(func(o *object) uint32 { return uint32(o.view.ControlPid) })),
		live("StatusText", "s", text(func(o *object) string { return o.view.StatusText })),
		live("StatusErrno", "i", i32(func(o *object) int32 { return o.view.StatusErrno })),
		live("Result", "s", text(func(o *object) string { return orElse(o.view.Result, "success") })),
		live("NRestarts", "u", u32(func(o *object) uint32 { return o.view.NRestarts })),
		live("ExecMainPID", "u", u32(func(o *object) uint32 { return uint32(o.view.LastMainPid) })),
		live("ExecMainCode", "i", i32(func(o *object) int32 { return int32(o.view.MainCode) })),
		live("ExecMainStatus", "i", i32(func(o *object) int32 { return int32(o.view.MainStatus) })),
		asked("UID", "u", fixedU32(1<<32-1)),
		asked("GID", "u", fixedU32(1<<32-1)),
		asked("RestartUSecNext", "t", span(func(o *object) time.Duration { return o.service().RestartSec })),
	}
	props = append(props, stamps("ExecMainStartTimestamp", bus.ChangeTrue, func(v *engine.View) engine.Time { return v.MainStart })...)
	props = append(props, stamps("ExecMainHandoffTimestamp", bus.ChangeTrue, func(v *engine.View) engine.Time { return v.MainStart })...)
	return append(props, stamps("ExecMainExitTimestamp", bus.ChangeTrue, func(v *engine.View) engine.Time { return v.MainExit })...)
}

func exitSet(f func(*unit.Service) *unit.ExitSet) getter {
	return func(s any, e *wire.Encoder) {
		set := f(s.(*object).service())
		if set == nil {
			set = &unit.ExitSet{}
		}
		e.Struct()
		for _, list := range [][]uint8{set.Codes, set.Signals} {
			m := e.Array('i')
			for _, v := range list {
				e.Int32(int32(v))
			}
			e.End(m)
		}
	}
}

// The flags of OpenFile= on the bus.
const (
	openReadOnly = 1 << iota
	openAppend
	openTruncate
	openGraceful
)

func openFiles(s any, e *wire.Encoder) {
	m := e.Array('(')
	for _, f := range s.(*object).service().OpenFile {
		var flags uint64
		for i, on := range []bool{f.ReadOnly, f.Append, f.Truncate, f.Graceful} {
			if on {
				flags |= openReadOnly << i
			}
		}
		e.Struct()
		e.String(f.Path)
		e.String(f.Name)
		e.Uint64(flags)
	}
	e.End(m)
}

// command is the property of one list of commands, in the old form with one
// flag or, ex, with all prefixes in words. How its last run went is known of
// the main process only.
func command(name string, p unit.Phase, list func(*object) []unit.Command, ex bool) bus.Prop {
	sig := "a(sasbttttuii)"
	if ex {
		sig = "a(sasasttttuii)"
	}
	return asked(name, sig, func(s any, e *wire.Encoder) {
		o := s.(*object)
		m := e.Array('(')
		for i, c := range unit.Of(list(o), p) {
			e.Struct()
			e.String(c.Path)
			e.Strings(c.Args)
			if ex {
				e.Strings(commandFlags(&c))
			} else {
				e.Bool(c.IgnoreFailure)
			}
			v := engine.View{}
			if p == unit.PhaseStart && i == 0 {
				v = o.view
			}
			e.Uint64(o.svc.wall(v.MainStart))
			e.Uint64(uint64(v.MainStart) / 1000)
			e.Uint64(o.svc.wall(v.MainExit))
			e.Uint64(uint64(v.MainExit) / 1000)
			e.Uint32(uint32(v.MainPid))
			e.Int32(int32(v.MainCode))
			e.Int32(int32(v.MainStatus))
		}
		e.End(m)
	})
}

func commandFlags(c *unit.Command) []string {
	var flags []string
	if c.IgnoreFailure {
		flags = append(flags, "ignore-failure")
	}
	switch c.Privileged {
	case unit.PrivNormal:
	case unit.PrivFull:
		flags = append(flags, "privileged")
	case unit.PrivNoUser:
		flags = append(flags, "no-setuid")
	case unit.PrivAmbient:
		flags = append(flags, "ambient")
	}
	if c.NoEnv {
		flags = append(flags, "no-env-expand")
	}
	return flags
}

func killProps(k func(*object) *unit.Kill) []bus.Prop {
	return []bus.Prop{
		one("KillMode", "s", text(func(o *object) string { return word(killModes[:], k(o).Mode) })),
		one("KillSignal", "i", i32(func(o *object) int32 { return int32(k(o).Signal) })),
		one("RestartKillSignal", "i", i32(func(o *object) int32 {
			if k(o).RestartSignal == 0 {
				return int32(k(o).Signal)
			}
			return int32(k(o).RestartSignal)
		})),
		one("FinalKillSignal", "i", i32(func(o *object) int32 { return int32(k(o).FinalSignal) })),
		one("WatchdogSignal", "i", i32(func(o *object) int32 { return int32(k(o).WatchdogSignal) })),
		one("SendSIGKILL", "b", flag(func(o *object) bool { return k(o).SendSIGKILL })),
		one("SendSIGHUP", "b", flag(func(o *object) bool { return k(o).SendSIGHUP })),
	}
}
