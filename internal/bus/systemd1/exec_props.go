// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"math"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus"
	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/unit"
)

// noExec stands in for units that run nothing.
var noExec = &unit.Exec{Umask: -1, IgnoreSIGPIPE: true}

// execProps are the settings of systemd.exec(5), with those that rouse does
// not have shown as not set.
func execProps(f func(*object) *unit.Exec) []bus.Prop {
	x := func(o *object) *unit.Exec {
		if e := f(o); e != nil {
			return e
		}
		return noExec
	}
	props := []bus.Prop{
		one("Environment", "as", texts(func(o *object) []string { return x(o).Environment })),
		one("EnvironmentFiles", "a(sb)", func(s any, e *wire.Encoder) {
			m := e.Array('(')
			for _, file := range x(s.(*object)).EnvironmentFile {
				e.Struct()
				e.String(file.Path)
				e.Bool(file.Optional)
			}
			e.End(m)
		}),
		one("PassEnvironment", "as", texts(func(o *object) []string { return x(o).PassEnvironment })),
		one("UnsetEnvironment", "as", texts(func(o *object) []string { return x(o).UnsetEnviron })),
		one("ExecSearchPath", "as", texts(func(o *object) []string { return x(o).SearchPath })),
		one("UMask", "u", u32(func(o *object) uint32 {
			if x(o).Umask < 0 {
				return 0o022
			}
			return uint32(x(o).Umask)
		})),
		one("WorkingDirectory", "s", text(func(o *object) string {
			if x(o).WorkingDirMissingOK && x(o).WorkingDirectory != "" {
				return "!" + x(o).WorkingDirectory
			}
			return x(o).WorkingDirectory
		})),
		one("RootDirectory", "s", text(func(o *object) string { return x(o).RootDirectory })),
		one("User", "s", text(func(o *object) string { return x(o).User })),
		one("Group", "s", text(func(o *object) string { return x(o).Group })),
		one("SupplementaryGroups", "as", texts(func(o *object) []string { return x(o).SupplementaryGroups })),
		one("SetLoginEnvironment", "b", flag(func(o *object) bool { return x(o).SetLoginEnvironment })),
		one("Nice", "i", i32(func(o *object) int32 {
			if x(o).Nice == nil {
				return 0
			}
			return int32(*x(o).Nice)
		})),
		one("OOMScoreAdjust", "i", i32(func(o *object) int32 {
			if x(o).OOMScoreAdjust == nil {
				return 0
			}
			return int32(*x(o).OOMScoreAdjust)
		})),
		one("IgnoreSIGPIPE", "b", flag(func(o *object) bool { return x(o).IgnoreSIGPIPE })),
		one("NoNewPrivileges", "b", flag(func(o *object) bool { return x(o).NoNewPrivileges })),
		one("TTYPath", "s", text(func(o *object) string { return x(o).TTYPath })),
		one("TTYReset", "b", flag(func(o *object) bool { return x(o).TTYReset })),
		one("TTYVHangup", "b", flag(func(o *object) bool { return x(o).TTYVHangup })),
		one("SyslogIdentifier", "s", text(func(o *object) string { return x(o).SyslogIdentifier })),
		one("StandardInputData", "ay", func(s any, e *wire.Encoder) { e.Bytes(x(s.(*object)).StdinData) }),
	}
	props = append(props, stdioProps(x)...)
	props = append(props, limitProps(x)...)
	props = append(props, schedProps(x)...)
	props = append(props, dirProps(x)...)
	return append(props, execUnset()...)
}

func stdioProps(x func(*object) *unit.Exec) []bus.Prop {
	stdio := func(name, unset string, f func(*unit.Exec) unit.Stdio) []bus.Prop {
		return []bus.Prop{
			one(name, "s", text(func(o *object) string { return StdioText(f(x(o)), unset) })),
			one(name+"FileDescriptorName", "s", text(func(o *object) string {
				if s := f(x(o)); s.Kind == unit.StdioFD {
					return s.Arg
				}
				return ""
			})),
		}
	}
	props := stdio("StandardInput", "null", func(e *unit.Exec) unit.Stdio { return e.Stdin })
	props = append(props, stdio("StandardOutput", "journal", func(e *unit.Exec) unit.Stdio { return e.Stdout })...)
	return append(props, stdio("StandardError", "inherit", func(e *unit.Exec) unit.Stdio { return e.Stderr })...)
}

// StdioText is a standard stream as systemctl shows it.
func StdioText(s unit.Stdio, unset string) string {
	switch s.Kind {
	case unit.StdioDefault:
		return unset
	case unit.StdioFile, unit.StdioAppend, unit.StdioTruncate:
		return word(stdioKinds[:], s.Kind) + ":" + s.Arg
	default:
		return word(stdioKinds[:], s.Kind)
	}
}

