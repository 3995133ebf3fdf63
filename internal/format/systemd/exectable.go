// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// execEntries makes every working directive of a table note that the unit
// has an environment of its own, and where, for failures at start.
func execEntries(t []Directive) []Directive {
	for i := range t {
		d := &t[i]
		if d.Support != Works {
			continue
		}
		d.exec = true
		set, name := d.set, either(d.AliasOf, d.Name)
		placed := !strings.HasSuffix(name, "Environment") && name != "SyslogIdentifier" && name != "IgnoreSIGPIPE"
		d.set = func(b *build, v string) error {
			b.execUsed = true
			err := set(b, v)
			if err == nil && placed {
				b.placed(name)
			}
			return err
		}
	}
	return t
}

// placed notes the line of a directive; the last one counts.
func (b *build) placed(name string) {
	w := unit.Where{Directive: name, Pos: b.pos()}
	for i := range b.exec.Where {
		if b.exec.Where[i].Directive == name {
			b.exec.Where[i] = w
			return
		}
	}
	b.exec.Where = append(b.exec.Where, w)
}

func execTable() []Directive {
	flag := func(f func(*unit.Exec) *bool) value { return boolean(func(b *build) *bool { return f(&b.exec) }) }
	return execEntries([]Directive{
		key(inExec, "User", must(account(func(b *build) *string { return &b.exec.User }))),
		key(inExec, "Group", must(account(func(b *build) *string { return &b.exec.Group }))),
		key(inExec, "SupplementaryGroups", value{"list of groups", setGroups}),
		notYet(inExec, "DynamicUser", isBool, "the service runs as the user that User= names, root without it"),
		key(inExec, "SetLoginEnvironment", flag(func(e *unit.Exec) *bool { return &e.SetLoginEnvironment })),
		notYet(inExec, "PAMName", isNoise, "the service runs without a PAM session"),
		notYet(inExec, "RemoveIPC", isBool, "System V and POSIX IPC objects of its user stay"),
		key(inExec, "UMask", value{"octal mode", func(b *build, v string) error {
			m, err := parseMode(v)
			if err == nil {
				b.exec.Umask = int32(m & 0o777)
			}
			return err
		}}),
		notYet(inExec, "KeyringMode", isOneOf("inherit private shared"), "the service shares the keyring of the manager"),
		notYet(inExec, "UtmpIdentifier", isNoise, "no utmp record is written"),
		notYet(inExec, "UtmpMode", isOneOf("init login user"), "no utmp record is written"),
		key(inExec, "Environment", value{"list of NAME=value", setEnvironment}),
		key(inExec, "EnvironmentFile", value{"[-]absolute path", setEnvironmentFile}),
		key(inExec, "PassEnvironment", names1("list of variables", func(e *unit.Exec) *[]string { return &e.PassEnvironment }, validEnvName)),
		key(inExec, "UnsetEnvironment", names1("list of variables or NAME=value", func(e *unit.Exec) *[]string { return &e.UnsetEnviron },
			func(s string) bool { n, _, _ := strings.Cut(s, "="); return validEnvName(n) })),
		key(inExec, "ExecSearchPath", value{"paths separated by colons", setSearchPath}),
		key(inExec, "WorkingDirectory", value{"[-]absolute path or ~", setWorkingDirectory}),
		key(inExec, "RootDirectory", must(path(func(b *build) *string { return &b.exec.RootDirectory }))),
		key(inExec, "Nice", value{"number", func(b *build, v string) error {
			if v == "" {
				b.exec.Nice = nil
				return nil
			}
			n, err := parseInt(v, -20, 19)
			if err == nil {
				nice := int8(n)
				b.exec.Nice = &nice
			}
			return err
		}}),
		key(inExec, "OOMScoreAdjust", value{"number", func(b *build, v string) error {
			if v == "" {
				b.exec.OOMScoreAdjust = nil
				return nil
			}
			n, err := parseInt(v, -1000, 1000)
			if err == nil {
				adj := int16(n)
				b.exec.OOMScoreAdjust = &adj
			}
			return err
		}}),
	})
}

