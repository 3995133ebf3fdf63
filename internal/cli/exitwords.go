// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// exitNames are the exit statuses of a failed start (systemd.exec(5)).
var exitNames = map[uint64]string{
	200: "CHDIR", 201: "NICE", 202: "FDS", 203: "EXEC", 204: "MEMORY", 205: "LIMITS", 206: "OOM_ADJUST", 207: "SIGNAL_MASK",
	208: "STDIN", 209: "STDOUT", 210: "CHROOT", 211: "IOPRIO", 212: "TIMERSLACK", 213: "SECUREBITS", 214: "SETSCHEDULER",
	215: "CPUAFFINITY", 216: "GROUP", 217: "USER", 218: "CAPABILITIES", 219: "CGROUP", 220: "SETSID", 221: "CONFIRM",
	222: "STDERR", 224: "PAM", 225: "NETWORK", 226: "NAMESPACE", 227: "NO_NEW_PRIVILEGES", 228: "SECCOMP", 229: "SELINUX_CONTEXT",
	230: "PERSONALITY", 231: "APPARMOR_PROFILE", 232: "ADDRESS_FAMILIES", 233: "RUNTIME_DIRECTORY", 235: "CHOWN",
	236: "SMACK_PROCESS_LABEL", 237: "KEYRING", 238: "STATE_DIRECTORY", 239: "CACHE_DIRECTORY", 240: "LOGS_DIRECTORY",
	241: "CONFIGURATION_DIRECTORY", 242: "NUMA_POLICY", 243: "CREDENTIALS", 245: "BPF",
}

// The codes of waitid(2): how a process ended.
const (
	codeExited = 1
	codeKilled = 2
	codeDumped = 3
)

// exitShort is "code=exited, status=203/EXEC", as systemctl prints it.
func exitShort(code, status uint64) string {
	switch code {
	case codeExited:
		name := exitNames[status]
		switch {
		case name != "":
		case status == 0:
			name = "SUCCESS"
		case status == 1:
			name = "FAILURE"
		default:
			name = "n/a"
		}
		return fmt.Sprintf("code=exited, status=%d/%s", status, name)
	case codeKilled:
		return "code=killed, signal=" + signalName(status)
	case codeDumped:
		return "code=dumped, signal=" + signalName(status)
	}
	return ""
}

// exitWords says the same in words: "exited with status 203 (EXEC)".
func exitWords(code, status uint64) string {
	switch code {
	case codeExited:
		if name := exitNames[status]; name != "" {
			return fmt.Sprintf("exited with status %d (%s)", status, name)
		}
		return fmt.Sprintf("exited with status %d", status)
	case codeKilled:
		return "was killed by SIG" + signalName(status)
	case codeDumped:
		return "was killed by SIG" + signalName(status) + " and dumped core"
	}
	return ""
}

// signalName is "TERM" for 15.
func signalName(n uint64) string {
	if name := unix.SignalName(unix.Signal(n)); len(name) > 3 {
		return name[3:]
	}
	const rtMin = 34
	if n >= rtMin && n <= 64 {
		return fmt.Sprintf("RTMIN+%d", n-rtMin)
	}
	return fmt.Sprint(n)
}
