// SPDX-License-Identifier: Apache-2.0

package handover

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// registration is one epoll registration of the daemon's own socket, made
// before bind(): it would be lost with that socket.
type registration struct {
	epoll  int // the process's descriptor of the epoll set
	events uint32
	data   uint64
}

// registrations finds the epoll sets of the process that watch fd.
func (t *target) registrations(fd int) []registration {
	f, err := os.Open(t.proc("fd"))
	if err != nil {
		return nil
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil
	}
	var out []registration
	for _, n := range names {
		l, err := os.Readlink(t.proc("fd/" + n))
		if err != nil || l != "anon_inode:[eventpoll]" {
			continue
		}
		info, err := os.ReadFile(t.proc("fdinfo/" + n))
		num, err2 := strconv.Atoi(n)
		if err != nil || err2 != nil {
			continue
		}
		if r, ok := parseRegistration(string(info), fd); ok {
			r.epoll = num
			out = append(out, r)
		}
	}
	return out
}

// parseRegistration reads "tfd: 5 events: 19 data: 500000005 pos:0 ..."
// (proc_pid_fdinfo(5); numbers are hexadecimal but for the first).
func parseRegistration(info string, fd int) (registration, bool) {
	for line := range strings.Lines(info) {
		f := strings.Fields(line)
		if len(f) < 6 || f[0] != "tfd:" || f[1] != strconv.Itoa(fd) {
			continue
		}
		events, err1 := strconv.ParseUint(f[3], 16, 32)
		data, err2 := strconv.ParseUint(f[5], 16, 64)
		if err1 != nil || err2 != nil {
			return registration{}, false
		}
		return registration{events: uint32(events), data: data}, true
	}
	return registration{}, false
}

// register makes a registration again, now of the held socket. The kernel
// knows a registration by file and number, and takes the number from the
// caller's table: so that the daemon can change it later, the held socket
// gets the daemon's number for a moment, in a table of its own.
func (t *target) register(r registration, held, fd int) error {
	epoll, err := t.descriptor(r.epoll)
	if err != nil {
		return err
	}
	defer unix.Close(epoll)
	return onSpareThread(func() error { return registerAs(epoll, held, fd, r) })
}

// onSpareThread runs fn on a thread that ends with it: what fn does to the
// thread's table of descriptors concerns nobody else. Never on the main
// thread, whose table is what /proc/self shows.
func onSpareThread(fn func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// While this one has the main thread, another cannot get it.
			defer runtime.UnlockOSThread()
			result <- onSpareThread(fn)
			return
		}
		result <- fn()
	}()
	return <-result
}

// registerAs runs on a thread that is thrown away. If fd is the number of
// the epoll descriptor or of the held socket, those move away first.
func registerAs(epoll, held, fd int, r registration) error {
	if err := unix.Unshare(unix.CLONE_FILES); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	for _, p := range []*int{&epoll, &held} {
		if *p != fd {
			continue
		}
		n, err := unix.FcntlInt(uintptr(*p), unix.F_DUPFD_CLOEXEC, fd+1)
		if err != nil {
			return err
		}
		*p = n
	}
	if err := unix.Dup3(held, fd, unix.O_CLOEXEC); err != nil {
		return err
	}
	ev := unix.EpollEvent{Events: r.events, Fd: int32(uint32(r.data)), Pad: int32(uint32(r.data >> 32))}
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &ev); err != nil && !errors.Is(err, unix.EEXIST) {
		return err
	}
	return nil
}
