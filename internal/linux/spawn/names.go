// SPDX-License-Identifier: Apache-2.0

package spawn

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// callName names a call and says how many arguments it has.
func callName(nr uint64) (name string, args int) {
	switch nr {
	case opDecimal:
		return "decimal", 2
	case opExpect:
		return "expect", 3
	case opMove:
		return "move", 2
	case unix.SYS_OPENAT:
		return "openat", 4
	case unix.SYS_WRITE:
		return "write", 3
	case unix.SYS_DUP3:
		return "dup3", 3
	case unix.SYS_FCNTL:
		return "fcntl", 3
	case unix.SYS_IOCTL:
		return "ioctl", 3
	case unix.SYS_CLOSE_RANGE:
		return "close_range", 3
	case unix.SYS_SETSID:
		return "setsid", 0
	case unix.SYS_GETPID:
		return "getpid", 0
	case unix.SYS_GETPPID:
		return "getppid", 0
	case unix.SYS_PRCTL:
		return "prctl", 5
	case unix.SYS_SETPRIORITY:
		return "setpriority", 3
	case unix.SYS_SCHED_SETSCHEDULER:
		return "sched_setscheduler", 3
	case unix.SYS_SCHED_SETAFFINITY:
		return "sched_setaffinity", 3
	case unix.SYS_IOPRIO_SET:
		return "ioprio_set", 3
	case unix.SYS_PERSONALITY:
		return "personality", 1
	case unix.SYS_UMASK:
		return "umask", 1
	case unix.SYS_KEYCTL:
		return "keyctl", 5
	case unix.SYS_PRLIMIT64:
		return "prlimit64", 4
	case unix.SYS_CHROOT:
		return "chroot", 1
	case unix.SYS_CHDIR:
		return "chdir", 1
	case sysSetgroups:
		return "setgroups", 2
	case sysSetresgid:
		return "setresgid", 3
	case sysSetresuid:
		return "setresuid", 3
	case unix.SYS_CAPSET:
		return "capset", 2
	case unix.SYS_SECCOMP:
		return "seccomp", 3
	case unix.SYS_SENDMSG:
		return "sendmsg", 3
	case unix.SYS_RT_SIGPROCMASK:
		return "rt_sigprocmask", 4
	case unix.SYS_RT_SIGACTION:
		return "rt_sigaction", 4
	case unix.SYS_EXECVE:
		return "execve", 3
	}
	return fmt.Sprintf("syscall %d", nr), 6
}
