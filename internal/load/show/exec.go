// SPDX-License-Identifier: Apache-2.0

package show

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

// limits are the names of the kernel's resource limits by their numbers
// (RLIMIT_*, setrlimit(2)).
var limits = []string{
	"CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE", "MEMLOCK", "AS", "LOCKS",
	"SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME",
}

func (l *list) exec(e *unit.Exec) {
	if e == nil { // nothing is set: the defaults of systemd.exec(5)
		e = &unit.Exec{Umask: -1, IgnoreSIGPIPE: true}
	}
	l.words("Environment", e.Environment)
	for _, f := range e.EnvironmentFile {
		l.add("EnvironmentFiles", fmt.Sprintf("%s (ignore_errors=%s)", f.Path, pick(b2i(f.Optional), "no", "yes")))
	}
	l.words("PassEnvironment", e.PassEnvironment)
	l.words("UnsetEnvironment", e.UnsetEnviron)
	umask := e.Umask
	if umask < 0 {
		umask = 0o022
	}
	l.mode("UMask", uint32(umask))
	for _, m := range e.Limits {
		if int(m.Resource) < len(limits) {
			l.add("Limit"+limits[m.Resource], rlimit(m.Hard))
			l.add("Limit"+limits[m.Resource]+"Soft", rlimit(m.Soft))
		}
	}
	l.add("RootDirectory", e.RootDirectory)
	l.add("WorkingDirectory", pick(b2i(e.WorkingDirMissingOK), "", "!")+e.WorkingDirectory)
	oom := int16(0)
	if e.OOMScoreAdjust != nil {
		oom = *e.OOMScoreAdjust
	}
	l.num("OOMScoreAdjust", int64(oom))
	nice := int8(0)
	if e.Nice != nil {
		nice = *e.Nice
	}
	l.num("Nice", int64(nice))
	l.add("StandardInput", Stdio(e.Stdin, "null"))
	l.add("StandardOutput", Stdio(e.Stdout, "journal"))
	l.add("StandardError", Stdio(e.Stderr, "inherit"))
	l.add("TTYPath", e.TTYPath)
	l.flag("TTYReset", e.TTYReset)
	l.flag("TTYVHangup", e.TTYVHangup)
	l.add("SyslogIdentifier", e.SyslogIdentifier)
	l.add("User", e.User)
	l.add("Group", e.Group)
	l.words("SupplementaryGroups", e.SupplementaryGroups)
	l.flag("IgnoreSIGPIPE", e.IgnoreSIGPIPE)
	l.flag("NoNewPrivileges", e.NoNewPrivileges)
	l.dirs(e.Dirs)
	l.words("ExecSearchPath", e.SearchPath)
}

func rlimit(v uint64) string {
	if v == math.MaxUint64 {
		return "infinity"
	}
	return strconv.FormatUint(v, 10)
}

// Stdio prints one standard stream; def is what the default stands for.
func Stdio(s unit.Stdio, def string) string {
	switch s.Kind {
	case unit.StdioDefault:
		return def
	case unit.StdioFile, unit.StdioAppend, unit.StdioTruncate:
		return pick(int(s.Kind-unit.StdioFile), "file", "append", "truncate") + ":" + s.Arg
	case unit.StdioFD:
		return "fd:" + s.Arg
	default:
		return pick(int(s.Kind), "", "null", "inherit", "tty", "tty-force", "tty-fail", "data", "file", "append",
			"truncate", "socket", "fd", "journal", "kmsg", "journal+console", "kmsg+console")
	}
}

// dirs prints the managed directories, one property for each kind.
func (l *list) dirs(dirs []unit.ManagedDir) {
	for i, kind := range []string{"Runtime", "State", "Cache", "Logs", "Configuration"} {
		var names []string
		mode := uint32(0o755)
		keep := unit.PreserveNo
		for _, d := range dirs {
			if int(d.Kind) == i {
				names = append(names, d.Name)
				mode, keep = d.Mode, d.Preserve
			}
		}
		if i == 0 {
			l.add("RuntimeDirectoryPreserve", preserve(keep))
		}
		l.mode(kind+"DirectoryMode", mode)
		l.add(kind+"Directory", strings.Join(names, " "))
	}
}

// attributes are the properties behind cgroup v2 files.
var attributes = map[string]string{
	"cpu.weight": "CPUWeight", "io.weight": "IOWeight", "memory.min": "MemoryMin", "memory.low": "MemoryLow",
	"memory.high": "MemoryHigh", "memory.max": "MemoryMax", "memory.swap.max": "MemorySwapMax",
	"memory.zswap.max": "MemoryZSwapMax", "pids.max": "TasksMax", "cpuset.cpus": "AllowedCPUs",
	"cpuset.mems": "AllowedMemoryNodes",
}

// resources prints the slice and what the unit's cgroup is told; a limit that
// is not set is not printed, since what it is then is the kernel's business.
func (l *list) resources(u *unit.Unit) {
	l.add("Slice", u.Slice)
	r := u.Resources
	if r == nil {
		r = &unit.Resources{}
	}
	l.flag("Delegate", r.Delegate)
	l.add("DelegateSubgroup", r.DelegateSubgroup)
	for _, a := range r.Attributes {
		name := attributes[a.File]
		if name == "" {
			continue
		}
		v := strings.TrimPrefix(a.Value, "default ")
		if v == "max" {
			v = "infinity"
		}
		l.add(name, v)
	}
}