// limits are the resource limits in the order of systemd.exec(5).
var limits = []struct {
	name     string
	resource uint8
}{
	{"CPU", unix.RLIMIT_CPU},
	{"FSIZE", unix.RLIMIT_FSIZE},
	{"DATA", unix.RLIMIT_DATA},
	{"STACK", unix.RLIMIT_STACK},
	{"CORE", unix.RLIMIT_CORE},
	{"RSS", unix.RLIMIT_RSS},
	{"NOFILE", unix.RLIMIT_NOFILE},
	{"AS", unix.RLIMIT_AS},
	{"NPROC", unix.RLIMIT_NPROC},
	{"MEMLOCK", unix.RLIMIT_MEMLOCK},
	{"LOCKS", unix.RLIMIT_LOCKS},
	{"SIGPENDING", unix.RLIMIT_SIGPENDING},
	{"MSGQUEUE", unix.RLIMIT_MSGQUEUE},
	{"NICE", unix.RLIMIT_NICE},
	{"RTPRIO", unix.RLIMIT_RTPRIO},
	{"RTTIME", unix.RLIMIT_RTTIME},
}

// limitProps show what the unit sets, else the manager's own limits, which
// services inherit.
func limitProps(x func(*object) *unit.Exec) []bus.Prop {
	var props []bus.Prop
	for _, l := range limits {
		get := func(o *object) (soft, hard uint64) {
			for _, set := range x(o).Limits {
				if set.Resource == l.resource {
					return set.Soft, set.Hard
				}
			}
			return inheritedLimit(int(l.resource))
		}
		props = append(props,
			one("Limit"+l.name, "t", u64(func(o *object) uint64 { _, hard := get(o); return hard })),
			one("Limit"+l.name+"Soft", "t", u64(func(o *object) uint64 { soft, _ := get(o); return soft })))
	}
	return props
}

func inheritedLimit(resource int) (soft, hard uint64) {
	var r unix.Rlimit
	if unix.Getrlimit(resource, &r) != nil {
		return math.MaxUint64, math.MaxUint64
	}
	return r.Cur, r.Max
}

func schedProps(x func(*object) *unit.Exec) []bus.Prop {
	none := &unit.Sched{Policy: -1, IOClass: -1}
	sc := func(o *object) *unit.Sched {
		if s := x(o).Sched; s != nil {
			return s
		}
		return none
	}
	caps := func(o *object) unit.Caps {
		if c := x(o).Caps; c != nil {
			return *c
		}
		return unit.Caps{}
	}
	return []bus.Prop{
		one("CPUSchedulingPolicy", "i", i32(func(o *object) int32 { return max(0, int32(sc(o).Policy)) })),
		one("CPUSchedulingPriority", "i", i32(func(o *object) int32 { return sc(o).Priority })),
		one("CPUSchedulingResetOnFork", "b", flag(func(o *object) bool { return sc(o).ResetOnFork })),
		one("CPUAffinity", "ay", func(s any, e *wire.Encoder) {
			var set []byte
			for _, cpu := range sc(s.(*object)).Affinity {
				for int(cpu/8) >= len(set) {
					set = append(set, 0)
				}
				set[cpu/8] |= 1 << (cpu % 8)
			}
			e.Bytes(set)
		}),
		one("IOSchedulingClass", "i", i32(func(o *object) int32 { return max(0, int32(sc(o).IOClass)) })),
		one("IOSchedulingPriority", "i", i32(func(o *object) int32 {
			if sc(o).IOClass < 0 {
				return 4 // what the kernel takes without a class
			}
			return int32(sc(o).IOPriority)
		})),
		one("TimerSlackNSec", "t", u64(func(o *object) uint64 {
			if sc(o).TimerSlack == 0 {
				return uint64(50 * time.Microsecond) // the kernel's default
			}
			return uint64(sc(o).TimerSlack)
		})),
		one("CoredumpFilter", "t", u64(func(o *object) uint64 {
			if sc(o).CoredumpFilter == 0 {
				return 0x33 // the kernel's default, core(5)
			}
			return sc(o).CoredumpFilter
		})),
		one("CapabilityBoundingSet", "t", u64(func(o *object) uint64 {
			if c := caps(o); c.SetBounding {
				return c.Bounding
			}
			return math.MaxUint64
		})),
		one("AmbientCapabilities", "t", u64(func(o *object) uint64 { return caps(o).Ambient })),
		one("SecureBits", "i", i32(func(o *object) int32 { return int32(caps(o).SecureBits) })),
	}
}

