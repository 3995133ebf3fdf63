// SPDX-License-Identifier: Apache-2.0

package sysv

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/signal"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/bus/client"
)

// Host is the machine that this process runs on.
func Host(out *bufio.Writer, stderr io.Writer, place client.UpstartPlace, version string) Sys {
	return Sys{
		Out: out, Err: stderr, Getenv: os.Getenv,
		Connect: func() (Manager, error) { return Connect(place) },
		Utmp:    "/run/utmp", Wtmp: "/var/log/wtmp", Nologin: "/etc/nologin", PidFile: "/run/shutdown.pid", Dev: "/dev",
		Now: time.Now, Wait: waitUntil, Interrupt: interrupt, Reboot: rebootNow,
		Root: os.Geteuid() == 0, Host: hostname(), Kernel: kernel(), User: userName(), Terminal: terminal(),
		Version: version,
	}
}

// waitUntil waits for the moment. Ctrl-C, a hang-up or `shutdown -c` end it.
func waitUntil(until time.Time) bool {
	c := make(chan os.Signal, 1)
	signal.Notify(c, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	defer signal.Stop(c)
	// Not the monotonic clock: a suspended machine is late otherwise.
	for {
		left := time.Until(until.Round(0))
		if left <= 0 {
			return true
		}
		select {
		case <-c:
			return false
		case <-time.After(min(left, time.Minute)):
		}
	}
}

// interrupt ends another shutdown, if that is what runs under its number.
func interrupt(pid int) error {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	other, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
	if err != nil {
		return err
	}
	if other != exe && !strings.HasPrefix(filepath.Base(other), "shutdown") {
		return errors.New("another program has that process id")
	}
	return unix.Kill(pid, unix.SIGINT)
}

// rebootNow does not come back when it works.
func rebootNow(what string, sync bool) error {
	if sync {
		unix.Sync()
	}
	return unix.Reboot(map[string]int{
		"reboot": unix.LINUX_REBOOT_CMD_RESTART, "halt": unix.LINUX_REBOOT_CMD_HALT, "poweroff": unix.LINUX_REBOOT_CMD_POWER_OFF,
	}[what])
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}

// kernel is the release of the kernel, which records of runlevels carry.
func kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

func userName() string {
	for _, name := range []string{os.Getenv("SUDO_USER"), os.Getenv("LOGNAME"), os.Getenv("USER")} {
		if name != "" {
			return name
		}
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "root"
}

// terminal is the caller's terminal, "" for none.
func terminal() string {
	for fd := range 3 {
		path, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
		if err == nil && (strings.HasPrefix(path, "/dev/tty") || strings.HasPrefix(path, "/dev/pts/") || path == "/dev/console") {
			return path
		}
	}
	return ""
}