// privilegeTable is the part of systemd.exec(5) about scheduling and
// privileges.
func privilegeTable() []Directive {
	flag := func(f func(*unit.Exec) *bool) value { return boolean(func(b *build) *bool { return f(&b.exec) }) }
	sched := func(f func(*unit.Sched) *int8, low, high int64, words string) value {
		return numberOr(words, low, high, func(b *build) *int8 { return f(b.sched()) })
	}
	return execEntries([]Directive{
		key(inExec, "CoredumpFilter", value{"list of mappings or a mask", setCoredumpFilter}),
		key(inExec, "IOSchedulingClass", sched(func(s *unit.Sched) *int8 { return &s.IOClass }, 0, 3, "none realtime best-effort idle")),
		key(inExec, "IOSchedulingPriority", value{"number", func(b *build, v string) error {
			if v == "" {
				b.sched().IOPriority = -1
				return nil
			}
			n, err := parseInt(v, 0, 7)
			if err == nil {
				b.sched().IOPriority = int8(n)
			}
			return err
		}}),
		key(inExec, "CPUSchedulingPolicy", value{"one of other, batch, idle, fifo, rr", func(b *build, v string) error {
			n := lookup([]string{"other", "fifo", "rr", "batch", "-", "idle"}, v) // the numbers of sched(7)
			if n < 0 || n == 4 {
				return notOneOf(v, []string{"other", "batch", "idle", "fifo", "rr"})
			}
			b.sched().Policy = int8(n)
			return nil
		}}),
		key(inExec, "CPUSchedulingPriority", integer(0, 99, func(b *build) *int32 { return &b.sched().Priority })),
		key(inExec, "CPUSchedulingResetOnFork", boolean(func(b *build) *bool { return &b.sched().ResetOnFork })),
		key(inExec, "CPUAffinity", value{"list of CPUs", setAffinity}),
		notYet(inExec, "NUMAPolicy", isOneOf("default preferred bind interleave local"), "memory comes from any NUMA node"),
		notYet(inExec, "NUMAMask", isNoise, "memory comes from any NUMA node"),
		key(inExec, "TimerSlackNSec", value{"time span, in nanoseconds without a unit", setTimerSlack}),
		notYet(inExec, "MemoryKSM", isBool, "the kernel's default for merging equal pages stays"),
		key(inExec, "IgnoreSIGPIPE", flag(func(e *unit.Exec) *bool { return &e.IgnoreSIGPIPE })),
		key(inExec, "Personality", value{"architecture", setPersonality}),
		key(inExec, "CapabilityBoundingSet", value{"[~]list of capabilities", setBounding}),
		key(inExec, "AmbientCapabilities", value{"[~]list of capabilities", setAmbient}),
		key(inExec, "SecureBits", value{"list of secure bits", setSecureBits}),
		key(inExec, "NoNewPrivileges", flag(func(e *unit.Exec) *bool { return &e.NoNewPrivileges })),
		lessSafe(inExec, "SELinuxContext", isNoise, "the service keeps the label of the manager"),
		lessSafe(inExec, "AppArmorProfile", isNoise, "the service has the profile of its program, if any"),
		lessSafe(inExec, "SmackProcessLabel", isNoise, "the service keeps the label of the manager"),
		obsolete(inExec, "Capabilities", "use CapabilityBoundingSet= and AmbientCapabilities="),
	})
}

// sched is the scheduling of the unit, made at the first setting.
func (b *build) sched() *unit.Sched {
	if b.exec.Sched == nil {
		b.exec.Sched = &unit.Sched{Policy: -1, IOClass: -1, IOPriority: -1}
	}
	return b.exec.Sched
}

// numberOr is a number or one of several words, which stand for 0, 1 and so
// on; an empty value resets it to -1.
func numberOr(words string, low, high int64, place func(*build) *int8) value {
	list := strings.Fields(words)
	return value{"number or one of " + strings.Join(list, ", "), func(b *build, v string) error {
		if v == "" {
			*place(b) = -1
			return nil
		}
		if n := lookup(list, v); n >= 0 {
			*place(b) = int8(n)
			return nil
		}
		n, err := parseInt(v, low, high)
		if err != nil {
			return notOneOf(v, list)
		}
		*place(b) = int8(n)
		return nil
	}}
}

var errAccount = errors.New("expected the name or number of a user or group")

// account is a user or group; whether it exists is seen at start.
func account(place func(*build) *string) value {
	return value{"user or group", func(b *build, v string) error {
		s, err := b.expand(v)
		if err == nil && s != "" && !validAccount(s) {
			err = errAccount
		}
		if err == nil {
			*place(b) = s
		}
		return err
	}}
}

