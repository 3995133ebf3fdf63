// SPDX-License-Identifier: Apache-2.0

package source

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

func TestMountKey(t *testing.T) {
	key := func(line string) uint64 {
		t.Helper()
		list, err := mountinfo.GetMountsFromReader(strings.NewReader(line), nil)
		if err != nil || len(list) != 1 {
			t.Fatalf("%v, %v", list, err)
		}
		return mountKey(list[0])
	}
	m := key(`36 35 98:0 /mnt1 /mnt\0402 rw,noatime shared:1 master:2 - ext3 /dev/ro\134ot rw,errors=continue`)
	again := key(`36 35 98:0 /mnt1 /mnt\0402 ro master:2 - ext3 /dev/ro\134ot ro`)
	other := key(`37 35 98:0 /mnt1 /mnt\0402 rw,noatime shared:1 master:2 - ext3 /dev/ro\134ot rw,errors=continue`)
	if again != m || other == m {
		t.Error("a mount is told by its options, or not by its number")
	}
}

// A table that cannot be read makes no mount new.
func TestMountsUnreadable(t *testing.T) {
	const line = "36 35 98:0 / /mnt rw - ext3 /dev/root rw\n"
	r := newRig(t)
	table := filepath.Join(r.dir, "mountinfo")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(table, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(line)
	r.set.mountinfo = table
	r.set.mounts = &mounts{fd: -1, seen: map[uint64]bool{}}
	defer func() { r.set.mounts = nil }()
	list, ok := r.set.readMounts()
	if !ok || len(list) != 1 || list[0].Mountpoint != "/mnt" {
		t.Fatalf("%v, %v", list, ok)
	}
	r.set.mounts.seen[mountKey(list[0])] = true
	for _, text := range []string{"nonsense\n", line} {
		write(text)
		r.set.lookAtMounts()
	}
	r.expect()
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
