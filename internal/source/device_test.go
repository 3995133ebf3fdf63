// SPDX-License-Identifier: Apache-2.0

package source

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rouse-init/rouse/internal/linux/uevent"
)

// addDevice makes a device below a /sys of our own.
func (r *rig) addDevice(subsystem, name, properties string) {
	r.t.Helper()
	r.mkdir("sys/devices/virtual/" + subsystem + "/" + name)
	r.mkdir("sys/class/" + subsystem)
	if err := os.WriteFile(filepath.Join(r.dir, "sys/devices/virtual", subsystem, name, "uevent"), []byte(properties), 0o644); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Symlink("../../devices/virtual/"+subsystem+"/"+name, filepath.Join(r.dir, "sys/class", subsystem, name)); err != nil {
		r.t.Fatal(err)
	}
}

// TestDevicesThatAreThere: without udevd a new job is told of them; a new
// manager does not tell them again.
func TestDevicesThatAreThere(t *testing.T) {
	r := newRig(t)
	r.set.sys = r.dir + "/sys"
	r.addDevice("net", "lo", "INTERFACE=lo\nIFINDEX=1\n")
	r.addDevice("mem", "null", "DEVNAME=null\nMAJOR=1\n")
	terms := []Wanted{term("net-device-added INTERFACE!=eth0"), term("mem-device-removed"), term("nosuch-device-changed")}
	r.set.Want(terms)
	lo := "net-device-added KERNEL=lo DEVPATH=/devices/virtual/net/lo SUBSYSTEM=net ACTION=add INTERFACE=lo IFINDEX=1"
	r.expect(lo)
	r.set.Want(append(terms, termOf("new.service", "net-device-added")))
	r.expect(lo)
	r.die(append(terms, termOf("new.service", "net-device-added"))...)
	r.set.sys = r.dir + "/sys"
	r.expect()
	r.mkdir("udev/control")
	r.set.Want([]Wanted{term("mem-device-added")})
	r.expect() // udevd repeats what is there when it is told to
}

func TestLostMessages(t *testing.T) {
	r := newRig(t)
	r.set.sys = r.dir + "/sys"
	r.addDevice("net", "lo", "")
	r.set.Want([]Wanted{term("net-device-added"), term("net-device-removed")})
	r.expect("net-device-added KERNEL=lo DEVPATH=/devices/virtual/net/lo SUBSYSTEM=net ACTION=add")
	r.remove("sys/devices/virtual/net/lo")
	r.addDevice("net", "eth0", "")
	r.set.compareDevices()
	r.set.flush()
	r.expect("net-device-added KERNEL=eth0 DEVPATH=/devices/virtual/net/eth0 SUBSYSTEM=net ACTION=add",
		"net-device-removed KERNEL=lo DEVPATH=/devices/virtual/net/lo SUBSYSTEM=net ACTION=remove")
}

func TestDeviceVariables(t *testing.T) {
	e := uevent.Event{Action: "change", Path: "/devices/x/cciss!c0d0", Subsystem: "block", Properties: []string{
		"ACTION=change", "DEVPATH=/devices/x/cciss!c0d0", "SUBSYSTEM=block", "DEVNAME=cciss/c0d0", "ID_MODEL=A\x01\x7f\xffB", "A B=c", "ID_X=1",
	}}
	want := []string{
		"KERNEL=cciss/c0d0", "DEVPATH=/devices/x/cciss!c0d0", "DEVNAME=/dev/cciss/c0d0", "SUBSYSTEM=block", "ACTION=change", "ID_MODEL=AB", "ID_X=1",
	}
	if got := deviceEnv(&e); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	for name, want := range map[string]bool{
		"net-device-added": true, "a-b-device-changed": true, "device-added": false, "net-device-up": false, "-device-added": false,
		"a/b-device-added": false, "drm-device-move": true,
	} {
		if _, _, ok := deviceEvent(name); ok != want {
			t.Errorf("%s is the event of a device: %v", name, ok)
		}
	}
}

// TestRealDevices has interfaces come and go in a network namespace of its
// own; the thread of the test is thrown away afterwards.
func TestRealDevices(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root makes a network namespace in a process with threads")
	}
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("no network namespace here: %v", err)
	}
	r := newRig(t)
	r.set.sys = r.dir + "/sys" // the real one is of another namespace
	terms := []Wanted{term("net-device-added"), term("net-device-removed")}
	r.set.Want(terms)
	ip := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Skipf("no virtual interface here: %v: %s", err, out)
		}
	}
	ip("link", "add", "rouse0", "type", "veth", "peer", "name", "rouse1")
	r.until("net-device-added KERNEL=rouse0 DEVPATH=/devices/virtual/net/rouse0 SUBSYSTEM=net ACTION=add INTERFACE=rouse0 IFINDEX=")
	r.set.Close() // dead, and meanwhile:
	ip("link", "del", "rouse0")
	r.told = nil
	r.die(terms...)
	r.set.sys = r.dir + "/sys"
	r.until("net-device-removed KERNEL=rouse0 DEVPATH=/devices/virtual/net/rouse0 SUBSYSTEM=net ACTION=remove INTERFACE=rouse0 IFINDEX=")
}

// until turns until an event was told that starts so.
func (r *rig) until(prefix string) {
	r.t.Helper()
	deadline := time.Now().Add(2 * time.Second)
	for !slices.ContainsFunc(r.told, func(e string) bool { return strings.HasPrefix(e, prefix) }) {
		if time.Now().After(deadline) {
			r.t.Fatalf("told %q, want %q; said %q", r.told, prefix, r.said)
		}
		r.turn(50 * time.Millisecond)
	}
}
