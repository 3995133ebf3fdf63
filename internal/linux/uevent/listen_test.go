// SPDX-License-Identifier: Apache-2.0

package uevent

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// inNamespace puts the test into a network namespace of its own. Its thread is
// never unlocked, so that it ends with the test.
func inNamespace(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root makes a network namespace in a process with threads")
	}
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("no network namespace here: %v", err)
	}
}

// wait reads until ok says so, at most for two seconds.
func wait(t *testing.T, fd int, ok func(Event, error) bool) {
	t.Helper()
	var r Reader
	deadline := time.Now().Add(2 * time.Second)
	for {
		e, err := r.Next(fd)
		if !errors.Is(err, unix.EAGAIN) {
			if ok(e, err) {
				return
			}
			continue
		}
		left := time.Until(deadline)
		if left <= 0 {
			t.Error("it did not come within two seconds")
			return
		}
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(left.Milliseconds())+1)
	}
}

func TestKernelTells(t *testing.T) {
	inNamespace(t)
	fd, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if out, err := exec.Command("ip", "link", "add", "rouse0", "type", "veth").CombinedOutput(); err != nil {
		t.Skipf("no virtual interface here: %v: %s", err, out)
	}
	wait(t, fd, func(e Event, err error) bool {
		name, _ := e.Get("INTERFACE")
		return err == nil && e.Action == "add" && e.Subsystem == "net" && name == "rouse0" && !e.Udev
	})
	if out, err := exec.Command("ip", "link", "del", "rouse0").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	wait(t, fd, func(e Event, err error) bool {
		return err == nil && e.Action == "remove" && e.Subsystem == "net" && filepath.Base(e.Path) == "rouse0"
	})
}

// TestForgedIsDropped: any process may send to our port; root may send to
// udevd's group.
func TestForgedIsDropped(t *testing.T) {
	inNamespace(t)
	fd, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	forger, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(forger)
	port := name.(*unix.SockaddrNetlink).Pid
	_, properties, _ := strings.Cut(kernelMessage, "\x00")
	for _, c := range []struct {
		to   unix.SockaddrNetlink
		msg  []byte
		fine bool
	}{
		{unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: port}, []byte(kernelMessage), false},
		{unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: GroupKernel}, []byte(kernelMessage), false},
		{unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: GroupUdev}, []byte(kernelMessage), false},
		{unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: GroupUdev}, udevMessage(udevMagic, properties), true},
	} {
		if err := unix.Sendto(forger, c.msg, 0, &c.to); err != nil {
			t.Errorf("cannot send to %+v: %v", c.to, err)
			continue
		}
		wait(t, fd, func(_ Event, err error) bool {
			if (err == nil) != c.fine {
				t.Errorf("a message to %+v: %v", c.to, err)
			}
			return true
		})
	}
}

func TestDevices(t *testing.T) {
	sys := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(sys, "devices/virtual/net/lo"), 0o755))
	must(os.WriteFile(filepath.Join(sys, "devices/virtual/net/lo/uevent"), []byte("INTERFACE=lo\nIFINDEX=1\n"), 0o644))
	must(os.MkdirAll(filepath.Join(sys, "class/net"), 0o755))
	must(os.Symlink("../../devices/virtual/net/lo", filepath.Join(sys, "class/net/lo")))
	must(os.Symlink("/etc", filepath.Join(sys, "class/net/outside")))
	list, err := Devices(sys, "net")
	must(err)
	if len(list) != 1 || list[0].Path != "/devices/virtual/net/lo" || !slices.Contains(list[0].Properties, "INTERFACE=lo") {
		t.Errorf("the devices are %+v", list)
	}
	if list, err := Devices(sys, "nosuch"); err == nil {
		t.Errorf("a subsystem that is not there has %+v", list)
	}
	if list, err = Devices("/sys", "mem"); err != nil || !slices.ContainsFunc(list, func(e Event) bool {
		name, _ := e.Get("DEVNAME")
		return name == "null"
	}) {
		t.Skipf("/sys of this machine has no /dev/null: %v, %+v", err, list)
	}
}
