// SPDX-License-Identifier: Apache-2.0

package systemd

import "github.com/rouse-init/rouse/internal/unit"

// legacyResourceTable is the rest of systemd.resource-control(5): what has
// no place in a cgroup of version 2, and what rouse does not do yet.
func legacyResourceTable() []Directive {
	weight := isInt(1, 10000)
	amount := value{"size, percentage of the memory, or infinity", func(_ *build, v string) error {
		if v == "" || v == "infinity" {
			return nil
		}
		if _, percent, err := parsePercent(v, 100); percent {
			return err
		}
		_, err := parseSize(v)
		return err
	}}
	const noStart = "the value without Startup holds during startup too"
	const noDevice = "the device is used without limit"
	const noBPF = "no BPF program is attached"
	const noOOM = "there is no systemd-oomd to act on it"
	const allTraffic = "the service may talk to every address"
	v1 := func(name, instead string, v value) Directive {
		return notYet(inCgroup, name, v, "it belongs to cgroup version 1; use "+instead+"=")
	}
	no := func(name string, v value, instead string) Directive { return notYet(inCgroup, name, v, instead) }
	unsafe := func(name string, v value, instead string) Directive { return lessSafe(inCgroup, name, v, instead) }
	return []Directive{
		no("DisableControllers", isWords, "controllers are enabled as units need them"),
		no("StartupCPUWeight", weight, noStart),
		no("StartupAllowedCPUs", isNoise, noStart),
		no("StartupAllowedMemoryNodes", isNoise, noStart),
		v1("CPUShares", "CPUWeight", isInt(2, 262144)),
		v1("StartupCPUShares", "StartupCPUWeight", isInt(2, 262144)),
		no("DefaultMemoryMin", amount, "units below it have the protection that they ask for themselves"),
		no("DefaultMemoryLow", amount, "units below it have the protection that they ask for themselves"),
		no("DefaultStartupMemoryLow", amount, noStart),
		no("StartupMemoryLow", amount, noStart),
		no("StartupMemoryHigh", amount, noStart),
		no("StartupMemoryMax", amount, noStart),
		no("StartupMemorySwapMax", amount, noStart),
		no("StartupMemoryZSwapMax", amount, noStart),
		no("MemoryPressureWatch", isBoolOr("auto skip"), "the service is not told of memory pressure"),
		no("MemoryPressureThresholdSec", isSpan, "the service is not told of memory pressure"),
		v1("MemoryLimit", "MemoryMax", amount),
		no("StartupIOWeight", weight, noStart),
		no("IODeviceWeight", isWords, noDevice),
		no("IOReadBandwidthMax", isWords, noDevice),
		no("IOWriteBandwidthMax", isWords, noDevice),
		no("IOReadIOPSMax", isWords, noDevice),
		no("IOWriteIOPSMax", isWords, noDevice),
		no("IODeviceLatencyTargetSec", isWords, noDevice),
		v1("BlockIOAccounting", "IOAccounting", isBool),
		v1("BlockIOWeight", "IOWeight", isInt(10, 1000)),
		v1("StartupBlockIOWeight", "StartupIOWeight", isInt(10, 1000)),
		v1("BlockIODeviceWeight", "IODeviceWeight", isWords),
		v1("BlockIOReadBandwidth", "IOReadBandwidthMax", isWords),
		v1("BlockIOWriteBandwidth", "IOWriteBandwidthMax", isWords),
		unsafe("DeviceAllow", isWords, "the service may use every device that its user may"),
		unsafe("DevicePolicy", isOneOf("auto closed strict"), "the service may use every device that its user may"),
		no("IPAccounting", isBool, "IP traffic is not counted"),
		unsafe("IPAddressAllow", isWords, allTraffic),
		unsafe("IPAddressDeny", isWords, allTraffic),
		unsafe("IPIngressFilterPath", isNoise, noBPF),
		unsafe("IPEgressFilterPath", isNoise, noBPF),
		unsafe("BPFProgram", isNoise, noBPF),
		unsafe("SocketBindAllow", isNoise, "the service may bind every address"),
		unsafe("SocketBindDeny", isNoise, "the service may bind every address"),
		unsafe("RestrictNetworkInterfaces", isWords, "the service may use every network interface"),
		no("NFTSet", isWords, "no set of the firewall is changed"),
		obsolete(inCgroup, "NetClass", "it has no replacement"),
		no("ManagedOOMSwap", isOneOf("auto kill"), noOOM),
		no("ManagedOOMMemoryPressure", isOneOf("auto kill"), noOOM),
		no("ManagedOOMMemoryPressureLimit", isNoise, noOOM),
		no("ManagedOOMMemoryPressureDurationSec", isSpan, noOOM),
		no("ManagedOOMPreference", isOneOf("none avoid omit"), noOOM),
		no("CoredumpReceive", isBool, "core dumps are handled outside of the service"),
	}
}

