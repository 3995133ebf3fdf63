// SPDX-License-Identifier: Apache-2.0

package guardian

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/guardian/wire"
)

// finish kills whatever is left, then exits or reboots. No manager runs.
func (g *guardian) finish(end wire.End) int {
	deadline := time.Now().Add(killWait)
	for !g.childless {
		if g.base != "" {
			killCgroup(g.base)
		}
		g.killChildren()
		if !g.awaitExit(deadline) {
			fmt.Fprintf(os.Stderr, "rouse: some processes do not end, not even by SIGKILL, going on without\n")
			break
		}
	}
	if g.base != "" {
		killCgroup(g.base)
		removeCgroup(g.base)
	}
	if g.machine && end.Kind == wire.EndExit {
		end.Kind = wire.EndPoweroff
	}
	if g.pid1 && end.Kind != wire.EndExit {
		reboot(end)
	}
	return int(end.Code)
}

// FirstNamespace tells whether this is the machine's own PID namespace, whose
// inode the kernel knows as PROC_PID_INIT_INO.
func FirstNamespace() bool {
	const inode = 0xeffffffc
	var st unix.Stat_t
	return unix.Stat("/proc/self/ns/pid", &st) == nil && st.Ino == inode
}

// awaitExit waits until a child ends; false: the deadline has passed.
// Children of killed children come without notice, hence the short look.
func (g *guardian) awaitExit(deadline time.Time) bool {
	g.mu.Unlock()
	defer g.mu.Lock()
	look := time.NewTimer(20 * time.Millisecond)
	defer look.Stop()
	select {
	case <-g.gone:
	case <-look.C:
	}
	return time.Now().Before(deadline)
}

// killChildren sends SIGKILL to every child. The lock keeps the reaper from
// freeing their pids meanwhile. Their own children come to the guardian.
func (g *guardian) killChildren() {
	if g.pid1 {
		_ = unix.Kill(-1, unix.SIGKILL) // ESRCH: nobody left
		return
	}
	dir, err := os.Open("/proc")
	if err != nil {
		return
	}
	defer func() { _ = dir.Close() }()
	names, _ := dir.Readdirnames(-1) // a part of them is better than nothing
	self := os.Getpid()
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if parentOf(name) == self {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
}

// parentOf reads the parent's pid from proc_pid_stat(5); 0: none.
func parentOf(pid string) int {
	b, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0
	}
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(f) < 2 {
		return 0
	}
	ppid, _ := strconv.Atoi(string(f[1])) // 0 for what is no number
	return ppid
}

// reboot returns only when reboot(2) fails. In a PID namespace it ends the
// namespace and tells its parent by a signal which kind it was.
func reboot(end wire.End) {
	unix.Sync()
	cmd := map[wire.EndKind]int{
		wire.EndReboot: unix.LINUX_REBOOT_CMD_RESTART, wire.EndPoweroff: unix.LINUX_REBOOT_CMD_POWER_OFF,
		wire.EndHalt: unix.LINUX_REBOOT_CMD_HALT, wire.EndKexec: unix.LINUX_REBOOT_CMD_KEXEC,
	}[end.Kind]
	if end.Kind == wire.EndReboot && end.Arg != "" {
		if arg, err := unix.BytePtrFromString(end.Arg); err == nil {
			_, _, _ = unix.Syscall6(unix.SYS_REBOOT, unix.LINUX_REBOOT_MAGIC1, unix.LINUX_REBOOT_MAGIC2,
				unix.LINUX_REBOOT_CMD_RESTART2, uintptr(unsafe.Pointer(arg)), 0, 0) // failed: reboot without it
		}
	}
	err := unix.Reboot(cmd)
	if err != nil && end.Kind == wire.EndKexec {
		err = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART) // no kernel was loaded
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "rouse: cannot reboot: %v\n", err)
	}
}
