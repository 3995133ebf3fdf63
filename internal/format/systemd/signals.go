// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// signalNames are the signals of Linux by number, as on every architecture
// that Go runs on but mips.
var signalNames = [...]string{
	1: "HUP", 2: "INT", 3: "QUIT", 4: "ILL", 5: "TRAP", 6: "ABRT", 7: "BUS", 8: "FPE",
	9: "KILL", 10: "USR1", 11: "SEGV", 12: "USR2", 13: "PIPE", 14: "ALRM", 15: "TERM", 16: "STKFLT",
	17: "CHLD", 18: "CONT", 19: "STOP", 20: "TSTP", 21: "TTIN", 22: "TTOU", 23: "URG", 24: "XCPU",
	25: "XFSZ", 26: "VTALRM", 27: "PROF", 28: "WINCH", 29: "IO", 30: "PWR", 31: "SYS",
}

// The real-time signals as glibc counts them: it keeps 32 and 33 to itself.
const (
	sigRTMin = 34
	sigRTMax = 64
)

// ParseSignal reads a signal: SIGTERM, TERM, 15, RTMIN+3, RTMAX-1.
func ParseSignal(s string) (uint8, error) {
	if n, err := strconv.ParseUint(s, 10, 8); err == nil {
		if n < 1 || n > sigRTMax {
			return 0, errSignal
		}
		return uint8(n), nil
	}
	name := strings.TrimPrefix(s, "SIG")
	if name == "" {
		return 0, errSignal
	}
	if name == "POLL" {
		name = "IO"
	}
	if i := slices.Index(signalNames[:], name); i > 0 {
		return uint8(i), nil
	}
	var base int
	var rest string
	switch {
	case strings.HasPrefix(name, "RTMIN"):
		base, rest = sigRTMin, name[len("RTMIN"):]
	case strings.HasPrefix(name, "RTMAX"):
		base, rest = sigRTMax, name[len("RTMAX"):]
	default:
		return 0, errSignal
	}
	if rest != "" {
		n, err := strconv.Atoi(rest)
		if err != nil || rest[0] != '+' && rest[0] != '-' {
			return 0, errSignal
		}
		base += n
	}
	if base < sigRTMin || base > sigRTMax {
		return 0, errSignal
	}
	return uint8(base), nil
}

// SignalName is the name of a signal with its SIG, the number in words where
// it has none.
func SignalName(n uint8) string {
	switch {
	case n == sigRTMin:
		return "SIGRTMIN"
	case n == sigRTMax:
		return "SIGRTMAX"
	case n > sigRTMin && n < sigRTMax:
		return fmt.Sprintf("SIGRTMIN+%d", n-sigRTMin)
	case int(n) < len(signalNames) && signalNames[n] != "":
		return "SIG" + signalNames[n]
	}
	return strconv.Itoa(int(n))
}

// exitNames are the names of exit statuses in systemd.exec(5): those of
// libc, LSB and systemd itself, and of sysexits.h.
var exitNames = map[string]uint8{
	"SUCCESS": 0, "FAILURE": 1,
	"INVALIDARGUMENT": 2, "NOTIMPLEMENTED": 3, "NOPERMISSION": 4, "NOTINSTALLED": 5,
	"NOTCONFIGURED": 6, "NOTRUNNING": 7,
	"USAGE": 64, "DATAERR": 65, "NOINPUT": 66, "NOUSER": 67, "NOHOST": 68, "UNAVAILABLE": 69,
	"SOFTWARE": 70, "OSERR": 71, "OSFILE": 72, "CANTCREAT": 73, "IOERR": 74, "TEMPFAIL": 75,
	"PROTOCOL": 76, "NOPERM": 77, "CONFIG": 78,
	"CHDIR": 200, "NICE": 201, "FDS": 202, "EXEC": 203, "MEMORY": 204, "LIMITS": 205,
	"OOM_ADJUST": 206, "SIGNAL_MASK": 207, "STDIN": 208, "STDOUT": 209, "CHROOT": 210,
	"IOPRIO": 211, "TIMERSLACK": 212, "SECUREBITS": 213, "SETSCHEDULER": 214,
	"CPUAFFINITY": 215, "GROUP": 216, "USER": 217, "CAPABILITIES": 218, "CGROUP": 219,
	"SETSID": 220, "CONFIRM": 221, "STDERR": 222, "PAM": 224, "NETWORK": 225,
	"NAMESPACE": 226, "NO_NEW_PRIVILEGES": 227, "SECCOMP": 228, "SELINUX_CONTEXT": 229,
	"PERSONALITY": 230, "APPARMOR_PROFILE": 231, "ADDRESS_FAMILIES": 232,
	"RUNTIME_DIRECTORY": 233, "CHOWN": 235, "SMACK_PROCESS_LABEL": 236, "KEYRING": 237,
	"STATE_DIRECTORY": 238, "CACHE_DIRECTORY": 239, "LOGS_DIRECTORY": 240,
	"CONFIGURATION_DIRECTORY": 241, "NUMA_POLICY": 242, "CREDENTIALS": 243, "BPF": 245,
	"KSM": 246, "EXCEPTION": 255,
}

// ParseExitStatus reads an exit status, a number or a name of
// systemd.exec(5).
func ParseExitStatus(s string) (uint8, error) {
	if n, ok := exitNames[s]; ok {
		return n, nil
	}
	n, err := strconv.ParseUint(s, 10, 8)
	if err != nil {
		return 0, fmt.Errorf("expected an exit status from 0 to 255, its name, or a signal")
	}
	return uint8(n), nil
}
