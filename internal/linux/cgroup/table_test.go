// SPDX-License-Identifier: Apache-2.0

package cgroup

import "testing"

const (
	infoUnified = "24 22 0:21 / /proc rw - proc proc rw\n" +
		"29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
	infoHybrid = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n" +
		"32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n" +
		"41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
	infoBound = "29 23 0:26 /lxc/a /mnt/my\\040cgroups rw master:1 - cgroup2 none rw\n"
)

func TestMounts(t *testing.T) {
	for _, c := range []struct {
		name, info string
		want       mounts
	}{
		{"none", "24 22 0:21 / /proc rw - proc proc rw\nbroken line\n", mounts{}},
		{"unified", infoUnified, mounts{point: "/sys/fs/cgroup", root: "/"}},
		{"hybrid", infoHybrid, mounts{point: "/sys/fs/cgroup/unified", root: "/", v1: true}},
		{"bound part, space in the name", infoBound, mounts{point: "/mnt/my cgroups", root: "/lxc/a"}},
		{"whole one preferred", infoUnified + infoBound, mounts{point: "/sys/fs/cgroup", root: "/"}},
	} {
		if got := findMounts(c.info); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestDirOf(t *testing.T) {
	whole, part := mounts{point: "/cg", root: "/"}, mounts{point: "/cg", root: "/lxc/a"}
	outer := mounts{point: "/cg", root: "/../.."}
	for _, c := range []struct {
		m          mounts
		path, want string
	}{
		{whole, "/", "/cg"},
		{whole, "/user.slice/x", "/cg/user.slice/x"},
		{whole, "/../x", ""}, // outside of the cgroup namespace
		{part, "/lxc/a", "/cg"},
		{part, "/lxc/a/b", "/cg/b"},
		{part, "/lxc/ab", ""},
		{part, "/", ""},
		{outer, "/x", ""},
	} {
		if got := c.m.dirOf(c.path); got != c.want {
			t.Errorf("%+v %q: %q, want %q", c.m, c.path, got, c.want)
		}
	}
}

func TestUnifiedOf(t *testing.T) {
	for text, want := range map[string]string{
		"9:name=systemd:/x\n0::/a/b\n": "/a/b",
		"0::/a (deleted)\n":            "/a",
		"0::/\n":                       "/",
	} {
		if got, ok := unifiedOf(text); !ok || got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
	if _, ok := unifiedOf("1:cpu:/x\n"); ok {
		t.Error("found one in version 1 only")
	}
}

func TestEscape(t *testing.T) {
	for name, want := range map[string]string{
		"web.service":          "web.service",
		"cgroup.procs.service": "_cgroup.procs.service",
		"memory.service":       "_memory.service",
		"memoryx.service":      "memoryx.service",
		"cpu":                  "cpu",
		"tasks":                "_tasks",
		"_x.service":           "__x.service",
		".hidden.service":      "_.hidden.service",
		"release_agent":        "_release_agent",
	} {
		if got := Escape(name); got != want || Unescape(got) != name {
			t.Errorf("%q: %q, back %q", name, got, Unescape(got))
		}
	}
}

func TestCommonAncestor(t *testing.T) {
	for _, c := range [][3]string{
		{"/cg/a/b", "/cg/a/c", "/cg/a"},
		{"/cg/a", "/cg/a/c", "/cg/a"},
		{"/cg/a/c", "/cg/a", "/cg/a"},
		{"/cg/ab", "/cg/a", "/cg"},
	} {
		if got := commonAncestor(c[0], c[1]); got != c[2] {
			t.Errorf("%q %q: %q", c[0], c[1], got)
		}
	}
}

func TestKeyed(t *testing.T) {
	text := []byte("populated 1\nfrozen 0\noom_kill 12\noom_group_kill 3\nbad\n")
	for key, want := range map[string]uint64{"populated": 1, "frozen": 0, "oom_kill": 12, "kill": 0, "bad": 0} {
		if got := keyed(text, key); got != want {
			t.Errorf("%s: %d", key, got)
		}
	}
}

func TestParseStat(t *testing.T) {
	p, ok := parseStat(7, []byte("7 (a) b (c) S 3 7 9 0 -1 4194304"))
	if !ok || p != (process{pid: 7, parent: 3, session: 9, state: 'S'}) {
		t.Errorf("%+v %v", p, ok)
	}
	for _, bad := range []string{"", "7 (x", "7 (x) S 1", "7 (x) S a b c"} {
		if _, ok := parseStat(7, []byte(bad)); ok {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestFactsString(t *testing.T) {
	for want, f := range map[string]Facts{
		"none (no cgroup2 file system is mounted), freeze: by signal, escapes possible": {Why: "no cgroup2 file system is mounted"},
		"hybrid, no controllers, /sys/fs/cgroup/unified/rouse": {
			Kind: Hybrid, Usable: true, Freezer: true, Kill: true, Base: "/sys/fs/cgroup/unified/rouse",
		},
		"unified, delegated, controllers cpu memory, kill: by signal, /sys/fs/cgroup/u": {
			Kind: Unified, Usable: true, Delegated: true, Freezer: true, Controllers: []string{"cpu", "memory"}, Base: "/sys/fs/cgroup/u",
		},
	} {
		if got := f.String(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