func dirProps(x func(*object) *unit.Exec) []bus.Prop {
	var props []bus.Prop
	for _, d := range []struct {
		name string
		kind unit.DirKind
	}{
		{"RuntimeDirectory", unit.RuntimeDir},
		{"StateDirectory", unit.StateDir},
		{"CacheDirectory", unit.CacheDir},
		{"LogsDirectory", unit.LogsDir},
		{"ConfigurationDirectory", unit.ConfigurationDir},
	} {
		props = append(props,
			one(d.name, "as", texts(func(o *object) []string {
				var names []string
				for _, dir := range x(o).Dirs {
					if dir.Kind == d.kind {
						names = append(names, dir.Name)
					}
				}
				return names
			})),
			one(d.name+"Symlink", "a(sst)", func(s any, e *wire.Encoder) {
				m := e.Array('(')
				for _, dir := range x(s.(*object)).Dirs {
					if dir.Kind == d.kind && dir.Symlink != "" {
						e.Struct()
						e.String(dir.Name)
						e.String(dir.Symlink)
						e.Uint64(0)
					}
				}
				e.End(m)
			}),
			one(d.name+"Mode", "u", u32(func(o *object) uint32 {
				for _, dir := range x(o).Dirs {
					if dir.Kind == d.kind {
						return dir.Mode
					}
				}
				return 0o755
			})))
	}
	return append(props, one("RuntimeDirectoryPreserve", "s", text(func(o *object) string {
		for _, dir := range x(o).Dirs {
			if dir.Kind == unit.RuntimeDir {
				return word(preserveModes[:], dir.Preserve)
			}
		}
		return "no"
	})))
}

// execUnset are the settings that have no effect here.
func execUnset() []bus.Prop {
	props := zeros("b", "DynamicUser", "RemoveIPC", "PrivateTmp", "PrivateDevices", "ProtectClock", "ProtectKernelTunables",
		"ProtectKernelModules", "ProtectKernelLogs", "ProtectControlGroups", "PrivateNetwork", "PrivateUsers", "PrivateMounts",
		"PrivateIPC", "ProtectHostname", "MemoryKSM", "MountAPIVFS", "BindLogSockets", "MemoryDenyWriteExecute", "RestrictRealtime",
		"RestrictSUIDSGID", "LockPersonality", "TTYVTDisallocate", "SameProcessGroup", "RootEphemeral", "CPUAffinityFromNUMA")
	props = append(props, zeros("s", "RootImage", "RootHashPath", "RootHashSignaturePath", "RootVerity", "LogNamespace", "PAMName",
		"UtmpIdentifier", "NetworkNamespacePath", "IPCNamespacePath", "Personality")...)
	props = append(props, zeros("as", "ReadWritePaths", "ReadOnlyPaths", "InaccessiblePaths", "ExecPaths", "NoExecPaths",
		"SystemCallArchitectures", "ImportCredential", "ExtensionDirectories")...)
	props = append(props, zeros("(bas)", "SystemCallFilter", "SystemCallLog", "RestrictAddressFamilies", "RestrictFileSystems")...)
	props = append(props, zeros("(bs)", "SELinuxContext", "AppArmorProfile", "SmackProcessLabel")...)
	props = append(props, zeros("a(ss)", "LoadCredential", "LoadCredentialEncrypted", "TemporaryFileSystem", "RootImageOptions")...)
	props = append(props, zeros("a(say)", "SetCredential", "SetCredentialEncrypted")...)
	props = append(props, zeros("a(ssbt)", "BindPaths", "BindReadOnlyPaths")...)
	props = append(props, zeros("aay", "LogExtraFields")...)
	props = append(props, zeros("t", "MountFlags", "LogRateLimitIntervalUSec")...)
	props = append(props, zeros("u", "LogRateLimitBurst")...)
	for _, d := range [][2]string{
		{"ProtectHome", "no"},
		{"ProtectSystem", "no"},
		{"ProtectProc", "default"},
		{"ProcSubset", "all"},
		{"KeyringMode", "inherit"},
		{"UtmpMode", "init"},
		{"PrivateTmpEx", "no"},
		{"PrivateUsersEx", "no"},
		{"ProtectControlGroupsEx", "no"},
		{"PrivatePIDs", "no"},
	} {
		props = append(props, one(d[0], "s", fixedText(d[1])))
	}
	props = append(props, unknowns("RestrictNamespaces", "TimeoutCleanUSec")...)
	number := func(name string, v int32) {
		props = append(props, one(name, "i", i32(func(*object) int32 { return v })))
	}
	number("SyslogPriority", 30) // daemon.info
	number("SyslogLevel", 6)
	number("SyslogFacility", 3)
	number("LogLevelMax", -1)
	number("SystemCallErrorNumber", math.MaxInt32)
	number("NUMAPolicy", -1)
	props = append(props, zeros("ay", "NUMAMask", "RootHash", "RootHashSignature")...)
	props = append(props, zeros("a(sba(ss))", "ExtensionImages")...)
	props = append(props, zeros("a(ssba(ss))", "MountImages")...)
	props = append(props, zeros("q", "TTYRows", "TTYColumns")...)
	props = append(props, zeros("a(bs)", "LogFilterPatterns")...)
	props = append(props, zeros("s", "RootImagePolicy", "MountImagePolicy", "ExtensionImagePolicy")...)
	props = append(props, zeros("a(ss)", "ImportCredentialEx")...)
	return append(props, one("SyslogLevelPrefix", "b", fixedFlag(true)))
}
