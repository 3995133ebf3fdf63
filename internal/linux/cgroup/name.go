// SPDX-License-Identifier: Apache-2.0

package cgroup

import "strings"

// Escape makes a unit name fit for a directory below a cgroup, where the
// kernel has files of its own: names that it could use, and names that look
// escaped, get a "_" before them, as with systemd.
func Escape(name string) string {
	if reserved(name) {
		return "_" + name
	}
	return name
}

// Unescape undoes Escape.
func Unescape(name string) string { return strings.TrimPrefix(name, "_") }

func reserved(name string) bool {
	if name == "" || name[0] == '_' || name[0] == '.' {
		return true
	}
	switch name {
	case "notify_on_release", "release_agent", "tasks":
		return true
	}
	prefix, _, dot := strings.Cut(name, ".")
	if !dot {
		return false
	}
	// "cgroup." and the names of controllers, of both versions.
	switch prefix {
	case "cgroup", "cpu", "cpuacct", "cpuset", "io", "blkio", "memory", "devices", "pids", "freezer", "hugetlb",
		"net_cls", "net_prio", "perf_event", "rdma", "misc", "dmem":
		return true
	}
	return false
}