// validAccount is the relaxed rule of systemd: what can stand in passwd(5)
// and in a path. Numbers must fit, and -1 is not a user.
func validAccount(s string) bool {
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		return n < math.MaxUint32 && n != 0xffff
	}
	if s == "" || len(s) > 255 || s == "." || s == ".." || s[0] == '-' || s[0] == ' ' || s[len(s)-1] == ' ' {
		return false
	}
	digits := true
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c == 127 || c == ':' || c == '/' {
			return false
		}
		digits = digits && c >= '0' && c <= '9'
	}
	return !digits
}

func setGroups(b *build, v string) error {
	if v == "" {
		b.exec.SupplementaryGroups = nil
		return nil
	}
	return b.words(v, unquote, func(w string) error {
		s, err := b.expand(w)
		if err == nil && !validAccount(s) {
			err = errAccount
		}
		if err == nil {
			b.exec.SupplementaryGroups = append(b.exec.SupplementaryGroups, s)
		}
		return fatal(err)
	})
}

func setWorkingDirectory(b *build, v string) error {
	if v == "" {
		b.exec.WorkingDirectory, b.exec.WorkingDirMissingOK = "", false
		return nil
	}
	v, optional := strings.CutPrefix(v, "-")
	s, err := v, error(nil)
	if v != "~" {
		if s, err = b.expand(v); err == nil {
			s, err = cleanPath(s)
		}
	}
	if err != nil {
		if optional {
			return err
		}
		return fatal(err)
	}
	b.exec.WorkingDirectory, b.exec.WorkingDirMissingOK = s, optional
	return nil
}

func setSearchPath(b *build, v string) error {
	if v == "" {
		b.exec.SearchPath = nil
		return nil
	}
	s, err := b.expand(v)
	if err != nil {
		return err
	}
	for dir := range strings.SplitSeq(s, ":") {
		if dir == "" {
			continue
		}
		clean, err := cleanPath(dir)
		if err != nil {
			b.ignore(dir, err)
			continue
		}
		if !slices.Contains(b.exec.SearchPath, clean) {
			b.exec.SearchPath = append(b.exec.SearchPath, clean)
		}
	}
	return nil
}

func setAffinity(b *build, v string) error {
	if v == "" {
		b.sched().Affinity = nil
		return nil
	}
	if v == "numa" {
		return errors.New("the CPUs of NUMAMask= are not supported")
	}
	var list []uint32
	if err := parseList(v, 8192, func(n uint32) { list = append(list, n) }); err != nil {
		return err
	}
	s := b.sched()
	s.Affinity = append(s.Affinity, list...)
	slices.Sort(s.Affinity)
	s.Affinity = slices.Compact(s.Affinity)
	return nil
}

func setTimerSlack(b *build, v string) error {
	if n, err := strconv.ParseUint(v, 10, 63); err == nil {
		b.sched().TimerSlack = time.Duration(n)
		return nil
	}
	d, err := unit.ParseTimespan(v, true)
	if err == nil {
		b.sched().TimerSlack = d
	}
	return err
}

// setCoredumpFilter reads the names of core(5) or a hexadecimal mask.
func setCoredumpFilter(b *build, v string) error {
	if v == "" {
		b.sched().CoredumpFilter = 0
		return nil
	}
	list := strings.Fields("private-anonymous shared-anonymous private-file-backed shared-file-backed elf-headers " +
		"private-huge shared-huge private-dax shared-dax")
	return b.words(v, unquote, func(w string) error {
		var bits uint64
		var err error
		switch n := lookup(list, w); {
		case n >= 0:
			bits = 1 << n
		case w == "default":
			bits = 0x33
		case w == "all":
			bits = 0x1ff
		default:
			if bits, err = strconv.ParseUint(strings.TrimPrefix(w, "0x"), 16, 32); err != nil {
				return notOneOf(w, list)
			}
		}
		b.sched().CoredumpFilter |= bits
		return nil
	})
}

// setPersonality reads an architecture that the kernel can pretend to be;
// the numbers are PER_LINUX and PER_LINUX32 of personality(2).
func setPersonality(b *build, v string) error {
	switch v {
	case "":
		b.sched().Personality = 0
	case "x86-64", "arm64", "ppc64", "ppc64-le", "s390x", "riscv64", "loongarch64":
		b.sched().Personality = 0
	case "x86", "arm", "ppc", "ppc-le", "s390":
		b.sched().Personality = 8
	default:
		return fmt.Errorf("expected an architecture such as x86 or x86-64")
	}
	return nil
}
