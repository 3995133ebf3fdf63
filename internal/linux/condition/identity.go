// SPDX-License-Identifier: Apache-2.0

package condition

import (
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/user"
	"golang.org/x/sys/unix"
)

func userIs(arg string, uid int) bool {
	switch arg {
	case "@system":
		return uid < 1000 || uid == 65534
	}
	if n, err := strconv.Atoi(arg); err == nil {
		return n == uid
	}
	u, err := namedUser(arg)
	return err == nil && u.Uid == uid
}

func namedUser(name string) (user.User, error) {
	return user.LookupUser(name)
}

func checkUser(arg string) (bool, error) { return userIs(arg, os.Getuid()), nil }

func checkGroup(arg string) (bool, error) {
	gid, err := strconv.Atoi(arg)
	if err != nil {
		g, err := user.LookupGroup(arg)
		if err != nil {
			return false, nil //nolint:nilerr // a group that does not exist is nobody's
		}
		gid = g.Gid
	}
	groups, err := unix.Getgroups()
	return gid == os.Getgid() || gid == os.Getegid() || slices.Contains(groups, gid), err
}

// security knows the modules of the kernel by their traces in /sys.
func security(arg string) (bool, error) {
	lsm := strings.Split(fileText("/sys/kernel/security/lsm"), ",")
	switch arg {
	case "selinux", "apparmor", "tomoyo", "smack", "ima":
		return slices.Contains(lsm, arg), nil
	case "audit":
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_AUDIT)
		if err != nil {
			return false, nil //nolint:nilerr // no audit in this kernel, or not for us
		}
		return true, unix.Close(fd)
	case "uefi-secureboot":
		b, err := os.ReadFile("/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c")
		return err == nil && len(b) == 5 && b[4] == 1, nil
	case "tpm2":
		return pathExists("/sys/class/tpmrm/tpmrm0")
	case "cvm", "measured-uki":
		return false, nil
	}
	return false, errUnknown
}

// controller holds for controllers that are there, and for unknown names.
func controller(arg string) (bool, error) {
	if arg == "v1" || arg == "v2" {
		var st unix.Statfs_t
		if err := unix.Statfs("/sys/fs/cgroup", &st); err != nil {
			return false, err
		}
		return (st.Type == unix.CGROUP2_SUPER_MAGIC) == (arg == "v2"), nil
	}
	have := strings.Fields(fileText("/sys/fs/cgroup/cgroup.controllers"))
	known := []string{"cpu", "cpuset", "io", "memory", "pids"}
	for _, c := range strings.Fields(arg) {
		if slices.Contains(known, c) && !slices.Contains(have, c) {
			return false, nil
		}
	}
	return true, nil
}
