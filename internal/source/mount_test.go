// SPDX-License-Identifier: Apache-2.0

package source

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParseMount(t *testing.T) {
	m, ok := parseMount(`36 35 98:0 /mnt1 /mnt\0402 rw,noatime shared:1 master:2 - ext3 /dev/ro\134ot rw,errors=continue` + "\n")
	if !ok || m.point != "/mnt 2" || m.kind != "ext3" || m.device != `/dev/ro\ot` {
		t.Errorf("%+v, %v", m, ok)
	}
	again, _ := parseMount(`36 35 98:0 /mnt1 /mnt\0402 ro master:2 - ext3 /dev/ro\134ot ro` + "\n")
	other, _ := parseMount(`37 35 98:0 /mnt1 /mnt\0402 rw,noatime shared:1 master:2 - ext3 /dev/ro\134ot rw,errors=continue` + "\n")
	if again.key != m.key || other.key == m.key {
		t.Error("a mount is told by its options, or not by its number")
	}
	for _, line := range []string{"", " - ", "1 2 3 4 5 6", "1 2 3 4 5 - ext4 x", "1 2 3 4 5 6 - ext4"} {
		if _, ok := parseMount(line); ok {
			t.Errorf("%q is taken for a mount", line)
		}
	}
}

// Each mount is an event, but not what is there already; a new manager tells
// what was mounted meanwhile, and nothing twice. The mounts are made in a
// namespace of this thread.
func TestMounts(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting needs root")
	}
	runtime.LockOSThread() // for good: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS); err != nil {
		t.Skipf("cannot have mounts of its own: %v", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	r := newRig(t)
	r.mountinfo = "/proc/thread-self/mountinfo"
	r.set.mountinfo = r.mountinfo
	mount := func(name string) string {
		t.Helper()
		dir := filepath.Join(r.dir, name)
		r.mkdir(name)
		if err := unix.Mount("none-"+name, dir, "tmpfs", 0, "size=4k"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
		return "mount MOUNTPOINT=" + dir + " TYPE=tmpfs DEVICE=none-" + name
	}
	mount("before")
	r.set.Want([]Wanted{term("mount")})
	r.expect()
	r.expect(mount("first"))
	r.expect(mount("second"))
	if err := unix.Unmount(filepath.Join(r.dir, "first"), 0); err != nil {
		t.Fatal(err)
	}
	r.expect()
	meanwhile := mount("meanwhile")
	r.die(term("mount"))
	r.expect(meanwhile)
	r.die(term("mount"))
	r.expect()
	r.set.Want(nil)
	mount("unwanted")
	r.expect()
}
