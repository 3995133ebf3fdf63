// SPDX-License-Identifier: Apache-2.0

package guardian

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const quiet = unix.MS_NOSUID | unix.MS_NODEV

// systemMounts are the kernel's own file systems, and what must be there before
// anything can be written, in the order in which they lie in each other. The
// file systems of fstab(5) are the business of units.
var systemMounts = []struct {
	path, kind string
	flags      uintptr
	data       string
}{
	{"/sys", "sysfs", quiet | unix.MS_NOEXEC, ""},
	{"/sys/fs/cgroup", "cgroup2", quiet | unix.MS_NOEXEC, "nsdelegate,memory_recursiveprot"},
	{"/dev", "devtmpfs", unix.MS_NOSUID | unix.MS_STRICTATIME, "mode=0755,size=4m"},
	{"/dev/pts", "devpts", unix.MS_NOSUID | unix.MS_NOEXEC, "mode=0620,gid=5"},
	{"/dev/shm", "tmpfs", quiet | unix.MS_STRICTATIME, "mode=1777"},
	{"/run", "tmpfs", quiet | unix.MS_STRICTATIME, "mode=0755,size=20%"},
}

// mountProc mounts /proc where it is not there: a process 1 that a kernel has
// just started sees nothing of itself.
func mountProc() {
	const self = "/proc/self/exe"
	if err := unix.Access(self, unix.F_OK); !errors.Is(err, unix.ENOENT) {
		return
	}
	_ = os.Mkdir("/proc", 0o555) // the mount tells
	if err := unix.Mount("proc", "/proc", "proc", quiet|unix.MS_NOEXEC, ""); err != nil {
		fmt.Fprintf(os.Stderr, "rouse: mount /proc: %v\n", err)
	}
}

// mountSystem makes a machine of a kernel that has just booted. What an initial
// RAM disk has mounted stays as it is.
func mountSystem() error {
	var failed []error
	for _, m := range systemMounts {
		if mounted(m.path) {
			continue
		}
		_ = os.MkdirAll(m.path, 0o755) // the mount tells
		err := unix.Mount(m.kind, m.path, m.kind, m.flags, m.data)
		if errors.Is(err, unix.EINVAL) && m.data != "" {
			err = unix.Mount(m.kind, m.path, m.kind, m.flags, "") // options that this kernel does not know yet
		}
		if err != nil && !errors.Is(err, unix.EBUSY) {
			failed = append(failed, fmt.Errorf("mount %s: %w", m.path, err))
		}
	}
	return errors.Join(failed...)
}

// mounted tells whether something is mounted at path: it lies on another device
// than its parent.
func mounted(path string) bool {
	var at, above unix.Stat_t
	if unix.Lstat(path, &at) != nil || unix.Lstat(filepath.Dir(path), &above) != nil {
		return false
	}
	return at.Dev != above.Dev
}
