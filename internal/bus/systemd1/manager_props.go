// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"math"
	"runtime"

	"github.com/rouse-init/rouse/internal/bus"
	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/engine"
)

// systemState is SystemState: a running manager with failed units is
// "degraded".
func (s *Service) systemState() string {
	state := s.be.Facts().State
	if state == "running" && s.count(failed) > 0 {
		return "degraded"
	}
	return state
}

func failed(v *engine.View) bool { return v.Active == engine.Failed }

func (s *Service) count(keep func(*engine.View) bool) uint32 {
	var n uint32
	s.be.Units(func(v *engine.View) bool {
		if keep(v) {
			n++
		}
		return true
	})
	return n
}

// architectures are systemd's names for those that rouse is built for.
var architectures = map[string]string{"amd64": "x86-64", "arm64": "arm64", "386": "x86", "arm": "arm", "riscv64": "riscv64", "ppc64le": "ppc64-le", "s390x": "s390x"}

func managerProps() []bus.Prop {
	on := func(f func(*Service, *wire.Encoder)) getter {
		return func(s any, e *wire.Encoder) { f(s.(*Service), e) }
	}
	facts := func(f func(*Facts, *wire.Encoder)) getter {
		return func(s any, e *wire.Encoder) {
			facts := s.(*Service).be.Facts()
			f(&facts, e)
		}
	}
	moment := func(name string, f func(*Facts) engine.Time) []bus.Prop {
		return []bus.Prop{
			one(name, "t", on(func(s *Service, e *wire.Encoder) {
				facts := s.be.Facts()
				e.Uint64(s.wall(f(&facts)))
			})),
			one(name+"Monotonic", "t", facts(func(x *Facts, e *wire.Encoder) { e.Uint64(uint64(f(x)) / 1000) })),
		}
	}
	props := []bus.Prop{
		// Clients parse the number: systemctl compares it with its own.
		one("Version", "s", facts(func(f *Facts, e *wire.Encoder) { e.String(f.Version) })),
		one("Features", "s", fixedText("-PAM -AUDIT -SELINUX -APPARMOR +SECCOMP default-hierarchy=unified")),
		one("Virtualization", "s", facts(func(f *Facts, e *wire.Encoder) { e.String(f.Virtualization) })),
		one("ConfidentialVirtualization", "s", fixedText("")),
		one("Architecture", "s", fixedText(architectures[runtime.GOARCH])),
		one("Tainted", "s", fixedText("")),
		asked("LogLevel", "s", fixedText("info")),
		asked("LogTarget", "s", fixedText("journal")),
		asked("NNames", "u", on(func(s *Service, e *wire.Encoder) { e.Uint32(s.count(func(*engine.View) bool { return true })) })),
		asked("NFailedUnits", "u", on(func(s *Service, e *wire.Encoder) { e.Uint32(s.count(failed)) })),
		asked("NJobs", "u", on(func(s *Service, e *wire.Encoder) { e.Uint32(uint32(len(s.be.Jobs()))) })),
		asked("NInstalledJobs", "u", facts(func(f *Facts, e *wire.Encoder) { e.Uint32(f.InstalledJobs) })),
		asked("NFailedJobs", "u", facts(func(f *Facts, e *wire.Encoder) { e.Uint32(f.FailedJobs) })),
		asked("Progress", "d", facts(func(f *Facts, e *wire.Encoder) {
			done := 0.0
			if f.FinishedAt != 0 {
				done = 1
			}
			e.Double(done)
		})),
		asked("Environment", "as", on(func(s *Service, e *wire.Encoder) { e.Strings(s.be.Environment()) })),
		asked("ShowStatus", "b", fixedFlag(false)),
		one("ConfirmSpawn", "b", fixedFlag(false)),
		one("UnitPath", "as", on(func(s *Service, e *wire.Encoder) { e.Strings(s.be.Files().Path()) })),
		one("DefaultStandardOutput", "s", facts(func(f *Facts, e *wire.Encoder) { e.String(f.DefaultStandardOutput) })),
		one("DefaultStandardError", "s", facts(func(f *Facts, e *wire.Encoder) { e.String(f.DefaultStandardError) })),
		asked("ServiceWatchdogs", "b", fixedFlag(true)),
		asked("ControlGroup", "s", facts(func(f *Facts, e *wire.Encoder) { e.String(f.ControlGroup) })),
		asked("SystemState", "s", on(func(s *Service, e *wire.Encoder) { e.String(s.systemState()) })),
		asked("ExitCode", "y", on(func(s *Service, e *wire.Encoder) { e.Byte(s.exit) })),
		one("DefaultTimerAccuracyUSec", "t", fixedU64(60_000_000)),
		one("DefaultTimeoutStartUSec", "t", facts(func(f *Facts, e *wire.Encoder) { e.Uint64(micros(f.DefaultTimeoutStart)) })),
		one("DefaultTimeoutStopUSec", "t", facts(func(f *Facts, e *wire.Encoder) { e.Uint64(micros(f.DefaultTimeoutStop)) })),
		one("DefaultTimeoutAbortUSec", "t", facts(func(f *Facts, e *wire.Encoder) { e.Uint64(micros(f.DefaultTimeoutAbort)) })),
		one("DefaultRestartUSec", "t", facts(func(f *Facts, e *wire.Encoder) { e.Uint64(micros(f.DefaultRestart)) })),
		one("DefaultStartLimitIntervalUSec", "t", facts(func(f *Facts, e *wire.Encoder) { e.Uint64(micros(f.DefaultStartLimitInterval)) })),
		one("DefaultStartLimitBurst", "u", facts(func(f *Facts, e *wire.Encoder) { e.Uint32(f.DefaultStartLimitBurst) })),
		one("DefaultTasksMax", "t", fixedU64(math.MaxUint64)),
		one("DefaultOOMPolicy", "s", fixedText("stop")),
	}
	props = append(props, moment("UserspaceTimestamp", func(f *Facts) engine.Time { return f.StartedAt })...)
	props = append(props, moment("UnitsLoadTimestamp", func(f *Facts) engine.Time { return f.StartedAt })...)
	props = append(props, moment("FinishTimestamp", func(f *Facts) engine.Time { return f.FinishedAt })...)
	props = append(props, managerAbsent()...)
	props = append(props, one("DefaultMemoryPressureWatch", "s", fixedText("off")), one("CtrlAltDelBurstAction", "s", fixedText("none")),
		one("TimerSlackNSec", "t", fixedU64(50_000)), one("DefaultOOMScoreAdjust", "i", zero("i")), one("SoftRebootsCount", "u", fixedU32(0)))
	for _, l := range limits {
		props = append(props,
			one("DefaultLimit"+l.name, "t", func(_ any, e *wire.Encoder) { _, hard := inheritedLimit(int(l.resource)); e.Uint64(hard) }),
			one("DefaultLimit"+l.name+"Soft", "t", func(_ any, e *wire.Encoder) { soft, _ := inheritedLimit(int(l.resource)); e.Uint64(soft) }))
	}
	return props
}