// otherKindsTable is what belongs to kinds of units that rouse knows by name
// only. SupportIn says so of all of it.
func otherKindsTable() []Directive {
	in := func(s sectionSet, name string, v value) Directive { return notYet(s, name, v, insteadIn(s)) }
	timer := func(name string, v value) Directive { return in(inTimer, name, v) }
	mount := func(name string, v value) Directive { return in(inMount, name, v) }
	triggered := value{"unit name", func(b *build, v string) error {
		s, err := b.unitName(v)
		if err == nil {
			b.trigger = s
		}
		return err
	}}
	return []Directive{
		key(inTimer|inPath, "Unit", triggered),
		timer("OnCalendar", isNoise),
		timer("OnActiveSec", optionalSpan),
		timer("OnBootSec", optionalSpan),
		timer("OnStartupSec", optionalSpan),
		timer("OnUnitActiveSec", optionalSpan),
		timer("OnUnitInactiveSec", optionalSpan),
		timer("OnClockChange", isBool),
		timer("OnTimezoneChange", isBool),
		timer("Persistent", isBool),
		timer("WakeSystem", isBool),
		timer("RemainAfterElapse", isBool),
		timer("FixedRandomDelay", isBool),
		timer("DeferReactivation", isBool),
		timer("AccuracySec", isSpan),
		timer("RandomizedDelaySec", isSpan),
		in(inPath, "PathExists", isPath),
		in(inPath, "PathExistsGlob", isPath),
		in(inPath, "PathChanged", isPath),
		in(inPath, "PathModified", isPath),
		in(inPath, "DirectoryNotEmpty", isPath),
		in(inPath, "MakeDirectory", isBool),
		in(inPath, "DirectoryMode", isMode),
		in(inPath, "TriggerLimitIntervalSec", isSpan),
		in(inPath, "TriggerLimitBurst", isInt(0, 1<<32-1)),
		mount("What", isNoise),
		mount("Where", isPath),
		mount("Options", isNoise),
		mount("Type", isNoise),
		mount("TimeoutSec", isSpan),
		mount("DirectoryMode", isMode),
		mount("SloppyOptions", isBool),
		mount("LazyUnmount", isBool),
		mount("ForceUnmount", isBool),
		mount("ReadWriteOnly", isBool),
		in(inAutomount, "Where", isPath),
		in(inAutomount, "ExtraOptions", isNoise),
		in(inAutomount, "DirectoryMode", isMode),
		in(inAutomount, "TimeoutIdleSec", isSpan),
		in(inSwap, "What", isPath),
		in(inSwap, "Priority", isInt(-1, 32767)),
		in(inSwap, "Options", isNoise),
		in(inSwap, "TimeoutSec", isSpan),
		in(inScope, "RuntimeMaxSec", isSpan),
		in(inScope, "RuntimeRandomizedExtraSec", isSpan),
		in(inScope, "TimeoutStopSec", isSpan),
		in(inScope, "OOMPolicy", isOneOf("stop continue kill")),
	}
}

// optionalSpan is a time span of a timer; an empty one resets them.
var optionalSpan = value{"time span", func(b *build, v string) error {
	if v == "" {
		return nil
	}
	return isSpan.set(b, v)
}}

// triggeredBy is the unit that a timer or path starts: Unit=, or the service
// of its own name.
func (b *build) triggeredBy() string {
	return either(b.trigger, unit.WithKind(b.u.Name, unit.KindService))
}