// managerAbsent are the settings and times that rouse has not.
func managerAbsent() []bus.Prop {
	var props []bus.Prop
	for _, name := range []string{
		"Firmware", "Loader", "Kernel", "InitRD", "ShutdownStart", "SecurityStart", "SecurityFinish", "GeneratorsStart", "GeneratorsFinish", "UnitsLoadStart", "UnitsLoadFinish",
		"InitRDSecurityStart", "InitRDSecurityFinish", "InitRDGeneratorsStart", "InitRDGeneratorsFinish", "InitRDUnitsLoadStart", "InitRDUnitsLoadFinish",
	} {
		props = append(props, zeros("t", name+"Timestamp", name+"TimestampMonotonic")...)
	}
	props = append(props, unknowns("RuntimeWatchdogUSec", "RuntimeWatchdogPreUSec", "RebootWatchdogUSec", "KExecWatchdogUSec", "DefaultDeviceTimeoutUSec", "DefaultMemoryPressureThresholdUSec")...)
	props = append(props, zeros("b", "DefaultCPUAccounting", "DefaultBlockIOAccounting", "DefaultIOAccounting", "DefaultIPAccounting", "DefaultMemoryAccounting", "DefaultTasksAccounting")...)
	props = append(props, zeros("s", "WatchdogDevice", "RuntimeWatchdogPreGovernor")...)
	props = append(props, zeros("t", "WatchdogLastPingTimestamp", "WatchdogLastPingTimestampMonotonic")...)
	return props
}
